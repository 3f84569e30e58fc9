//! Entries, own and others'.

use super::{Connection, Tx, signed, unsigned};
use crate::{Error, Result};
use liuhen_trace::{Body, Canonical, ChainId, DeviceId, DocumentId, EntryKind, Hash, OpenEntry, entry::Salt};
use rusqlite::{Row, params};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Own, without a verified receipt.
    Unsent,
    /// Own, in the log.
    Logged,
    /// Its change is in the document for good.
    Admitted,
    /// Its change depends on changes that are not there.
    Waiting,
    /// Its change is out of the document for good.
    Quarantined,
}

impl EntryState {
    fn number(self) -> i64 {
        match self {
            Self::Unsent => 0,
            Self::Logged => 1,
            Self::Admitted => 2,
            Self::Waiting => 3,
            Self::Quarantined => 4,
        }
    }

    fn from_number(number: i64) -> Option<Self> {
        [Self::Unsent, Self::Logged, Self::Admitted, Self::Waiting, Self::Quarantined]
            .into_iter()
            .find(|state| state.number() == number)
    }
}

#[derive(Debug, Clone)]
pub struct EntryRow {
    pub chain: ChainId,
    pub seq: u64,
    pub own: bool,
    pub device: DeviceId,
    pub hash: Hash,
    pub state: EntryState,
    pub open: OpenEntry,
}

const COLUMNS: &str = "chain, seq, own, device, hash, state, kind, salt, body, change";

fn entry_row(row: &Row) -> rusqlite::Result<Result<EntryRow>> {
    let (state, kind): (i64, i64) = (row.get(5)?, row.get(6)?);
    let salt: Salt = row.get(7)?;
    let body: Vec<u8> = row.get(8)?;
    let change: Option<Vec<u8>> = row.get(9)?;
    let (chain, seq) = (ChainId(row.get(0)?), unsigned(row.get(1)?));
    let (own, device, hash) = (row.get(2)?, DeviceId(row.get(3)?), Hash(row.get(4)?));
    let read = || {
        let state = EntryState::from_number(state).ok_or_else(|| Error::corrupt("entry state"))?;
        let kind = u8::try_from(kind).ok().and_then(|kind| minicbor::decode::<EntryKind>(&[kind]).ok());
        let kind = kind.ok_or_else(|| Error::corrupt("entry kind"))?;
        let body = Body::from_canonical(&body).map_err(Error::corrupt)?;
        let open = OpenEntry { kind, salt, body, change };
        Ok(EntryRow { chain, seq, own, device, hash, state, open })
    };
    Ok(read())
}

fn collect(db: &Connection, condition: &str, params: impl rusqlite::Params) -> Result<Vec<EntryRow>> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM entry {condition}"))?;
    let rows = statement.query_map(params, entry_row)?;
    rows.map(|row| row?).collect()
}

/// False when an entry stands at that place already; it is then left as it is.
pub fn insert(tx: &Tx, row: &EntryRow) -> Result<bool> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO entry
             (chain, seq, own, device, hash, kind, salt, body, change, document, state, wall_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (chain, seq) DO NOTHING",
        )?
        .execute(params![
            row.chain.0,
            signed(row.seq),
            row.own,
            row.device.0,
            row.hash.0,
            row.open.kind as i64,
            row.open.salt,
            row.open.body.to_canonical(),
            row.open.change,
            row.open.body.document.map(|document| document.0),
            row.state.number(),
            row.open.body.at.wall_ms,
        ])?;
    Ok(inserted == 1)
}

pub fn find(db: &Connection, chain: ChainId, seq: u64) -> Result<Option<EntryRow>> {
    let rows = collect(db, "WHERE chain = ?1 AND seq = ?2", params![chain.0, signed(seq)])?;
    Ok(rows.into_iter().next())
}

/// Everything of a document, in the order in which it takes the changes.
pub fn of_document(db: &Connection, document: DocumentId) -> Result<Vec<EntryRow>> {
    collect(db, "WHERE document = ?1 ORDER BY arrived", [document.0])
}

/// Own entries `first_seq..` of a chain, at most `count_max`.
pub fn run(db: &Connection, chain: ChainId, first_seq: u64, count_max: u64) -> Result<Vec<EntryRow>> {
    let condition = "WHERE chain = ?1 AND own = 1 AND seq >= ?2 ORDER BY seq LIMIT ?3";
    collect(db, condition, params![chain.0, signed(first_seq), signed(count_max)])
}

/// How many epochs of a document `chain` had begun before entry `seq`.
pub fn epoch(db: &Connection, chain: ChainId, document: DocumentId, seq: u64) -> Result<u64> {
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM entry WHERE document = ?1 AND chain = ?2 AND seq < ?3 AND kind = ?4",
    )?;
    let kind = EntryKind::Epoch as i64;
    let count = statement.query_row(params![document.0, chain.0, signed(seq), kind], |row| row.get(0))?;
    Ok(unsigned(count))
}

pub fn set_state(tx: &Tx, chain: ChainId, seq: u64, state: EntryState, code: Option<&str>) -> Result<()> {
    tx.prepare_cached("UPDATE entry SET state = ?3, code = ?4 WHERE chain = ?1 AND seq = ?2")?
        .execute(params![chain.0, signed(seq), state.number(), code])?;
    Ok(())
}

/// Every answer lists all own entries that wait; those of the one before count no longer.
pub fn reset_own_waiting(tx: &Tx) -> Result<()> {
    tx.prepare_cached("UPDATE entry SET state = ?2 WHERE own = 1 AND state = ?1")?
        .execute(params![EntryState::Waiting.number(), EntryState::Logged.number()])?;
    Ok(())
}

