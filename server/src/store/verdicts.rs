//! What admission reads and writes of entries. Only the admission job calls the writing functions.

use super::{Connection, exchange::EntryRow};
use liuhen_trace::{ChainId, ChangeHash, DocumentId};
use sqlx::FromRow;

/// A change of a document that has a verdict which stays.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct SettledRow {
    pub verdict: i64,
    pub admitted_leaf: Option<i64>,
}

/// An entry by which a chain begins to write a document under another actor.
#[derive(Debug, Clone, FromRow)]
pub struct EpochRow {
    pub chain: Vec<u8>,
    pub seq: i64,
}

/// Documents of the first pending entries in leaf order; one may come more than once.
pub async fn pending_documents(conn: &mut Connection, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT document FROM entry WHERE verdict = 0 AND document IS NOT NULL ORDER BY leaf, seq LIMIT $1",
    )
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Whether an entry of the document awaits its verdict.
pub async fn any_pending(conn: &mut Connection, document: DocumentId) -> Result<bool, sqlx::Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM entry WHERE document = $1 AND verdict = 0 LIMIT 1")
            .bind(document.to_string())
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Entries of a document with one verdict, by leaf and sequence number, behind `after`.
pub async fn of_document(
    conn: &mut Connection,
    document: &str,
    verdict: i64,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry
         WHERE document = $1 AND verdict = $2 AND (leaf > $3 OR (leaf = $3 AND seq > $4))
         ORDER BY leaf, seq LIMIT $5",
    )
    .bind(document)
    .bind(verdict)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// All entries of a document, by leaf and sequence number, behind `after`.
pub async fn all_of_document(
    conn: &mut Connection,
    document: &str,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry WHERE document = $1 AND (leaf > $2 OR (leaf = $2 AND seq > $3))
         ORDER BY leaf, seq LIMIT $4",
    )
    .bind(document)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Admitted entries of one kind, by leaf and sequence number.
pub async fn admitted_of_kind(
    conn: &mut Connection,
    document: &str,
    kind: i64,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry WHERE document = $1 AND verdict = 1 AND kind = $2 ORDER BY leaf, seq",
    )
    .bind(document)
    .bind(kind)
    .fetch_all(conn)
    .await
}

pub async fn epochs(conn: &mut Connection, document: &str) -> Result<Vec<EpochRow>, sqlx::Error> {
    sqlx::query_as("SELECT chain, seq FROM entry WHERE document = $1 AND kind = 10 ORDER BY chain, seq")
        .bind(document)
        .fetch_all(conn)
        .await
}

/// Chains that wrote about a document.
pub async fn chains(conn: &mut Connection, document: &str) -> Result<Vec<ChainId>, sqlx::Error> {
    let chains: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT DISTINCT chain FROM entry WHERE document = $1 ORDER BY chain")
            .bind(document)
            .fetch_all(conn)
            .await?;
    Ok(chains.iter().filter_map(|chain| ChainId::from_slice(chain)).collect())
}

/// What became of a change, if that is decided: admitted in any entry before refused in one.
pub async fn settled(
    conn: &mut Connection,
    document: &str,
    change: ChangeHash,
) -> Result<Option<SettledRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT verdict, admitted_leaf FROM entry
         WHERE change_hash = $1 AND document = $2 AND verdict IN (1, 3, 4)
         ORDER BY verdict, admitted_leaf LIMIT 1",
    )
    .bind(change.as_bytes())
    .bind(document)
    .fetch_optional(conn)
    .await
}

/// A verdict to be written on the entries `seqs` of one chain and document that had verdict `before`.
#[derive(Debug, Clone)]
pub struct NewVerdict<'a> {
    pub document: DocumentId,
    pub chain: ChainId,
    pub first_seq: u64,
    pub last_seq: u64,
    pub before: i64,
    pub verdict: i64,
    pub code: Option<&'a str>,
    pub admitted_leaf: Option<u64>,
}

/// Returns how many entries got the verdict.
pub async fn write(conn: &mut Connection, new: &NewVerdict<'_>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE entry SET verdict = $6, code = $7, admitted_leaf = $8
         WHERE chain = $1 AND seq >= $2 AND seq <= $3 AND document = $4 AND verdict = $5",
    )
    .bind(new.chain.as_bytes())
    .bind(new.first_seq as i64)
    .bind(new.last_seq as i64)
    .bind(new.document.to_string())
    .bind(new.before)
    .bind(new.verdict)
    .bind(new.code)
    .bind(new.admitted_leaf.map(|leaf| leaf as i64))
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Holds everything of a document that has no verdict.
pub async fn hold_pending(conn: &mut Connection, document: &str, code: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE entry SET verdict = 4, code = $2 WHERE document = $1 AND verdict = 0")
        .bind(document)
        .bind(code)
        .execute(conn)
        .await?;
    Ok(())
}

/// Why an entry does not count.
pub async fn code(conn: &mut Connection, chain: ChainId, seq: u64) -> Result<Option<String>, sqlx::Error> {
    let code: Option<Option<String>> =
        sqlx::query_scalar("SELECT code FROM entry WHERE chain = $1 AND seq = $2")
            .bind(chain.as_bytes())
            .bind(seq as i64)
            .fetch_optional(conn)
            .await?;
    Ok(code.flatten())
}
