//! Sign-ins and their refresh tokens, of which only hashes are kept.

use super::Connection;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RefreshTokenRow {
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    pub family: String,
    pub account: String,
    pub expires_at_ms: i64,
    pub used_at_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct FamilyRow {
    pub id: String,
    pub account: String,
    pub started_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    pub end_reason: Option<String>,
}

pub async fn start_family(
    conn: &mut Connection,
    id: &str,
    account: &str,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO session_family (id, account, started_at_ms) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(account)
        .bind(now_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn family(conn: &mut Connection, id: &str) -> Result<Option<FamilyRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM session_family WHERE id = $1").bind(id).fetch_optional(conn).await
}

/// Ends one sign-in; one that has ended keeps its first reason.
pub async fn end_family(
    conn: &mut Connection,
    id: &str,
    now_ms: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE session_family SET ended_at_ms = $2, end_reason = $3
        WHERE id = $1 AND ended_at_ms IS NULL";
    sqlx::query(SQL).bind(id).bind(now_ms).bind(reason).execute(conn).await?;
    Ok(())
}

/// Ends the sign-ins of an account, the one in `family` excepted.
pub async fn end_others(
    conn: &mut Connection,
    account: &str,
    family: &str,
    now_ms: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE session_family SET ended_at_ms = $3, end_reason = $4
        WHERE account = $1 AND id <> $2 AND ended_at_ms IS NULL";
    sqlx::query(SQL).bind(account).bind(family).bind(now_ms).bind(reason).execute(conn).await?;
    Ok(())
}

/// Ends all sign-ins of an account.
pub async fn end_all(
    conn: &mut Connection,
    account: &str,
    now_ms: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE session_family SET ended_at_ms = $2, end_reason = $3
        WHERE account = $1 AND ended_at_ms IS NULL";
    sqlx::query(SQL).bind(account).bind(now_ms).bind(reason).execute(conn).await?;
    Ok(())
}

pub async fn insert_token(conn: &mut Connection, row: &RefreshTokenRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO refresh_token (hash, family, account, expires_at_ms, used_at_ms)
        VALUES ($1, $2, $3, $4, $5)";
    sqlx::query(SQL)
        .bind(&row.hash)
        .bind(&row.family)
        .bind(&row.account)
        .bind(row.expires_at_ms)
        .bind(row.used_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn token(conn: &mut Connection, hash: &[u8]) -> Result<Option<RefreshTokenRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM refresh_token WHERE hash = $1").bind(hash).fetch_optional(conn).await
}

pub async fn mark_used(conn: &mut Connection, hash: &[u8], now_ms: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE refresh_token SET used_at_ms = $2 WHERE hash = $1")
        .bind(hash)
        .bind(now_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets tokens that expired before `before_ms`, and sign-ins that began before it and have none
/// left. Those at the console never have one, and end long before.
pub async fn forget_expired(conn: &mut Connection, before_ms: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM refresh_token WHERE expires_at_ms < $1")
        .bind(before_ms)
        .execute(&mut *conn)
        .await?;
    const SQL: &str = "DELETE FROM session_family
        WHERE started_at_ms < $1
          AND NOT EXISTS (SELECT 1 FROM refresh_token WHERE refresh_token.family = session_family.id)";
    sqlx::query(SQL).bind(before_ms).execute(conn).await?;
    Ok(())
}
