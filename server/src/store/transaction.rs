//! The writer's transaction and the savepoints in it. Only [`crate::ledger`] opens one.

use super::Connection;
use sqlx::Executor as _;

/// Takes the write lock at once: a read transaction that turned into a write would fail instead of
/// waiting.
pub async fn begin(conn: &mut Connection) -> Result<(), sqlx::Error> {
    run(conn, "BEGIN IMMEDIATE").await
}

pub async fn commit(conn: &mut Connection) -> Result<(), sqlx::Error> {
    run(conn, "COMMIT").await
}

pub async fn rollback(conn: &mut Connection) -> Result<(), sqlx::Error> {
    run(conn, "ROLLBACK").await
}

/// Marks the state that [`undo`] goes back to.
pub async fn mark(conn: &mut Connection) -> Result<(), sqlx::Error> {
    run(conn, "SAVEPOINT proposal").await
}

/// Keeps what was written since the mark.
pub async fn keep(conn: &mut Connection) -> Result<(), sqlx::Error> {
    run(conn, "RELEASE proposal").await
}

/// Takes back what was written since the mark; the transaction goes on.
pub async fn undo(conn: &mut Connection) -> Result<(), sqlx::Error> {
    run(conn, "ROLLBACK TO proposal").await?;
    run(conn, "RELEASE proposal").await
}

async fn run(conn: &mut Connection, sql: &'static str) -> Result<(), sqlx::Error> {
    conn.execute(sql).await.map(drop)
}
