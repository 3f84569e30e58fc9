//! What acts gave under their clients' idempotency keys.

use super::Connection;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct IdempotencyRow {
    pub account: String,
    pub key: String,
    /// Which commit of the request it is.
    pub ordinal: i64,
    /// SHA-256 over a secret of the server's and the hash of method, path and body.
    pub request: Vec<u8>,
    /// Canonical CBOR.
    pub output: Vec<u8>,
    pub created_at_ms: i64,
}

pub async fn by_key(
    conn: &mut Connection,
    account: &str,
    key: &str,
    ordinal: i64,
) -> Result<Option<IdempotencyRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM idempotency WHERE account = $1 AND key = $2 AND ordinal = $3")
        .bind(account)
        .bind(key)
        .bind(ordinal)
        .fetch_optional(conn)
        .await
}

pub async fn insert(conn: &mut Connection, row: &IdempotencyRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO idempotency (account, key, ordinal, request, output, created_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(SQL)
        .bind(&row.account)
        .bind(&row.key)
        .bind(row.ordinal)
        .bind(&row.request)
        .bind(&row.output)
        .bind(row.created_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets what is older.
pub async fn forget_before(conn: &mut Connection, created_before_ms: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM idempotency WHERE created_at_ms < $1")
        .bind(created_before_ms)
        .execute(conn)
        .await?;
    Ok(())
}