/// These own entries are in the log: a verified receipt covers them, or the server says that a copy
/// of this phone handed them in. Only what a receipt covers is ever removed.
pub fn mark_logged(tx: &Tx, chain: ChainId, first_seq: u64, next_seq: u64) -> Result<()> {
    tx.prepare_cached(
        "UPDATE entry SET state = ?4
         WHERE chain = ?1 AND seq >= ?2 AND seq < ?3 AND own = 1 AND state = ?5",
    )?
    .execute(params![
        chain.0,
        signed(first_seq),
        signed(next_seq),
        EntryState::Logged.number(),
        EntryState::Unsent.number(),
    ])?;
    Ok(())
}

/// An own entry was given up for what an act at `leaf` says.
pub fn set_verdict_leaf(tx: &Tx, chain: ChainId, seq: u64, leaf: u64) -> Result<()> {
    tx.prepare_cached("UPDATE entry SET verdict_leaf = ?3 WHERE chain = ?1 AND seq = ?2")?
        .execute(params![chain.0, signed(seq), signed(leaf)])?;
    Ok(())
}

/// Quarantines from leaves behind `lost_from` count no longer: the server judges again. Returns the
/// documents to which something comes back.
pub fn take_back_verdicts(tx: &Tx, lost_from: u64) -> Result<BTreeSet<DocumentId>> {
    let mut statement = tx.prepare_cached(
        "UPDATE entry SET state = ?2, code = NULL, verdict_leaf = NULL
         WHERE verdict_leaf >= ?1 AND own = 1 AND state = ?3 RETURNING document",
    )?;
    let (logged, quarantined) = (EntryState::Logged.number(), EntryState::Quarantined.number());
    let rows = statement.query_map(params![signed(lost_from), logged, quarantined], |row| {
        row.get::<_, Option<[u8; 16]>>(0)
    })?;
    let documents = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(documents.into_iter().flatten().map(DocumentId).collect())
}

/// Own entries whose receipt is from a leaf behind `lost_from` are unsent again. What was given up
/// stays so; it is handed in with its segment all the same.
pub fn take_back_receipts(tx: &Tx, lost_from: u64) -> Result<()> {
    tx.prepare_cached(
        "UPDATE entry SET state = ?2 WHERE own = 1 AND state IN (?3, ?4, ?5) AND EXISTS
           (SELECT 1 FROM segment s WHERE s.chain = entry.chain AND s.leaf >= ?1
            AND entry.seq >= s.first_seq AND entry.seq < s.first_seq + s.count)",
    )?
    .execute(params![
        signed(lost_from),
        EntryState::Unsent.number(),
        EntryState::Logged.number(),
        EntryState::Admitted.number(),
        EntryState::Waiting.number(),
    ])?;
    Ok(())
}

/// Own entries of a document without a verified receipt.
pub fn unsent_of_document(db: &Connection, document: DocumentId) -> Result<u64> {
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM entry e WHERE document = ?1 AND own = 1 AND NOT EXISTS
           (SELECT 1 FROM segment s WHERE s.chain = e.chain AND s.leaf IS NOT NULL
            AND e.seq >= s.first_seq AND e.seq < s.first_seq + s.count)",
    )?;
    Ok(unsigned(statement.query_row([document.0], |row| row.get(0))?))
}

/// Removes a document's entries; the caller has seen that none of them is unsent.
pub fn delete_of_document(tx: &Tx, document: DocumentId) -> Result<()> {
    tx.execute("DELETE FROM entry WHERE document = ?1", [document.0])?;
    Ok(())
}

/// Own entries without a receipt: how many, their bytes, and the oldest one's wall time. Quarantined
/// ones still have to be handed in, unless their segment was refused.
pub fn unsent_totals(db: &Connection) -> Result<(u64, u64, Option<i64>)> {
    let mut statement = db.prepare_cached(
        "SELECT count(*), coalesce(sum(length(body) + coalesce(length(change), 0)), 0), min(wall_ms)
         FROM entry e WHERE own = 1 AND (state = 0 OR state = 4 AND NOT EXISTS
           (SELECT 1 FROM segment s WHERE s.chain = e.chain AND (s.leaf IS NOT NULL OR s.code IS NOT NULL)
            AND e.seq >= s.first_seq AND e.seq < s.first_seq + s.count))",
    )?;
    Ok(statement.query_row([], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), row.get(2)?)))?)
}

/// How many entries wait (own and others'), and how many own ones are quarantined.
pub fn odd_totals(db: &Connection) -> Result<(u64, u64)> {
    let count = |sql: &str, state: EntryState| -> Result<u64> {
        Ok(unsigned(db.prepare_cached(sql)?.query_row([state.number()], |row| row.get(0))?))
    };
    Ok((
        count("SELECT count(*) FROM entry WHERE state = ?1", EntryState::Waiting)?,
        count("SELECT count(*) FROM entry WHERE state = ?1 AND own = 1", EntryState::Quarantined)?,
    ))
}

/// Whether an own entry is in no segment yet.
pub fn any_uncut(db: &Connection) -> Result<bool> {
    let mut statement = db.prepare_cached(
        "SELECT 1 FROM chain c WHERE c.next_seq >
           (SELECT coalesce(max(s.first_seq + s.count), 0) FROM segment s WHERE s.chain = c.chain)",
    )?;
    Ok(statement.exists([])?)
}
