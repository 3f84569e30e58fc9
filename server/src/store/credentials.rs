//! Passwords, hashed, and the count of failed sign-ins.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct CredentialRow {
    #[n(0)]
    pub account: String,
    /// PHC string.
    #[n(1)]
    pub password_hash: String,
    #[n(2)]
    pub changed_at_ms: i64,
}

impl CommittedRow for CredentialRow {
    const TABLE: &'static str = "credential";

    fn key(&self) -> String {
        self.account.clone()
    }
}

pub async fn save(conn: &mut Connection, row: &CredentialRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO credential (account, password_hash, changed_at_ms) VALUES ($1, $2, $3)
        ON CONFLICT (account) DO UPDATE SET
            password_hash = excluded.password_hash, changed_at_ms = excluded.changed_at_ms";
    sqlx::query(SQL)
        .bind(&row.account)
        .bind(&row.password_hash)
        .bind(row.changed_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_account(conn: &mut Connection, account: &str) -> Result<Option<CredentialRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM credential WHERE account = $1").bind(account).fetch_optional(conn).await
}

/// Failed sign-ins in a row under one login, whether the login exists or not.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LoginGuardRow {
    pub login: String,
    pub failures: i64,
    pub last_failed_at_ms: i64,
}

pub async fn login_guard(conn: &mut Connection, login: &str) -> Result<Option<LoginGuardRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM login_guard WHERE login = $1").bind(login).fetch_optional(conn).await
}

/// Counts a failure and forgets those before `forget_before_ms`, so that guessed logins do not pile up.
pub async fn count_failure(
    conn: &mut Connection,
    login: &str,
    now_ms: i64,
    forget_before_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM login_guard WHERE last_failed_at_ms < $1")
        .bind(forget_before_ms)
        .execute(&mut *conn)
        .await?;
    const SQL: &str = "INSERT INTO login_guard (login, failures, last_failed_at_ms) VALUES ($1, 1, $2)
        ON CONFLICT (login) DO UPDATE SET
            failures = login_guard.failures + 1, last_failed_at_ms = excluded.last_failed_at_ms";
    sqlx::query(SQL).bind(login).bind(now_ms).execute(conn).await?;
    Ok(())
}

pub async fn forget_failures(conn: &mut Connection, login: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM login_guard WHERE login = $1").bind(login).execute(conn).await?;
    Ok(())
}
