//! What happened, for the app to pull.

use super::{Connection, Tx, signed, unsigned};
use crate::{
    Result,
    records::{EVENT_KINDS, Event},
};
use liuhen_trace::{BlobHash, DocumentId};
use rusqlite::params;

/// Events kept. An app pulls them as they come; this is months of them for one that does not.
const EVENTS_MAX: i64 = 10_000;

#[derive(Debug, Clone, Default)]
pub struct NewEvent<'a> {
    pub kind: &'a str,
    pub document: Option<DocumentId>,
    pub blob: Option<BlobHash>,
    pub detail: String,
}

pub fn insert(tx: &Tx, at_ms: i64, event: &NewEvent) -> Result<()> {
    debug_assert!(EVENT_KINDS.iter().any(|(kind, _)| *kind == event.kind), "{} is not listed", event.kind);
    tx.prepare_cached("INSERT INTO event (at_ms, kind, document, blob, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            at_ms,
            event.kind,
            event.document.map(|document| document.0),
            event.blob.map(|blob| blob.0),
            event.detail,
        ])?;
    Ok(())
}

/// As [`insert`], unless the same was told before: what comes again with every exchange is told once.
pub fn insert_once(tx: &Tx, at_ms: i64, event: &NewEvent) -> Result<()> {
    let known = tx
        .prepare_cached("SELECT 1 FROM event WHERE kind = ?1 AND detail = ?2")?
        .exists(params![event.kind, event.detail])?;
    if known { Ok(()) } else { insert(tx, at_ms, event) }
}

/// Events behind `after`, oldest first.
pub fn after(db: &Connection, after: u64, count_max: u32) -> Result<Vec<Event>> {
    let mut statement = db.prepare_cached(
        "SELECT id, at_ms, kind, document, blob, detail FROM event WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = statement.query_map(params![signed(after), count_max], |row| {
        Ok(Event {
            id: unsigned(row.get(0)?),
            at_ms: row.get(1)?,
            kind: row.get(2)?,
            visit: row.get::<_, Option<[u8; 16]>>(3)?.map(DocumentId),
            evidence: row.get::<_, Option<[u8; 32]>>(4)?.map(BlobHash),
            detail: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn newest(db: &Connection) -> Result<u64> {
    let newest: Option<i64> = db.query_row("SELECT max(id) FROM event", [], |row| row.get(0))?;
    Ok(unsigned(newest.unwrap_or(0)))
}

/// Lets the oldest go.
pub fn prune(tx: &Tx) -> Result<()> {
    tx.execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1", [EVENTS_MAX])?;
    Ok(())
}
