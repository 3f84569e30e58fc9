//! Evidence rows. The file stands in the folder before its row says so.

use super::{Connection, Tx, signed, unsigned};
use crate::{Result, records::Failure};
use liuhen_trace::{BlobHash, BlobRef, DocumentId};
use rusqlite::{OptionalExtension as _, Row, params};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// In the folder, but no entry announces it.
    Recovered,
    /// An entry announces it; `offset` bytes of it are acknowledged.
    Announced,
    /// All bytes are acknowledged; the server's proof is outstanding.
    Uploaded,
    /// The ledger proves that the server holds it.
    Held,
}

impl BlobState {
    fn number(self) -> i64 {
        match self {
            Self::Recovered => 0,
            Self::Announced => 1,
            Self::Uploaded => 2,
            Self::Held => 3,
        }
    }

    fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Announced,
            2 => Self::Uploaded,
            3 => Self::Held,
            _ => Self::Recovered,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRow {
    pub blob: BlobRef,
    pub state: BlobState,
    /// Where the upload goes on.
    pub upload: Option<String>,
    /// Acknowledged bytes.
    pub offset: u64,
    /// Bytes handed to the network at least once.
    pub attempted: u64,
}

const COLUMNS: &str = "hash, size_bytes, state, upload, offset, attempted";

fn blob_row(row: &Row) -> rusqlite::Result<BlobRow> {
    Ok(BlobRow {
        blob: BlobRef { hash: BlobHash(row.get(0)?), size_bytes: unsigned(row.get(1)?) },
        state: BlobState::from_number(row.get(2)?),
        upload: row.get(3)?,
        offset: unsigned(row.get(4)?),
        attempted: unsigned(row.get(5)?),
    })
}

pub fn find(db: &Connection, hash: BlobHash) -> Result<Option<BlobRow>> {
    let sql = format!("SELECT {COLUMNS} FROM blob WHERE hash = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([hash.0], blob_row).optional()?)
}

/// A file nobody announced. False when a row knows it.
pub fn insert_recovered(tx: &Tx, blob: BlobRef, added_ms: i64) -> Result<bool> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO blob (hash, size_bytes, state, added_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![blob.hash.0, signed(blob.size_bytes), BlobState::Recovered.number(), added_ms])?;
    Ok(inserted == 1)
}

/// An entry in the same transaction announces the file for a document.
pub fn announce(tx: &Tx, blob: BlobRef, document: DocumentId, added_ms: i64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO blob (hash, size_bytes, state, added_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (hash) DO UPDATE SET state = max(blob.state, excluded.state)",
    )?
    .execute(params![blob.hash.0, signed(blob.size_bytes), BlobState::Announced.number(), added_ms])?;
    tx.prepare_cached("INSERT INTO blob_document (hash, document) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![blob.hash.0, document.0])?;
    Ok(())
}

/// What still has to be uploaded, oldest first.
pub fn uploadable(db: &Connection) -> Result<Vec<BlobRow>> {
    let sql = format!("SELECT {COLUMNS} FROM blob WHERE state = ?1 ORDER BY added_ms, hash");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([BlobState::Announced.number()], blob_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a proof that the server holds a file is outstanding.
pub fn any_uploaded(db: &Connection) -> Result<bool> {
    Ok(db.prepare_cached("SELECT 1 FROM blob WHERE state = ?1")?.exists([BlobState::Uploaded.number()])?)
}

/// Where the upload stands. `upload` is `None` when it has to begin anew.
pub fn set_progress(tx: &Tx, row: &BlobRow) -> Result<()> {
    tx.prepare_cached(
        "UPDATE blob SET state = ?2, upload = ?3, offset = ?4, attempted = ?5, code = NULL, detail = NULL
         WHERE hash = ?1 AND state <> ?6",
    )?
    .execute(params![
        row.blob.hash.0,
        row.state.number(),
        row.upload,
        signed(row.offset),
        signed(row.attempted),
        BlobState::Held.number(),
    ])?;
    Ok(())
}

pub fn set_failure(tx: &Tx, hash: BlobHash, code: &str, detail: &str) -> Result<()> {
    tx.prepare_cached("UPDATE blob SET code = ?2, detail = ?3 WHERE hash = ?1")?
        .execute(params![hash.0, code, detail])?;
    Ok(())
}

/// The ledger proves at `leaf` that the server holds it. False when that was known.
pub fn set_held(tx: &Tx, blob: BlobRef, leaf: u64) -> Result<bool> {
    let changed = tx
        .prepare_cached(
            "UPDATE blob SET state = ?3, leaf = ?4, upload = NULL, code = NULL, detail = NULL
             WHERE hash = ?1 AND size_bytes = ?2 AND state <> ?3",
        )?
        .execute(params![blob.hash.0, signed(blob.size_bytes), BlobState::Held.number(), signed(leaf)])?;
    Ok(changed == 1)
}

/// Proofs and uploads that the server may have forgotten. What it says that it wants in spite of an
/// older proof is uploaded as well.
pub fn take_back(tx: &Tx, lost_from: u64) -> Result<()> {
    tx.prepare_cached(
        "UPDATE blob SET state = ?1, leaf = NULL, upload = NULL, offset = 0
         WHERE state = ?2 OR state = ?3 AND leaf >= ?4",
    )?
    .execute(params![
        BlobState::Announced.number(),
        BlobState::Uploaded.number(),
        BlobState::Held.number(),
        signed(lost_from),
    ])?;
    Ok(())
}

/// The server says that it lacks this after all: it is uploaded (again).
pub fn set_wanted(tx: &Tx, hash: BlobHash) -> Result<bool> {
    let changed = tx
        .prepare_cached(
            "UPDATE blob SET state = ?2, upload = NULL, offset = 0 WHERE hash = ?1 AND state > ?2",
        )?
        .execute(params![hash.0, BlobState::Announced.number()])?;
    Ok(changed == 1)
}

/// Evidence of a document that the server has not proven to hold.
pub fn unheld_of_document(db: &Connection, document: DocumentId) -> Result<u64> {
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM blob_document d JOIN blob b USING (hash) WHERE d.document = ?1 AND b.state <> ?2",
    )?;
    let count = statement.query_row(params![document.0, BlobState::Held.number()], |row| row.get(0))?;
    Ok(unsigned(count))
}

/// Takes a document off its evidence and removes the rows no other document shows. The files of the
/// returned hashes may go once this is committed; all of them are held.
pub fn release(tx: &Tx, document: DocumentId) -> Result<Vec<BlobHash>> {
    let orphaned = "state = ?2 AND hash IN (SELECT hash FROM blob_document WHERE document = ?1)
         AND hash NOT IN (SELECT hash FROM blob_document WHERE document <> ?1)";
    let held = BlobState::Held.number();
    let hashes = {
        let mut statement = tx.prepare_cached(&format!("SELECT hash FROM blob WHERE {orphaned}"))?;
        let rows = statement.query_map(params![document.0, held], |row| row.get(0).map(BlobHash))?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    tx.execute("DELETE FROM blob_document WHERE document = ?1", [document.0])?;
    for hash in &hashes {
        tx.execute("DELETE FROM blob WHERE hash = ?1", [hash.0])?;
    }
    Ok(hashes)
}

/// Announced evidence not proven to be held: how many files and bytes; and how many are recovered.
pub fn totals(db: &Connection) -> Result<(u64, u64, u64)> {
    let mut statement = db.prepare_cached(
        "SELECT coalesce(sum(state IN (1, 2)), 0), coalesce(sum(CASE WHEN state IN (1, 2) THEN size_bytes END), 0),
                coalesce(sum(state = 0), 0) FROM blob",
    )?;
    Ok(statement
        .query_row([], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?))))?)
}

/// Evidence that could not be uploaded, with reasons.
pub fn failures(db: &Connection) -> Result<Vec<Failure>> {
    let mut statement = db.prepare_cached(
        "SELECT hash, code, detail FROM blob WHERE code IS NOT NULL ORDER BY added_ms, hash",
    )?;
    let rows = statement.query_map([], |row| {
        let subject = Some(format!("evidence {}", BlobHash(row.get(0)?)));
        Ok(Failure { subject, code: row.get(1)?, detail: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
