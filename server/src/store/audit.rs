//! Reads of the ledger check: every row of every checked table, by key, so that a row which cannot
//! be read is told by its name.

use super::{Connection, blobs::BlobRow, exchange::SegmentRow, visits::VisitRow};
use sqlx::{FromRow, sqlite::SqliteRow};

/// A table whose rows are counted, so that none can be added unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    LedgerLeaf,
    LedgerNode,
    LedgerHead,
    Act,
    Segment,
    Entry,
    Visit,
    Announcement,
}

/// What the database's own check says; nothing when all is well.
pub async fn integrity(conn: &mut Connection) -> Result<Vec<String>, sqlx::Error> {
    let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(conn).await?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

pub async fn count(conn: &mut Connection, table: Table) -> Result<i64, sqlx::Error> {
    let query = match table {
        Table::LedgerLeaf => "SELECT COUNT(*) FROM ledger_leaf",
        Table::LedgerNode => "SELECT COUNT(*) FROM ledger_node",
        Table::LedgerHead => "SELECT COUNT(*) FROM ledger_head",
        Table::Act => "SELECT COUNT(*) FROM act",
        Table::Segment => "SELECT COUNT(*) FROM segment",
        Table::Entry => "SELECT COUNT(*) FROM entry",
        Table::Visit => "SELECT COUNT(*) FROM visit",
        Table::Announcement => "SELECT COUNT(*) FROM announcement",
    };
    sqlx::query_scalar(query).fetch_one(conn).await
}

/// A row of a committed table by its key as [`super::CommittedRow::key`] gives it.
pub async fn committed<T>(conn: &mut Connection, query: &'static str, key: &str) -> Result<Option<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    sqlx::query_as(query).bind(key).fetch_optional(conn).await
}

/// All keys of a committed table, in order, behind `after`.
pub async fn keys(
    conn: &mut Connection,
    query: &'static str,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(query).bind(after).bind(limit).fetch_all(conn).await
}

/// Documents that entries are about, behind `after`.
pub async fn documents(conn: &mut Connection, after: &str, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT document FROM entry WHERE document IS NOT NULL AND document > $1
         ORDER BY document LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await
}

pub async fn visit(conn: &mut Connection, document: &str) -> Result<Option<VisitRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM visit WHERE document = $1").bind(document).fetch_optional(conn).await
}

pub async fn segment(conn: &mut Connection, leaf: i64) -> Result<Option<SegmentRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM segment WHERE leaf = $1").bind(leaf).fetch_optional(conn).await
}

pub async fn blobs(conn: &mut Connection, after: &[u8], limit: i64) -> Result<Vec<BlobRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM blob WHERE hash > $1 ORDER BY hash LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub struct AnnouncementRow {
    pub hash: Vec<u8>,
    pub chain: Vec<u8>,
    pub seq: i64,
    pub account: String,
    pub size_bytes: i64,
    pub held: i64,
}

/// What an entry announced, by hash.
pub async fn announcements(
    conn: &mut Connection,
    chain: &[u8],
    seq: i64,
) -> Result<Vec<AnnouncementRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM announcement WHERE chain = $1 AND seq = $2 ORDER BY hash")
        .bind(chain)
        .bind(seq)
        .fetch_all(conn)
        .await
}

/// Whether the account has at least one row of this kind and reference at or behind `leaf`.
pub async fn is_told(
    conn: &mut Connection,
    account: &str,
    leaf: i64,
    kind: i64,
    reference: &[u8],
) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM feed WHERE account = $1 AND leaf = $2 AND kind = $3 AND reference = $4",
    )
    .bind(account)
    .bind(leaf)
    .bind(kind)
    .bind(reference)
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}
