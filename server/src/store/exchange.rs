//! Segments and entries as they were handed in, and how they are read back for receipts and views.

use super::Connection;
use liuhen_trace::{
    Canonical, ChainId, ChangeHash, CheckedSegment, DeviceId, DocumentId, EntryKind, Hash, OpenEntry,
    Refusal, SegmentHeader, Signature, entry::Body,
};
use sqlx::{FromRow, QueryBuilder, Sqlite};

/// Rows in one INSERT: saves round trips and stays far below the parameter limit of any database.
const INSERT_ROWS_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SegmentRow {
    pub leaf: i64,
    pub chain: Vec<u8>,
    pub device: String,
    pub incarnation: i64,
    pub first_seq: i64,
    pub count: i64,
    pub header: Vec<u8>,
    pub signature: Vec<u8>,
}

impl SegmentRow {
    /// The row for a segment that stands at `leaf`.
    pub fn of(header: &SegmentHeader, signature: &Signature, leaf: u64) -> Self {
        Self {
            leaf: leaf as i64,
            chain: header.chain().0.to_vec(),
            device: header.device.to_string(),
            incarnation: header.incarnation as i64,
            first_seq: header.first_seq as i64,
            count: header.count as i64,
            header: header.to_canonical(),
            signature: signature.0.clone(),
        }
    }

    pub fn parse_header(&self) -> Result<SegmentHeader, Refusal> {
        SegmentHeader::from_canonical(&self.header)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct EntryRow {
    pub chain: Vec<u8>,
    pub seq: i64,
    pub leaf: i64,
    pub hash: Vec<u8>,
    pub kind: i64,
    pub salt: Vec<u8>,
    pub body: Vec<u8>,
    pub document: Option<String>,
    pub change: Option<Vec<u8>>,
    pub change_hash: Option<Vec<u8>>,
    pub verdict: i64,
    pub code: Option<String>,
    pub admitted_leaf: Option<i64>,
}

impl EntryRow {
    /// What was handed in, or why the row is not what was.
    pub fn open(&self) -> Result<OpenEntry, Refusal> {
        let damaged = |what: &str| Refusal::new("entry.row_damaged", what);
        let kind = u8::try_from(self.kind).map_err(|_| damaged("kind"))?;
        let kind = EntryKind::from_canonical(&minicbor::to_vec(kind).map_err(|_| damaged("kind"))?)
            .map_err(|_| damaged("kind"))?;
        Ok(OpenEntry {
            kind,
            salt: self.salt.as_slice().try_into().map_err(|_| damaged("salt"))?,
            body: Body::from_canonical(&self.body)?,
            change: self.change.clone(),
        })
    }
}

/// The end of a chain as it is logged.
pub async fn chain_end(conn: &mut Connection, chain: ChainId) -> Result<Option<SegmentRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, chain, device, incarnation, first_seq, count, header, signature
         FROM segment WHERE chain = $1 ORDER BY first_seq DESC LIMIT 1",
    )
    .bind(chain.as_bytes())
    .fetch_optional(conn)
    .await
}

pub async fn segment_at(conn: &mut Connection, leaf: u64) -> Result<Option<SegmentRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, chain, device, incarnation, first_seq, count, header, signature
         FROM segment WHERE leaf = $1",
    )
    .bind(leaf as i64)
    .fetch_optional(conn)
    .await
}

pub async fn segment_of(
    conn: &mut Connection,
    chain: ChainId,
    first_seq: u64,
) -> Result<Option<SegmentRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT leaf, chain, device, incarnation, first_seq, count, header, signature
         FROM segment WHERE chain = $1 AND first_seq = $2",
    )
    .bind(chain.as_bytes())
    .bind(first_seq as i64)
    .fetch_optional(conn)
    .await
}

pub async fn entry_hash(
    conn: &mut Connection,
    chain: ChainId,
    seq: u64,
) -> Result<Option<Hash>, sqlx::Error> {
    let hash: Option<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM entry WHERE chain = $1 AND seq = $2")
        .bind(chain.as_bytes())
        .bind(seq as i64)
        .fetch_optional(conn)
        .await?;
    Ok(hash.and_then(|hash| Hash::from_slice(&hash)))
}

/// The device that a chain belongs to.
pub async fn device_of(conn: &mut Connection, chain: ChainId) -> Result<Option<DeviceId>, sqlx::Error> {
    let device: Option<String> = sqlx::query_scalar("SELECT device FROM segment WHERE chain = $1 LIMIT 1")
        .bind(chain.as_bytes())
        .fetch_optional(conn)
        .await?;
    Ok(device.and_then(|device| device.parse().ok()))
}

/// Whether the device handed in under more than one chain: its folder was copied, restored or
/// enrolled anew.
pub async fn has_several_chains(conn: &mut Connection, device: DeviceId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT COUNT(DISTINCT chain) > 1 FROM segment WHERE device = $1")
        .bind(device.to_string())
        .fetch_one(conn)
        .await
}

