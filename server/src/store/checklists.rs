//! Registered checklists; a version never changes.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct ChecklistRow {
    /// SHA-256 of `bytes`, hex.
    #[n(0)]
    pub hash: String,
    #[n(1)]
    pub department: String,
    #[n(2)]
    pub code: String,
    #[n(3)]
    pub version: i64,
    #[n(4)]
    pub title: String,
    /// The canonical form, as phones fetch it.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    #[n(6)]
    pub registered_at_ms: i64,
}

impl CommittedRow for ChecklistRow {
    const TABLE: &'static str = "checklist";

    fn key(&self) -> String {
        self.hash.clone()
    }
}

pub async fn insert(conn: &mut Connection, row: &ChecklistRow) -> Result<(), sqlx::Error> {
    const SQL: &str =
        "INSERT INTO checklist (hash, department, code, version, title, bytes, registered_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(SQL)
        .bind(&row.hash)
        .bind(&row.department)
        .bind(&row.code)
        .bind(row.version)
        .bind(&row.title)
        .bind(&row.bytes)
        .bind(row.registered_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_hash(conn: &mut Connection, hash: &str) -> Result<Option<ChecklistRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM checklist WHERE hash = $1").bind(hash).fetch_optional(conn).await
}

pub async fn by_version(
    conn: &mut Connection,
    code: &str,
    version: i64,
) -> Result<Option<ChecklistRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM checklist WHERE code = $1 AND version = $2")
        .bind(code)
        .bind(version)
        .fetch_optional(conn)
        .await
}

/// In the order of hashes, behind `after`.
pub async fn page(conn: &mut Connection, after: &str, limit: i64) -> Result<Vec<ChecklistRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM checklist WHERE hash > $1 ORDER BY hash LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
}
