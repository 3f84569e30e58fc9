//! Evidence: what entries announced, and what is durably held.

use super::{CommittedRow, Connection};
use liuhen_trace::{BlobHash, BlobRef, ChainId};
use minicbor::{Decode, Encode};
use sqlx::FromRow;

/// A file in the evidence folder.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Encode, Decode)]
pub struct BlobRow {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub hash: Vec<u8>,
    #[n(1)]
    pub size_bytes: i64,
    /// The act `evidence.held`.
    #[n(2)]
    pub leaf: i64,
    #[n(3)]
    pub held_at_ms: i64,
}

impl CommittedRow for BlobRow {
    const TABLE: &'static str = "blob";

    fn key(&self) -> String {
        hex::encode(&self.hash)
    }
}

/// Evidence that was announced and has not arrived.
#[derive(Debug, Clone, FromRow)]
pub struct MissingRow {
    pub hash: Vec<u8>,
    pub account: String,
    pub size_bytes: i64,
    pub chain: Vec<u8>,
    pub seq: i64,
    /// The visit, where the entry names one.
    pub document: Option<String>,
}

pub async fn find(conn: &mut Connection, hash: BlobHash) -> Result<Option<BlobRow>, sqlx::Error> {
    sqlx::query_as("SELECT hash, size_bytes, leaf, held_at_ms FROM blob WHERE hash = $1")
        .bind(hash.as_bytes())
        .fetch_optional(conn)
        .await
}

pub async fn insert(conn: &mut Connection, blob: &BlobRow) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO blob (hash, size_bytes, leaf, held_at_ms) VALUES ($1, $2, $3, $4)")
        .bind(&blob.hash)
        .bind(blob.size_bytes)
        .bind(blob.leaf)
        .bind(blob.held_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// Records that an entry names `blob`. Returns whether the file is held already.
pub async fn announce(
    conn: &mut Connection,
    chain: ChainId,
    seq: u64,
    account: &str,
    blob: BlobRef,
) -> Result<bool, sqlx::Error> {
    let held = find(conn, blob.hash).await?.is_some();
    sqlx::query(
        "INSERT INTO announcement (hash, chain, seq, account, size_bytes, held)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(blob.hash.as_bytes())
    .bind(chain.as_bytes())
    .bind(seq as i64)
    .bind(account)
    .bind(blob.size_bytes as i64)
    .bind(i64::from(held))
    .execute(conn)
    .await?;
    Ok(held)
}

/// The largest size any entry announced for the file; `None` when nobody announced it.
pub async fn announced_bytes(conn: &mut Connection, hash: BlobHash) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT MAX(size_bytes) FROM announcement WHERE hash = $1")
        .bind(hash.as_bytes())
        .fetch_one(conn)
        .await
}

/// Marks the file as held and returns the accounts that announced it.
pub async fn mark_held(conn: &mut Connection, hash: BlobHash) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query("UPDATE announcement SET held = 1 WHERE hash = $1")
        .bind(hash.as_bytes())
        .execute(&mut *conn)
        .await?;
    sqlx::query_scalar("SELECT DISTINCT account FROM announcement WHERE hash = $1 ORDER BY account")
        .bind(hash.as_bytes())
        .fetch_all(conn)
        .await
}

/// Files the account's devices announced that have not arrived.
pub async fn wanted(conn: &mut Connection, account: &str, limit: i64) -> Result<Vec<BlobHash>, sqlx::Error> {
    let hashes: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT DISTINCT hash FROM announcement WHERE account = $1 AND held = 0 ORDER BY hash LIMIT $2",
    )
    .bind(account)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(hashes.iter().filter_map(|hash| BlobHash::from_slice(hash)).collect())
}

/// Announcements whose file has not arrived, behind (`hash`, `chain`, `seq`) of the row `after`.
pub async fn missing(
    conn: &mut Connection,
    after: Option<&MissingRow>,
    limit: i64,
) -> Result<Vec<MissingRow>, sqlx::Error> {
    let (hash, chain, seq) =
        after.map_or((Vec::new(), Vec::new(), -1), |row| (row.hash.clone(), row.chain.clone(), row.seq));
    sqlx::query_as(
        "SELECT a.hash, a.account, a.size_bytes, a.chain, a.seq, e.document
         FROM announcement a JOIN entry e ON e.chain = a.chain AND e.seq = a.seq
         WHERE a.held = 0 AND (a.hash, a.chain, a.seq) > ($1, $2, $3)
         ORDER BY a.hash, a.chain, a.seq LIMIT $4",
    )
    .bind(hash)
    .bind(chain)
    .bind(seq)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// The visits whose entries announced the file.
pub async fn documents(conn: &mut Connection, hash: BlobHash) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT e.document FROM announcement a JOIN entry e ON e.chain = a.chain AND e.seq = a.seq
         WHERE a.hash = $1 AND e.document IS NOT NULL ORDER BY e.document",
    )
    .bind(hash.as_bytes())
    .fetch_all(conn)
    .await
}

/// A file as an entry of a visit announced it.
#[derive(Debug, Clone, FromRow)]
pub struct AnnouncedRow {
    pub hash: Vec<u8>,
    pub size_bytes: i64,
    pub chain: Vec<u8>,
    pub seq: i64,
    /// The leaf of the entry's segment.
    pub leaf: i64,
    /// The entry's body.
    pub body: Vec<u8>,
    /// Of the device that announced it.
    pub signed_grant: Vec<u8>,
    /// Absent while the file has not arrived.
    pub held_at_ms: Option<i64>,
}

/// Files that a visit's entries announced, in the order of the log, behind (leaf, seq, hash). With
/// `missing`, those that have not arrived.
pub async fn of_visit(
    conn: &mut Connection,
    visit: &str,
    missing: bool,
    after: &(i64, i64, Vec<u8>),
    limit: i64,
) -> Result<Vec<AnnouncedRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT a.hash, a.size_bytes, a.chain, a.seq, e.leaf, e.body, d.signed_grant, b.held_at_ms
         FROM entry e
             JOIN announcement a ON a.chain = e.chain AND a.seq = e.seq
             JOIN segment s ON s.leaf = e.leaf
             JOIN device d ON d.id = s.device
             LEFT JOIN blob b ON b.hash = a.hash
         WHERE e.document = $1 AND (e.leaf, e.seq, a.hash) > ($2, $3, $4) AND (NOT $5 OR b.hash IS NULL)
         ORDER BY e.leaf, e.seq, a.hash LIMIT $6",
    )
    .bind(visit)
    .bind(after.0)
    .bind(after.1)
    .bind(&after.2)
    .bind(missing)
    .bind(limit)
    .fetch_all(conn)
    .await
}
