//! Second factors: the confirmed one of an account, one that was shown and not confirmed yet, and the
//! last time step whose code was taken.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct SecondFactorRow {
    #[n(0)]
    pub account: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub secret: Vec<u8>,
    #[n(2)]
    pub confirmed_at_ms: i64,
}

impl CommittedRow for SecondFactorRow {
    const TABLE: &'static str = "second_factor";

    fn key(&self) -> String {
        self.account.clone()
    }
}

/// A factor that the account's person was shown and has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PendingRow {
    pub account: String,
    /// The sign-in that asked for it.
    pub family: String,
    pub secret: Vec<u8>,
    pub expires_at_ms: i64,
}

pub async fn by_account(
    conn: &mut Connection,
    account: &str,
) -> Result<Option<SecondFactorRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM second_factor WHERE account = $1").bind(account).fetch_optional(conn).await
}

/// Writes a factor that is confirmed; what was pending has served.
pub async fn insert(conn: &mut Connection, row: &SecondFactorRow) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO second_factor (account, secret, confirmed_at_ms) VALUES ($1, $2, $3)")
        .bind(&row.account)
        .bind(&row.secret)
        .bind(row.confirmed_at_ms)
        .execute(&mut *conn)
        .await?;
    forget_pending(conn, &row.account).await
}

/// Removes the factor with everything that belongs to it.
pub async fn remove(conn: &mut Connection, account: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM second_factor WHERE account = $1").bind(account).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM second_factor_use WHERE account = $1").bind(account).execute(&mut *conn).await?;
    forget_pending(conn, account).await
}

pub async fn pending(conn: &mut Connection, account: &str) -> Result<Option<PendingRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM second_factor_pending WHERE account = $1")
        .bind(account)
        .fetch_optional(conn)
        .await
}

/// Keeps what is pending; an account has one.
pub async fn save_pending(conn: &mut Connection, row: &PendingRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO second_factor_pending (account, family, secret, expires_at_ms)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (account) DO UPDATE SET
            family = excluded.family, secret = excluded.secret, expires_at_ms = excluded.expires_at_ms";
    sqlx::query(SQL)
        .bind(&row.account)
        .bind(&row.family)
        .bind(&row.secret)
        .bind(row.expires_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

async fn forget_pending(conn: &mut Connection, account: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM second_factor_pending WHERE account = $1").bind(account).execute(conn).await?;
    Ok(())
}

/// Takes a time step out of use. Says no to one that was taken before, and to those before it.
pub async fn take_step(conn: &mut Connection, account: &str, step: i64) -> Result<bool, sqlx::Error> {
    const SQL: &str = "INSERT INTO second_factor_use (account, step) VALUES ($1, $2)
        ON CONFLICT (account) DO UPDATE SET step = excluded.step WHERE second_factor_use.step < excluded.step";
    let taken = sqlx::query(SQL).bind(account).bind(step).execute(conn).await?;
    Ok(taken.rows_affected() == 1)
}