/// Writes a segment and its entries, all of them open. Entries about a document await their
/// verdict; the others count at once.
pub async fn insert(conn: &mut Connection, segment: &CheckedSegment, leaf: u64) -> Result<(), sqlx::Error> {
    let row = SegmentRow::of(&segment.header, &segment.signature, leaf);
    sqlx::query(
        "INSERT INTO segment (leaf, chain, device, incarnation, first_seq, count, header, signature)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(row.leaf)
    .bind(row.chain)
    .bind(row.device)
    .bind(row.incarnation)
    .bind(row.first_seq)
    .bind(row.count)
    .bind(row.header)
    .bind(row.signature)
    .execute(&mut *conn)
    .await?;
    let rows: Vec<EntryRow> = entry_rows(segment, leaf);
    for rows in rows.chunks(INSERT_ROWS_MAX) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO entry (chain, seq, leaf, hash, kind, salt, body, document, change, change_hash,
                 verdict, code, admitted_leaf) ",
        );
        query.push_values(rows, |mut values, row| {
            values.push_bind(&row.chain).push_bind(row.seq).push_bind(row.leaf).push_bind(&row.hash);
            values.push_bind(row.kind).push_bind(&row.salt).push_bind(&row.body).push_bind(&row.document);
            values.push_bind(&row.change).push_bind(&row.change_hash);
            values.push_bind(row.verdict).push_bind(&row.code).push_bind(row.admitted_leaf);
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// The rows of a segment's open entries before any verdict on a document.
pub fn entry_rows(segment: &CheckedSegment, leaf: u64) -> Vec<EntryRow> {
    let rows = segment.entries.iter().filter_map(|entry| {
        let open = entry.open.as_ref()?;
        let pending = open.body.document.is_some();
        Some(EntryRow {
            chain: segment.chain.0.to_vec(),
            seq: entry.seq as i64,
            leaf: leaf as i64,
            hash: entry.hash.0.to_vec(),
            kind: open.kind as i64,
            salt: open.salt.to_vec(),
            body: open.body.to_canonical(),
            document: open.body.document.map(|document| document.to_string()),
            change: open.change.clone(),
            change_hash: open.body.change.map(|hash| hash.0.to_vec()),
            verdict: i64::from(!pending),
            code: None,
            admitted_leaf: (!pending).then_some(leaf as i64),
        })
    });
    rows.collect()
}

/// All entries of a segment, in order.
pub async fn entries_of(conn: &mut Connection, segment: &SegmentRow) -> Result<Vec<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry WHERE chain = $1 AND seq >= $2 AND seq < $3 ORDER BY seq",
    )
    .bind(&segment.chain)
    .bind(segment.first_seq)
    .bind(segment.first_seq.saturating_add(segment.count))
    .fetch_all(conn)
    .await
}

/// Leaves in `from..to` at which entries of the document were admitted, in order.
pub async fn admitted_leaves(
    conn: &mut Connection,
    document: DocumentId,
    from: u64,
    to: u64,
    limit: i64,
) -> Result<Vec<u64>, sqlx::Error> {
    let leaves: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT admitted_leaf FROM entry
         WHERE document = $1 AND verdict = 1 AND admitted_leaf >= $2 AND admitted_leaf < $3
         ORDER BY admitted_leaf LIMIT $4",
    )
    .bind(document.to_string())
    .bind(from as i64)
    .bind(to as i64)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(leaves.into_iter().map(|leaf| leaf as u64).collect())
}

/// The leaves of the segments whose entries were admitted for the document at one leaf.
pub async fn segments_admitted_at(
    conn: &mut Connection,
    document: DocumentId,
    admitted_leaf: u64,
) -> Result<Vec<u64>, sqlx::Error> {
    let leaves: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT leaf FROM entry WHERE document = $1 AND verdict = 1 AND admitted_leaf = $2 ORDER BY leaf",
    )
    .bind(document.to_string())
    .bind(admitted_leaf as i64)
    .fetch_all(conn)
    .await?;
    Ok(leaves.into_iter().map(|leaf| leaf as u64).collect())
}

/// The first leaf that holds an entry without a verdict.
pub async fn first_pending_leaf(conn: &mut Connection) -> Result<Option<u64>, sqlx::Error> {
    let leaf: Option<i64> =
        sqlx::query_scalar("SELECT MIN(leaf) FROM entry WHERE verdict = 0").fetch_one(conn).await?;
    Ok(leaf.map(|leaf| leaf as u64))
}

/// Entries of a device's chains that wait for changes.
pub async fn waiting_of_device(
    conn: &mut Connection,
    device: DeviceId,
    limit: i64,
) -> Result<Vec<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry
         WHERE verdict = 2 AND chain IN (SELECT DISTINCT chain FROM segment WHERE device = $1)
         ORDER BY chain, seq LIMIT $2",
    )
    .bind(device.to_string())
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// The entry that brought a change of this document; the first logged, should there be several.
pub async fn by_change(
    conn: &mut Connection,
    document: &str,
    change: ChangeHash,
) -> Result<Option<EntryRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT chain, seq, leaf, hash, kind, salt, body, document, change, change_hash, verdict, code,
                admitted_leaf
         FROM entry WHERE change_hash = $1 AND document = $2 ORDER BY leaf, seq LIMIT 1",
    )
    .bind(change.as_bytes())
    .bind(document)
    .fetch_optional(conn)
    .await
}
