//! What each account has to be told, by leaf. Rows are written in the commit that makes them true
//! and authorised again when they are read.

use super::Connection;
use liuhen_trace::{ChainId, DocumentId};
use sqlx::FromRow;

/// What a row is about. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i64)]
pub enum FeedKind {
    /// The matter of a document was given to the account or changed. Reference: the document's 16 bytes.
    Matter = 0,
    /// The account lost the document. Reference: the document's 16 bytes.
    Left = 1,
    /// Entries of one segment for one document were admitted. Reference: [`entries_reference`].
    Entries = 2,
    /// An entry of the account's was quarantined. Reference: [`entry_reference`].
    Quarantined = 3,
    /// Evidence the account announced is held. Reference: its hash's 32 bytes.
    Held = 4,
}

impl FeedKind {
    pub fn from_stored(kind: i64) -> Option<Self> {
        use FeedKind::{Entries, Held, Left, Matter, Quarantined};
        [Matter, Left, Entries, Quarantined, Held].into_iter().find(|known| *known as i64 == kind)
    }
}

#[derive(Debug, Clone, FromRow)]
pub struct FeedRow {
    pub leaf: i64,
    pub kind: i64,
    pub reference: Vec<u8>,
}

/// An assignment or its end, as the feed told it.
#[derive(Debug, Clone, FromRow)]
pub struct ScopeRow {
    pub leaf: i64,
    pub kind: i64,
}

/// The segment's leaf comes first, so that what one segment holds of several documents stands together.
pub fn entries_reference(segment_leaf: u64, document: DocumentId) -> Vec<u8> {
    [&segment_leaf.to_be_bytes(), document.as_bytes()].concat()
}

pub fn parse_entries_reference(reference: &[u8]) -> Option<(u64, DocumentId)> {
    let (leaf, document) = reference.split_first_chunk()?;
    Some((u64::from_be_bytes(*leaf), DocumentId::from_slice(document)?))
}

pub fn entry_reference(chain: ChainId, seq: u64) -> Vec<u8> {
    [chain.as_bytes(), &seq.to_be_bytes()].concat()
}

pub fn parse_entry_reference(reference: &[u8]) -> Option<(ChainId, u64)> {
    let (chain, seq) = reference.split_at_checked(ChainId::LEN)?;
    Some((ChainId::from_slice(chain)?, u64::from_be_bytes(seq.try_into().ok()?)))
}

/// Writes one row. The same row twice is one row.
pub async fn insert(
    conn: &mut Connection,
    account: &str,
    leaf: u64,
    kind: FeedKind,
    reference: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO feed (account, leaf, kind, reference) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(account)
    .bind(leaf as i64)
    .bind(kind as i64)
    .bind(reference)
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows of leaves in `from..to`, in order.
pub async fn page(
    conn: &mut Connection,
    account: &str,
    from: u64,
    to: u64,
    limit: i64,
) -> Result<Vec<FeedRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, kind, reference FROM feed WHERE account = $1 AND leaf >= $2 AND leaf < $3
         ORDER BY leaf, kind, reference LIMIT $4",
    )
    .bind(account)
    .bind(from as i64)
    .bind(to as i64)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// All rows of one leaf.
pub async fn of_leaf(conn: &mut Connection, account: &str, leaf: u64) -> Result<Vec<FeedRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, kind, reference FROM feed WHERE account = $1 AND leaf = $2 ORDER BY kind, reference",
    )
    .bind(account)
    .bind(leaf as i64)
    .fetch_all(conn)
    .await
}

/// When the account got and lost the document, in leaf order.
pub async fn scope(
    conn: &mut Connection,
    account: &str,
    document: DocumentId,
) -> Result<Vec<ScopeRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, kind FROM feed WHERE reference = $1 AND account = $2 AND kind <= 1 ORDER BY leaf, kind DESC",
    )
    .bind(document.as_bytes())
    .bind(account)
    .fetch_all(conn)
    .await
}

/// A document that an account holds.
#[derive(Debug, Clone, FromRow)]
pub struct HoldingRow {
    pub visit: String,
    pub assigned_leaf: i64,
}

/// Documents the account holds now, the newest tasks first.
pub async fn holdings(
    conn: &mut Connection,
    account: &str,
    limit: i64,
) -> Result<Vec<HoldingRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT visit, assigned_leaf FROM task_assignee WHERE account = $1 AND left_leaf IS NULL
         ORDER BY task DESC LIMIT $2",
    )
    .bind(account)
    .bind(limit)
    .fetch_all(conn)
    .await
}
