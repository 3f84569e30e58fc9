//! Epochs of the log behind the first.

use super::Connection;
use sqlx::FromRow;

#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct EpochRow {
    pub epoch: i64,
    /// The act that opened it, which is its first leaf.
    pub leaf: i64,
}

pub async fn insert(conn: &mut Connection, row: EpochRow) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO log_epoch (epoch, leaf) VALUES ($1, $2)")
        .bind(row.epoch)
        .bind(row.leaf)
        .execute(conn)
        .await?;
    Ok(())
}

/// In the order in which they were opened.
pub async fn all(conn: &mut Connection) -> Result<Vec<EpochRow>, sqlx::Error> {
    sqlx::query_as("SELECT epoch, leaf FROM log_epoch ORDER BY leaf").fetch_all(conn).await
}

/// Drops what the log does not commit to and what leads outside the database, as a restore has to:
/// sign-ins that were ended since, uploads whose bytes are not here, challenges that were used.
pub async fn forget_volatile(conn: &mut Connection) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM refresh_token",
        "DELETE FROM session_family",
        "DELETE FROM enrolment_challenge",
        "DELETE FROM upload",
    ] {
        sqlx::query(statement).execute(&mut *conn).await?;
    }
    Ok(())
}
