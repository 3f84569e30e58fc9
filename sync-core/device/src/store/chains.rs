//! Own chains.

use super::{Connection, Tx, signed, unsigned};
use crate::Result;
use liuhen_trace::{ChainId, Hash};
use rusqlite::{OptionalExtension as _, Row, params};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRow {
    pub chain: ChainId,
    pub incarnation: u64,
    pub secret: [u8; 32],
    pub next_seq: u64,
    pub last_hash: Hash,
}

const COLUMNS: &str = "chain, incarnation, secret, next_seq, last_hash";

fn chain_row(row: &Row) -> rusqlite::Result<ChainRow> {
    Ok(ChainRow {
        chain: ChainId(row.get(0)?),
        incarnation: u64::from_be_bytes(row.get(1)?),
        secret: row.get(2)?,
        next_seq: unsigned(row.get(3)?),
        last_hash: Hash(row.get(4)?),
    })
}

/// The chain that takes new entries.
pub fn open_chain(db: &Connection) -> Result<Option<ChainRow>> {
    let sql = format!("SELECT {COLUMNS} FROM chain WHERE ended IS NULL");
    Ok(db.prepare_cached(&sql)?.query_row([], chain_row).optional()?)
}

pub fn find(db: &Connection, chain: ChainId) -> Result<Option<ChainRow>> {
    let sql = format!("SELECT {COLUMNS} FROM chain WHERE chain = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([chain.0], chain_row).optional()?)
}

/// All own chains, oldest first.
pub fn all(db: &Connection) -> Result<Vec<ChainRow>> {
    let sql = format!("SELECT {COLUMNS} FROM chain ORDER BY started_ms, chain");
    let rows = db.prepare_cached(&sql)?.query_map([], chain_row)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Ends the open chain, if any; `why` is a stable code.
pub fn end(tx: &Tx, why: &str) -> Result<()> {
    tx.execute("UPDATE chain SET ended = ?1 WHERE ended IS NULL", [why])?;
    Ok(())
}

pub fn insert(tx: &Tx, row: &ChainRow, started_ms: i64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO chain (chain, incarnation, secret, next_seq, last_hash, started_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        row.chain.0,
        row.incarnation.to_be_bytes(),
        row.secret,
        signed(row.next_seq),
        row.last_hash.0,
        started_ms,
    ])?;
    Ok(())
}

/// Moves the chain's head behind an entry that was just inserted.
pub fn advance(tx: &Tx, chain: ChainId, next_seq: u64, last_hash: Hash) -> Result<()> {
    tx.prepare_cached("UPDATE chain SET next_seq = ?2, last_hash = ?3 WHERE chain = ?1")?
        .execute(params![chain.0, signed(next_seq), last_hash.0])?;
    Ok(())
}
