//! All SQL of the phone: rusqlite in the caller's thread, one writer, WAL, `synchronous=FULL`.
//!
//! Functions that read take a [`Connection`]; functions that write take a [`Tx`], so nothing is ever
//! written outside a transaction that somebody commits on purpose.

pub mod blobs;
pub mod chains;
pub mod checkpoints;
pub mod documents;
pub mod entries;
pub mod events;
pub mod identity;
pub mod progress;
mod schema;
pub mod segments;

use crate::Result;
pub use rusqlite::Connection;
use rusqlite::{OpenFlags, Transaction, TransactionBehavior};
use std::{ops::Deref, path::Path, time::Duration};

/// Nobody else writes here; a backup program may read for a moment.
const BUSY_SECONDS_MAX: u64 = 5;

pub struct Store {
    connection: Connection,
}

/// An open write transaction. Dropping it rolls back.
pub struct Tx<'a>(Transaction<'a>);

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Tx<'_> {
    /// Returns when the rows are durable.
    pub fn commit(self) -> Result<()> {
        Ok(self.0.commit()?)
    }
}

impl Store {
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(BUSY_SECONDS_MAX))?;
        // fullfsync is what makes an fsync reach the disk on Apple systems; others ignore it.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON;
             PRAGMA foreign_keys = ON;
             PRAGMA secure_delete = ON;
             PRAGMA trusted_schema = OFF;",
        )?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub fn begin(&mut self) -> Result<Tx<'_>> {
        Ok(Tx(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?))
    }

    /// Folds the log into the database and lets go of the files.
    pub fn close(self) -> Result<()> {
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

/// SQLite's integers are signed; sequence numbers, leaves and sizes stay below 2⁶³ by the limits of
/// `trace`, and one that does not is stored as the largest and then never matches.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The counterpart of [`signed`]; a negative number was never written.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
