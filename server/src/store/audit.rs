//! Reads of the ledger check: every row of every checked table, by key, so that a row which cannot
//! be read is told by its name.

use super::{
    CommittedRow, Connection,
    accounts::AccountRow,
    blobs::BlobRow,
    checklists::ChecklistRow,
    credentials::CredentialRow,
    departments::DepartmentRow,
    devices::DeviceRow,
    exchange::SegmentRow,
    reviews::ReviewRow,
    second_factors::SecondFactorRow,
    subjects::{SubjectRow, SubjectVersionRow},
    task_assignees::TaskAssigneeRow,
    tasks::TaskRow,
    visits::VisitRow,
};
use futures::stream::BoxStream;
use sqlx::{FromRow, sqlite::SqliteRow};

/// A table whose rows are counted, so that none can be added unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    LedgerLeaf,
    LedgerNode,
    LedgerHead,
    Act,
    ActAbout,
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
        Table::ActAbout => "SELECT COUNT(*) FROM act_about",
        Table::Segment => "SELECT COUNT(*) FROM segment",
        Table::Entry => "SELECT COUNT(*) FROM entry",
        Table::Visit => "SELECT COUNT(*) FROM visit",
        Table::Announcement => "SELECT COUNT(*) FROM announcement",
    };
    sqlx::query_scalar(query).fetch_one(conn).await
}

/// A committed table as the check reads it.
pub trait AuditedRow: CommittedRow + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {
    /// The row under a key as [`CommittedRow::key`] gives it, found by an index.
    const ONE: &'static str;
    /// All keys, in any order.
    const KEYS: &'static str;
}

macro_rules! audited {
    ($row:ty, $one:literal, $keys:literal) => {
        impl AuditedRow for $row {
            const ONE: &'static str = $one;
            const KEYS: &'static str = $keys;
        }
    };
}

audited!(DepartmentRow, "SELECT * FROM department WHERE id = $1", "SELECT id FROM department");
audited!(AccountRow, "SELECT * FROM account WHERE id = $1", "SELECT id FROM account");
audited!(CredentialRow, "SELECT * FROM credential WHERE account = $1", "SELECT account FROM credential");
audited!(
    SecondFactorRow,
    "SELECT * FROM second_factor WHERE account = $1",
    "SELECT account FROM second_factor"
);
audited!(DeviceRow, "SELECT * FROM device WHERE id = $1", "SELECT id FROM device");
audited!(SubjectRow, "SELECT * FROM subject WHERE id = $1", "SELECT id FROM subject");
audited!(
    SubjectVersionRow,
    "SELECT * FROM subject_version
     WHERE id = substr($1, 1, 32) AND version = CAST(substr($1, 34) AS BIGINT)",
    "SELECT id || '/' || version FROM subject_version"
);
audited!(ChecklistRow, "SELECT * FROM checklist WHERE hash = $1", "SELECT hash FROM checklist");
audited!(TaskRow, "SELECT * FROM task WHERE id = $1", "SELECT id FROM task");
audited!(
    TaskAssigneeRow,
    "SELECT * FROM task_assignee WHERE task = substr($1, 1, 32) AND account = substr($1, 34)",
    "SELECT task || '/' || account FROM task_assignee"
);
audited!(ReviewRow, "SELECT * FROM review WHERE id = $1", "SELECT id FROM review");
audited!(BlobRow, "SELECT * FROM blob WHERE hash = unhex($1)", "SELECT lower(hex(hash)) FROM blob");

pub async fn committed<T: AuditedRow>(conn: &mut Connection, key: &str) -> Result<Option<T>, sqlx::Error> {
    sqlx::query_as(T::ONE).bind(key).fetch_optional(conn).await
}

/// All keys of a committed table, one at a time. Without an order: a damaged index could lead a
/// reader by pages round in circles.
pub fn keys<T: AuditedRow>(conn: &mut Connection) -> BoxStream<'_, Result<String, sqlx::Error>> {
    sqlx::query_scalar(T::KEYS).fetch(conn)
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

/// A row of the feed with its whole key, in key order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, FromRow)]
pub struct FeedAuditRow {
    pub account: String,
    pub leaf: i64,
    pub kind: i64,
    pub reference: Vec<u8>,
}

/// Rows of the feed in key order, behind `after`.
pub async fn feed(
    conn: &mut Connection,
    after: &FeedAuditRow,
    limit: i64,
) -> Result<Vec<FeedAuditRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT account, leaf, kind, reference FROM feed
         WHERE (account, leaf, kind, reference) > ($1, $2, $3, $4)
         ORDER BY account, leaf, kind, reference LIMIT $5",
    )
    .bind(&after.account)
    .bind(after.leaf)
    .bind(after.kind)
    .bind(&after.reference)
    .bind(limit)
    .fetch_all(conn)
    .await
}

pub async fn is_told(conn: &mut Connection, row: &FeedAuditRow) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM feed WHERE account = $1 AND leaf = $2 AND kind = $3 AND reference = $4",
    )
    .bind(&row.account)
    .bind(row.leaf)
    .bind(row.kind)
    .bind(&row.reference)
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// Whether entries of the segment were admitted for the document at `admitted_leaf`.
pub async fn is_admitted(
    conn: &mut Connection,
    segment_leaf: i64,
    document: &str,
    admitted_leaf: i64,
) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM entry WHERE document = $1 AND verdict = 1 AND admitted_leaf = $2 AND leaf = $3 LIMIT 1",
    )
    .bind(document)
    .bind(admitted_leaf)
    .bind(segment_leaf)
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// The verdict on an entry.
pub async fn verdict(conn: &mut Connection, chain: &[u8], seq: i64) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT verdict FROM entry WHERE chain = $1 AND seq = $2")
        .bind(chain)
        .bind(seq)
        .fetch_optional(conn)
        .await
}

/// The leaves of the segments by which an account announced a file.
pub async fn announced_at(
    conn: &mut Connection,
    hash: &[u8],
    account: &str,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT e.leaf FROM announcement a JOIN entry e ON e.chain = a.chain AND e.seq = a.seq
         WHERE a.hash = $1 AND a.account = $2",
    )
    .bind(hash)
    .bind(account)
    .fetch_all(conn)
    .await
}

/// The accounts that announced a file.
pub async fn announcers(conn: &mut Connection, hash: &[u8]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT DISTINCT account FROM announcement WHERE hash = $1 ORDER BY account")
        .bind(hash)
        .fetch_all(conn)
        .await
}

/// What an act is said to speak of, in order.
pub async fn about(conn: &mut Connection, leaf: u64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT about FROM act_about WHERE leaf = $1 ORDER BY about")
        .bind(leaf as i64)
        .fetch_all(conn)
        .await
}
