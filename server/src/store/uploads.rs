//! Uploads under way: offset, lease and expiry. The bytes lie in files.

use super::Connection;
use liuhen_trace::BlobHash;
use sqlx::FromRow;

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct UploadRow {
    pub id: String,
    pub hash: Vec<u8>,
    pub size_bytes: i64,
    pub received_bytes: i64,
    pub lease_until_ms: i64,
    pub expires_at_ms: i64,
}

impl UploadRow {
    pub fn is_whole(&self) -> bool {
        self.received_bytes == self.size_bytes
    }
}

/// The upload of these bytes, begun now unless somebody began it before.
pub async fn begin(
    conn: &mut Connection,
    id: &str,
    hash: BlobHash,
    size_bytes: i64,
    expires_at_ms: i64,
) -> Result<UploadRow, sqlx::Error> {
    sqlx::query_as(
        "INSERT INTO upload (id, hash, size_bytes, received_bytes, lease_until_ms, expires_at_ms)
         VALUES ($1, $2, $3, 0, 0, $4)
         ON CONFLICT (id) DO UPDATE SET expires_at_ms = excluded.expires_at_ms
         RETURNING id, hash, size_bytes, received_bytes, lease_until_ms, expires_at_ms",
    )
    .bind(id)
    .bind(hash.as_bytes())
    .bind(size_bytes)
    .bind(expires_at_ms)
    .fetch_one(conn)
    .await
}

pub async fn find(conn: &mut Connection, id: &str) -> Result<Option<UploadRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, hash, size_bytes, received_bytes, lease_until_ms, expires_at_ms FROM upload WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// Takes the lease for a writer at `offset`; `false` when another holds it or the offset moved.
pub async fn lease(
    conn: &mut Connection,
    id: &str,
    offset: i64,
    now_ms: i64,
    until_ms: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE upload SET lease_until_ms = $4 WHERE id = $1 AND received_bytes = $2 AND lease_until_ms <= $3",
    )
    .bind(id)
    .bind(offset)
    .bind(now_ms)
    .bind(until_ms)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Acknowledges bytes that are on disk and gives the lease back. `false` when the lease was lost to
/// somebody who wrote since.
pub async fn advance(
    conn: &mut Connection,
    id: &str,
    from: i64,
    to: i64,
    expires_at_ms: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE upload SET received_bytes = $3, lease_until_ms = 0, expires_at_ms = $4
         WHERE id = $1 AND received_bytes = $2",
    )
    .bind(id)
    .bind(from)
    .bind(to)
    .bind(expires_at_ms)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn delete(conn: &mut Connection, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM upload WHERE id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Uploads nobody went on with.
pub async fn expired(conn: &mut Connection, now_ms: i64, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM upload WHERE expires_at_ms < $1 ORDER BY expires_at_ms LIMIT $2")
        .bind(now_ms)
        .bind(limit)
        .fetch_all(conn)
        .await
}
