//! What the trace of a visit is made from.

use super::{Connection, exchange::EntryRow};
use liuhen_trace::{ChainId, ChangeHash, Hash};
use sqlx::FromRow;

/// A line's place in the log. Acts stand at their leaf, entries at their segment's.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PlaceRow {
    pub leaf: i64,
    /// The entry's number in its chain; -1 for an act.
    pub seq: i64,
    /// Absent for an act.
    pub chain: Option<Vec<u8>>,
}

/// Everything about a visit behind `after`, in the order of the log: its entries, the acts that speak of
/// it or of its task, and the acts that hold files its entries announced.
pub async fn places(
    conn: &mut Connection,
    visit: &str,
    task: &str,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<PlaceRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, seq, chain FROM (
             SELECT leaf, seq, chain FROM entry WHERE document = $1
             UNION SELECT leaf, -1, NULL FROM act_about WHERE about IN ($1, $2)
             UNION SELECT b.leaf, -1, NULL FROM entry e
                 JOIN announcement a ON a.chain = e.chain AND a.seq = e.seq
                 JOIN blob b ON b.hash = a.hash
                 WHERE e.document = $1
         ) AS place
         WHERE leaf > $3 OR (leaf = $3 AND seq > $4)
         ORDER BY leaf, seq LIMIT $5",
    )
    .bind(visit)
    .bind(task)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Entries of a visit that do not count, or not yet, behind `after`.
pub async fn not_admitted(
    conn: &mut Connection,
    visit: &str,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<PlaceRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, seq, chain FROM entry
         WHERE document = $1 AND verdict <> 1 AND (leaf > $2 OR (leaf = $2 AND seq > $3))
         ORDER BY leaf, seq LIMIT $4",
    )
    .bind(visit)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(conn)
    .await
}

pub async fn entry(conn: &mut Connection, chain: &[u8], seq: i64) -> Result<Option<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry WHERE chain = $1 AND seq = $2",
    )
    .bind(chain)
    .bind(seq)
    .fetch_optional(conn)
    .await
}

/// The ids of a segment's entries as their rows say, in order.
pub async fn hashes(
    conn: &mut Connection,
    chain: &[u8],
    first_seq: i64,
    count: i64,
) -> Result<Vec<Option<Hash>>, sqlx::Error> {
    let hashes: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT hash FROM entry WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq")
            .bind(chain)
            .bind(first_seq)
            .bind(first_seq.saturating_add(count))
            .fetch_all(conn)
            .await?;
    Ok(hashes.iter().map(|hash| Hash::from_slice(hash)).collect())
}

/// The headers of a chain's last segments up to a leaf, the newest first.
pub async fn headers(
    conn: &mut Connection,
    chain: ChainId,
    leaf: i64,
    limit: i64,
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT header FROM segment WHERE chain = $1 AND leaf <= $2 ORDER BY first_seq DESC LIMIT $3",
    )
    .bind(chain.as_bytes())
    .bind(leaf)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Where a change of a visit came in; where it was admitted, should there be several.
pub async fn of_change(
    conn: &mut Connection,
    visit: &str,
    change: ChangeHash,
) -> Result<Option<PlaceRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, seq, chain FROM entry WHERE change_hash = $1 AND document = $2
         ORDER BY verdict, leaf LIMIT 1",
    )
    .bind(change.as_bytes())
    .bind(visit)
    .fetch_optional(conn)
    .await
}
