//! Documents, tasks, checklists and grants: what the server told.

use super::{Connection, Tx, signed, unsigned};
use crate::{Error, Result};
use liuhen_trace::{Canonical, DeviceId, DocumentId, Hash, SignedGrant};
use rusqlite::{OptionalExtension as _, Row, params};

/// Unreadable tasks kept: far more than an inspector holds at a time.
const UNREAD_MAX: u32 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    pub task: String,
    pub document: DocumentId,
    pub bytes: Vec<u8>,
    pub leaf: u64,
    pub delivered: bool,
    pub opened: bool,
    pub claimed: bool,
    pub departed: bool,
    /// The document's checklist is here.
    pub ready: bool,
}

/// A step of a task this phone has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepTaken {
    Delivered,
    Opened,
    Claimed,
}

const TASK_COLUMNS: &str =
    "t.task, t.document, t.bytes, t.leaf, t.delivered, t.opened, t.claimed, d.departed,
    EXISTS (SELECT 1 FROM checklist c WHERE c.hash = d.checklist)";

fn task_row(row: &Row) -> rusqlite::Result<TaskRow> {
    Ok(TaskRow {
        task: row.get(0)?,
        document: DocumentId(row.get(1)?),
        bytes: row.get(2)?,
        leaf: unsigned(row.get(3)?),
        delivered: row.get(4)?,
        opened: row.get(5)?,
        claimed: row.get(6)?,
        departed: row.get(7)?,
        ready: row.get(8)?,
    })
}

/// Makes sure that entries and evidence can refer to a document.
pub fn ensure(tx: &Tx, document: DocumentId) -> Result<()> {
    tx.prepare_cached("INSERT INTO document (document) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([document.0])?;
    Ok(())
}

/// A task arrived: its document is in scope, on this checklist. A visit stays on the checklist it
/// began with.
pub fn enter(tx: &Tx, document: DocumentId, checklist: Hash) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO document (document, checklist) VALUES (?1, ?2) ON CONFLICT (document)
         DO UPDATE SET checklist = coalesce(document.checklist, excluded.checklist), departed = 0",
    )?
    .execute(params![document.0, checklist.0])?;
    Ok(())
}

pub fn set_departed(tx: &Tx, document: DocumentId) -> Result<()> {
    tx.execute("UPDATE document SET departed = 1 WHERE document = ?1", [document.0])?;
    Ok(())
}

