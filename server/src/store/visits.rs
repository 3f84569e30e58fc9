//! Visit documents as their admitted entries make them, and the trace of how that came about.

use super::Connection;
use liuhen_trace::{ChangeHash, DocumentId};
use sqlx::{
    Decode, FromRow, Sqlite, Type,
    error::BoxDynError,
    sqlite::{SqliteTypeInfo, SqliteValueRef},
};

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct VisitRow {
    pub document: String,
    /// The automerge document.
    pub saved: Vec<u8>,
    /// See [`VisitRow::pack_heads`].
    pub heads: Vec<u8>,
    /// `inspection::visit::VisitView` as JSON.
    pub view: String,
    pub conflicts: i64,
    pub open_conflicts: i64,
}

impl VisitRow {
    /// Heads as stored: sorted, one after another.
    pub fn pack_heads(heads: &[ChangeHash]) -> Vec<u8> {
        heads.iter().flat_map(|head| head.0).collect()
    }
}

/// A stored view as it lies there, well or not: a disk that fails leaves bytes that are no text any more, and
/// such a row is read like any other, so that those beside it are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredView(pub Vec<u8>);

impl Type<Sqlite> for StoredView {
    fn type_info() -> SqliteTypeInfo {
        <Vec<u8> as Type<Sqlite>>::type_info()
    }

    fn compatible(_: &SqliteTypeInfo) -> bool {
        true
    }
}

impl<'r> Decode<'r, Sqlite> for StoredView {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <Vec<u8> as Decode<'r, Sqlite>>::decode(value).map(Self)
    }
}

/// One line of a visit's trace: an entry with the device that signed it.
#[derive(Debug, Clone, FromRow)]
pub struct TraceRow {
    pub chain: Vec<u8>,
    pub seq: i64,
    pub leaf: i64,
    pub hash: Vec<u8>,
    pub kind: i64,
    /// Canonical `trace::Body`.
    pub body: Vec<u8>,
    pub verdict: i64,
    pub code: Option<String>,
    pub admitted_leaf: Option<i64>,
    pub device: String,
    pub account: String,
    /// Canonical signed grant of the device: who the person was, as of the enrolment.
    pub signed_grant: Vec<u8>,
}

pub async fn find(conn: &mut Connection, document: DocumentId) -> Result<Option<VisitRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT document, saved, heads, view, conflicts, open_conflicts FROM visit WHERE document = $1",
    )
    .bind(document.to_string())
    .fetch_optional(conn)
    .await
}

/// The automerge document; `None` while nothing of the visit was admitted.
pub async fn saved(conn: &mut Connection, document: DocumentId) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT saved FROM visit WHERE document = $1")
        .bind(document.to_string())
        .fetch_optional(conn)
        .await
}

/// The view as JSON; `None` while nothing of the visit was admitted.
pub async fn view(conn: &mut Connection, document: DocumentId) -> Result<Option<StoredView>, sqlx::Error> {
    sqlx::query_scalar("SELECT view FROM visit WHERE document = $1")
        .bind(document.to_string())
        .fetch_optional(conn)
        .await
}

/// Views of visits with conflicts, open or decided, or with open ones only, behind document `after`, in order of document.
pub async fn with_conflicts(
    conn: &mut Connection,
    only_open: bool,
    after: Option<DocumentId>,
    limit: i64,
) -> Result<Vec<(String, StoredView)>, sqlx::Error> {
    let after = after.map(|document| document.to_string()).unwrap_or_default();
    sqlx::query_as(
        "SELECT document, view FROM visit
         WHERE conflicts > 0 AND document > $1 AND (NOT $3 OR open_conflicts > 0)
         ORDER BY document LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .bind(only_open)
    .fetch_all(conn)
    .await
}

/// Entries of a visit whatever became of them, by leaf and sequence number, behind `after`.
pub async fn trace(
    conn: &mut Connection,
    document: DocumentId,
    after: Option<(u64, u64)>,
    limit: i64,
) -> Result<Vec<TraceRow>, sqlx::Error> {
    let (leaf, seq) = after.map_or((-1, -1), |(leaf, seq)| (leaf as i64, seq as i64));
    sqlx::query_as(
        "SELECT e.chain, e.seq, e.leaf, e.hash, e.kind, e.body, e.verdict, e.code, e.admitted_leaf,
                s.device, d.account, d.signed_grant
         FROM entry e JOIN segment s ON s.leaf = e.leaf JOIN device d ON d.id = s.device
         WHERE e.document = $1 AND (e.leaf > $2 OR (e.leaf = $2 AND e.seq > $3))
         ORDER BY e.leaf, e.seq LIMIT $4",
    )
    .bind(document.to_string())
    .bind(leaf)
    .bind(seq)
    .bind(limit)
    .fetch_all(conn)
    .await
}

pub async fn save(conn: &mut Connection, visit: &VisitRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO visit (document, saved, heads, view, conflicts, open_conflicts)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (document) DO UPDATE SET saved = excluded.saved, heads = excluded.heads,
             view = excluded.view, conflicts = excluded.conflicts, open_conflicts = excluded.open_conflicts",
    )
    .bind(&visit.document)
    .bind(&visit.saved)
    .bind(&visit.heads)
    .bind(&visit.view)
    .bind(visit.conflicts)
    .bind(visit.open_conflicts)
    .execute(conn)
    .await?;
    Ok(())
}
