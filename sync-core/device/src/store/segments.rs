//! Own signed segments.

use super::{Connection, Tx, signed, unsigned};
use crate::{Error, Result, records::Failure};
use liuhen_trace::{Canonical, ChainId, Hash, SegmentHeader, Signature};
use rusqlite::{OptionalExtension as _, params};

#[derive(Debug, Clone)]
pub struct SegmentRow {
    pub chain: ChainId,
    pub header: SegmentHeader,
    pub signature: Signature,
}

pub fn insert(tx: &Tx, row: &SegmentRow) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO segment (chain, first_seq, count, header, signature) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        row.chain.0,
        signed(row.header.first_seq),
        signed(row.header.count),
        row.header.to_canonical(),
        row.signature.0,
    ])?;
    Ok(())
}

/// Where the next segment of a chain begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainEnd {
    pub next_seq: u64,
    /// Hash of the last entry that is in a segment.
    pub last: Hash,
}

pub fn end_of(db: &Connection, chain: ChainId) -> Result<ChainEnd> {
    let mut statement =
        db.prepare_cached("SELECT header FROM segment WHERE chain = ?1 ORDER BY first_seq DESC LIMIT 1")?;
    let header: Option<Vec<u8>> = statement.query_row([chain.0], |row| row.get(0)).optional()?;
    let Some(header) = header else { return Ok(ChainEnd::default()) };
    let header = SegmentHeader::from_canonical(&header).map_err(Error::corrupt)?;
    Ok(ChainEnd { next_seq: header.next_seq(), last: header.last })
}

/// Segments without a verified receipt that are still worth sending, in chain order, oldest chain
/// first.
pub fn unsent(db: &Connection, count_max: usize) -> Result<Vec<SegmentRow>> {
    let mut statement = db.prepare_cached(
        "SELECT s.chain, s.header, s.signature FROM segment s JOIN chain c USING (chain)
         WHERE s.leaf IS NULL AND s.code IS NULL ORDER BY c.started_ms, s.chain, s.first_seq LIMIT ?1",
    )?;
    let rows = statement.query_map([signed(count_max as u64)], |row| {
        let (header, signature): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        Ok((ChainId(row.get(0)?), header, Signature(signature)))
    })?;
    rows.map(|row| {
        let (chain, header, signature) = row?;
        let header = SegmentHeader::from_canonical(&header).map_err(Error::corrupt)?;
        Ok(SegmentRow { chain, header, signature })
    })
    .collect()
}

/// A verified receipt stands behind this. Returns the sequence number behind the segment; `None`
/// when there is no such segment.
pub fn set_leaf(tx: &Tx, chain: ChainId, first_seq: u64, leaf: u64) -> Result<Option<u64>> {
    let mut statement = tx.prepare_cached(
        "UPDATE segment SET leaf = ?3, code = NULL, detail = NULL WHERE chain = ?1 AND first_seq = ?2
         RETURNING first_seq + count",
    )?;
    let next_seq: Option<i64> = statement
        .query_row(params![chain.0, signed(first_seq), signed(leaf)], |row| row.get(0))
        .optional()?;
    Ok(next_seq.map(unsigned))
}

/// Receipts from leaves behind `lost_from` prove nothing any more. Returns the segments among them of
/// which entries are missing, so that they cannot be sent again.
pub fn take_back(tx: &Tx, lost_from: u64) -> Result<Vec<(ChainId, u64)>> {
    let mut statement = tx.prepare_cached(
        "SELECT chain, first_seq FROM segment s WHERE leaf >= ?1 AND count >
           (SELECT count(*) FROM entry e WHERE e.chain = s.chain AND e.seq >= s.first_seq
            AND e.seq < s.first_seq + s.count)
         ORDER BY chain, first_seq",
    )?;
    let rows =
        statement.query_map([signed(lost_from)], |row| Ok((ChainId(row.get(0)?), unsigned(row.get(1)?))))?;
    let incomplete = rows.collect::<Result<Vec<_>, _>>()?;
    tx.prepare_cached("UPDATE segment SET leaf = NULL WHERE leaf >= ?1")?.execute([signed(lost_from)])?;
    Ok(incomplete)
}

/// Whether a segment that is still worth sending holds entry `seq` of its chain.
pub fn is_sendable(db: &Connection, chain: ChainId, seq: u64) -> Result<bool> {
    let mut statement = db.prepare_cached(
        "SELECT 1 FROM segment WHERE chain = ?1 AND first_seq <= ?2 AND first_seq + count > ?2
         AND leaf IS NULL AND code IS NULL",
    )?;
    Ok(statement.exists(params![chain.0, signed(seq)])?)
}

/// The sequence number behind a segment that is still worth sending; `None` for any other.
pub fn unsent_end(db: &Connection, chain: ChainId, first_seq: u64) -> Result<Option<u64>> {
    let mut statement = db.prepare_cached(
        "SELECT first_seq + count FROM segment
         WHERE chain = ?1 AND first_seq = ?2 AND leaf IS NULL AND code IS NULL",
    )?;
    let end: Option<i64> =
        statement.query_row(params![chain.0, signed(first_seq)], |row| row.get(0)).optional()?;
    Ok(end.map(unsigned))
}

/// The server does not log this segment; it is kept with the reason.
pub fn set_refused(tx: &Tx, chain: ChainId, first_seq: u64, code: &str, detail: &str) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segment SET code = ?3, detail = ?4 WHERE chain = ?1 AND first_seq = ?2 AND leaf IS NULL",
    )?
    .execute(params![chain.0, signed(first_seq), code, detail])?;
    Ok(())
}

/// The server will not log this chain from here on; its segments are kept with the reason.
pub fn refuse_from(tx: &Tx, chain: ChainId, first_seq: u64, code: &str, detail: &str) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segment SET code = ?3, detail = ?4 WHERE chain = ?1 AND first_seq >= ?2 AND leaf IS NULL",
    )?
    .execute(params![chain.0, signed(first_seq), code, detail])?;
    Ok(())
}

/// Whether anything is still worth sending.
pub fn any_unsent(db: &Connection) -> Result<bool> {
    Ok(db.prepare_cached("SELECT 1 FROM segment WHERE leaf IS NULL AND code IS NULL")?.exists([])?)
}

/// Refused segments with their reasons.
pub fn refused(db: &Connection) -> Result<Vec<Failure>> {
    let mut statement = db.prepare_cached(
        "SELECT chain, first_seq, code, detail FROM segment WHERE code IS NOT NULL ORDER BY chain, first_seq",
    )?;
    let rows = statement.query_map([], |row| {
        let (chain, first_seq) = (ChainId(row.get(0)?), unsigned(row.get(1)?));
        let subject = Some(format!("segment {chain}/{first_seq}"));
        Ok(Failure { subject, code: row.get(2)?, detail: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