pub fn departed(db: &Connection) -> Result<Vec<DocumentId>> {
    let mut statement = db.prepare_cached("SELECT document FROM document WHERE departed = 1")?;
    let rows = statement.query_map([], |row| row.get(0).map(DocumentId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Documents of tasks that are this phone's to work on.
pub fn in_scope(db: &Connection) -> Result<Vec<DocumentId>> {
    let mut statement = db.prepare_cached(
        "SELECT t.document FROM task t JOIN document d USING (document) WHERE d.departed = 0
         ORDER BY t.leaf DESC, t.document",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(DocumentId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes document and task; entries and evidence went before.
pub fn delete(tx: &Tx, document: DocumentId) -> Result<()> {
    tx.execute("DELETE FROM task WHERE document = ?1", [document.0])?;
    tx.execute("DELETE FROM document WHERE document = ?1", [document.0])?;
    Ok(())
}

/// The canonical bytes of a document's checklist; `None` while they are not here.
pub fn checklist_of(db: &Connection, document: DocumentId) -> Result<Option<Vec<u8>>> {
    let mut statement = db.prepare_cached(
        "SELECT c.bytes FROM document d JOIN checklist c ON c.hash = d.checklist WHERE d.document = ?1",
    )?;
    Ok(statement.query_row([document.0], |row| row.get(0)).optional()?)
}

/// Checklists that documents name and that are not here.
pub fn checklists_wanted(db: &Connection) -> Result<Vec<Hash>> {
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT checklist FROM document WHERE checklist IS NOT NULL
         AND checklist NOT IN (SELECT hash FROM checklist) ORDER BY checklist",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(Hash))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn insert_checklist(tx: &Tx, hash: Hash, bytes: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO checklist (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![hash.0, bytes],
    )?;
    Ok(())
}

pub fn on_checklist(db: &Connection, checklist: Hash) -> Result<Vec<DocumentId>> {
    let mut statement = db.prepare_cached("SELECT document FROM document WHERE checklist = ?1")?;
    let rows = statement.query_map([checklist.0], |row| row.get(0).map(DocumentId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps the newest state of a task; an older leaf than the one kept changes nothing.
pub fn upsert_task(tx: &Tx, task: &str, document: DocumentId, bytes: &[u8], leaf: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO task (task, document, bytes, leaf) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (task)
         DO UPDATE SET bytes = excluded.bytes, leaf = excluded.leaf WHERE excluded.leaf >= task.leaf",
    )?
    .execute(params![task, document.0, bytes, signed(leaf)])?;
    Ok(())
}

/// States of tasks from leaves that the log lost: whatever the server tells now is newer.
pub fn take_back_leaves(tx: &Tx, lost_from: u64) -> Result<()> {
    tx.execute("UPDATE task SET leaf = ?1 WHERE leaf > ?1", [signed(lost_from)])?;
    Ok(())
}

/// Whether no other task has this visit and this task no other visit.
pub fn task_fits(db: &Connection, task: &str, document: DocumentId) -> Result<bool> {
    let mut statement = db.prepare_cached(
        "SELECT 1 FROM task WHERE (task = ?1 OR document = ?2) AND NOT (task = ?1 AND document = ?2)",
    )?;
    Ok(!statement.exists(params![task, document.0])?)
}

/// Keeps a task this version cannot read: the feed does not tell it twice. False when it is kept
/// already, or when there are too many.
pub fn keep_unread(tx: &Tx, leaf: u64, bytes: &[u8]) -> Result<bool> {
    let kept = tx
        .prepare_cached(
            "INSERT INTO unread_matter (leaf, bytes) SELECT ?1, ?2
             WHERE (SELECT count(*) FROM unread_matter) < ?3 ON CONFLICT DO NOTHING",
        )?
        .execute(params![signed(leaf), bytes, UNREAD_MAX])?;
    Ok(kept == 1)
}

/// Tasks kept by [`keep_unread`], oldest first.
pub fn unread(db: &Connection) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut statement = db.prepare_cached("SELECT leaf, bytes FROM unread_matter ORDER BY leaf, bytes")?;
    let rows = statement.query_map([], |row| Ok((unsigned(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn forget_unread(tx: &Tx, leaf: u64, bytes: &[u8]) -> Result<()> {
    tx.execute("DELETE FROM unread_matter WHERE leaf = ?1 AND bytes = ?2", params![signed(leaf), bytes])?;
    Ok(())
}

pub fn set_step(tx: &Tx, document: DocumentId, step: StepTaken, taken: bool) -> Result<()> {
    let sql = match step {
        StepTaken::Delivered => "UPDATE task SET delivered = ?2 WHERE document = ?1",
        StepTaken::Opened => "UPDATE task SET opened = ?2 WHERE document = ?1",
        StepTaken::Claimed => "UPDATE task SET claimed = ?2 WHERE document = ?1",
    };
    tx.execute(sql, params![document.0, taken])?;
    Ok(())
}

pub fn task_of(db: &Connection, document: DocumentId) -> Result<Option<TaskRow>> {
    let sql =
        format!("SELECT {TASK_COLUMNS} FROM task t JOIN document d USING (document) WHERE t.document = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([document.0], task_row).optional()?)
}

/// All tasks here, newest leaf first.
pub fn tasks(db: &Connection) -> Result<Vec<TaskRow>> {
    let sql = format!(
        "SELECT {TASK_COLUMNS} FROM task t JOIN document d USING (document) ORDER BY t.leaf DESC, t.task"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], task_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn upsert_grant(tx: &Tx, device: DeviceId, grant: &SignedGrant) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO device_grant (device, signed_grant) VALUES (?1, ?2)
         ON CONFLICT (device) DO UPDATE SET signed_grant = excluded.signed_grant",
    )?
    .execute(params![device.0, grant.to_canonical()])?;
    Ok(())
}

/// Grants that were checked before they were stored.
pub fn grants(db: &Connection) -> Result<Vec<SignedGrant>> {
    let mut statement = db.prepare_cached("SELECT signed_grant FROM device_grant ORDER BY device")?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|row| SignedGrant::from_canonical(&row?).map_err(Error::corrupt)).collect()
}
