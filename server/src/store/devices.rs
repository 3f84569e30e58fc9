//! Enrolled devices, and the challenges given out for enrolment.

use super::{CommittedRow, Connection};
use liuhen_trace::{Canonical as _, Grant, Refusal, SignedGrant};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct DeviceRow {
    /// [`liuhen_trace::DeviceId`] as hex.
    #[n(0)]
    pub id: String,
    #[n(1)]
    pub account: String,
    #[n(2)]
    pub name: String,
    /// [`liuhen_trace::Suite`] as a number.
    #[n(3)]
    pub suite: i64,
    #[cbor(n(4), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// Canonical [`liuhen_trace::SignedGrant`].
    #[cbor(n(5), with = "minicbor::bytes")]
    pub signed_grant: Vec<u8>,
    #[n(6)]
    pub enrolled_at_ms: i64,
    #[n(7)]
    pub revoked_at_ms: Option<i64>,
    #[n(8)]
    pub revoked_reason: Option<String>,
}

impl DeviceRow {
    /// What the deployment signed for the device.
    pub fn grant(&self) -> Result<Grant, Refusal> {
        Grant::from_canonical(&SignedGrant::from_canonical(&self.signed_grant)?.bytes)
    }

    /// Whether the server holds the device's key.
    pub fn is_desk(&self) -> bool {
        self.grant().is_ok_and(|grant| grant.is_desk())
    }
}

impl CommittedRow for DeviceRow {
    const TABLE: &'static str = "device";

    fn key(&self) -> String {
        self.id.clone()
    }
}

pub async fn insert(conn: &mut Connection, row: &DeviceRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO device
            (id, account, name, suite, public_key, signed_grant, enrolled_at_ms, revoked_at_ms, revoked_reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(SQL)
        .bind(&row.id)
        .bind(&row.account)
        .bind(&row.name)
        .bind(row.suite)
        .bind(&row.public_key)
        .bind(&row.signed_grant)
        .bind(row.enrolled_at_ms)
        .bind(row.revoked_at_ms)
        .bind(&row.revoked_reason)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes the columns that a revocation changes.
pub async fn save_revocation(conn: &mut Connection, row: &DeviceRow) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE device SET revoked_at_ms = $2, revoked_reason = $3 WHERE id = $1")
        .bind(&row.id)
        .bind(row.revoked_at_ms)
        .bind(&row.revoked_reason)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_id(conn: &mut Connection, id: &str) -> Result<Option<DeviceRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM device WHERE id = $1").bind(id).fetch_optional(conn).await
}

/// The account's own devices, in the order of ids, behind `after`.
pub async fn page_of_account(
    conn: &mut Connection,
    account: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<DeviceRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM device WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3")
        .bind(account)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// In the order of ids, behind `after`; of accounts in the department `below` and those below it, of all
/// when absent.
pub async fn page_below(
    conn: &mut Connection,
    below: Option<&str>,
    after: &str,
    limit: i64,
) -> Result<Vec<DeviceRow>, sqlx::Error> {
    const SQL: &str = "SELECT device.* FROM device JOIN account ON account.id = device.account
        WHERE device.id > $1
          AND ($2 IS NULL OR account.department IN (SELECT id FROM department_scope WHERE above = $2))
        ORDER BY device.id LIMIT $3";
    sqlx::query_as(SQL).bind(after).bind(below).bind(limit).fetch_all(conn).await
}

/// Keeps a challenge and forgets those that have expired, so that unused ones do not pile up.
pub async fn insert_challenge(
    conn: &mut Connection,
    challenge: &[u8],
    account: &str,
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM enrolment_challenge WHERE expires_at_ms <= $1")
        .bind(now_ms)
        .execute(&mut *conn)
        .await?;
    sqlx::query("INSERT INTO enrolment_challenge (challenge, account, expires_at_ms) VALUES ($1, $2, $3)")
        .bind(challenge)
        .bind(account)
        .bind(expires_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes a challenge out. `false` when the account was not given it or it has expired.
pub async fn take_challenge(
    conn: &mut Connection,
    challenge: &[u8],
    account: &str,
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query(
        "DELETE FROM enrolment_challenge WHERE challenge = $1 AND account = $2 AND expires_at_ms > $3",
    )
    .bind(challenge)
    .bind(account)
    .bind(now_ms)
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}
