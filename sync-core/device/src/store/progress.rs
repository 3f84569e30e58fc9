//! How far the exchange came.

use super::{Connection, Tx, checkpoints, documents};
use crate::{Error, Result};
use liuhen_engine::{
    limits::BACKFILLS_MAX,
    wire::{Backfill, Position},
};
use liuhen_trace::{Canonical, CheckpointRef};
use rusqlite::params;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub position: Option<Position>,
    pub checkpoint: Option<CheckpointRef>,
    pub last_exchange_ms: Option<i64>,
    pub error: Option<(String, String)>,
}

pub fn read(db: &Connection) -> Result<Progress> {
    let mut statement = db.prepare_cached(
        "SELECT position, checkpoint, last_exchange_ms, error_code, error_detail FROM progress",
    )?;
    let (position, checkpoint, last_exchange_ms, code, detail) = statement.query_row([], |row| {
        let bytes: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
        let error: (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        Ok((bytes.0, bytes.1, row.get(2)?, error.0, error.1))
    })?;
    Ok(Progress {
        position: read_canonical(position)?,
        checkpoint: read_canonical(checkpoint)?,
        last_exchange_ms,
        error: code.zip(detail),
    })
}

fn read_canonical<T: Canonical>(bytes: Option<Vec<u8>>) -> Result<Option<T>> {
    bytes.map(|bytes| T::from_canonical(&bytes).map_err(Error::corrupt)).transpose()
}

pub fn set_position(tx: &Tx, position: &Position, at_ms: i64) -> Result<()> {
    tx.prepare_cached("UPDATE progress SET position = ?1, last_exchange_ms = ?2")?
        .execute(params![position.to_canonical(), at_ms])?;
    Ok(())
}

/// What this phone wrote after it was backed up or copied is in the log and not here, and the feed does
/// not tell a device its own entries: every visit in scope is asked for again as it stands.
pub fn owe_everything(tx: &Tx) -> Result<()> {
    let Progress { position: Some(mut position), .. } = read(tx)? else { return Ok(()) };
    for document in documents::in_scope(tx)? {
        // The server serves a backfill up to where it has verdicts.
        let backfill = Backfill { document, as_of: i64::MAX as u64, from: 1 };
        if position.backfills.len() < BACKFILLS_MAX && !position.backfills.contains(&backfill) {
            position.backfills.push(backfill);
        }
    }
    tx.prepare_cached("UPDATE progress SET position = ?1")?.execute([position.to_canonical()])?;
    Ok(())
}

/// A verified checkpoint and its note.
pub fn set_checkpoint(tx: &Tx, checkpoint: &CheckpointRef, note: &str) -> Result<()> {
    tx.prepare_cached("UPDATE progress SET checkpoint = ?1, note = ?2")?
        .execute(params![checkpoint.to_canonical(), note])?;
    checkpoints::insert(tx, checkpoint, note)
}

/// The newest failure; `None` once an exchange succeeded.
pub fn set_error(tx: &Tx, error: Option<(&str, &str)>) -> Result<()> {
    tx.prepare_cached("UPDATE progress SET error_code = ?1, error_detail = ?2")?
        .execute(params![error.map(|error| error.0), error.map(|error| error.1)])?;
    Ok(())
}
