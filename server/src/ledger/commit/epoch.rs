//! Opening an epoch: what a restore does before anybody is served.

use super::{Tx, recorded};
use crate::{
    error::ApiError,
    ledger::{Signer, about, clock, proof},
    store::{self, Connection, epochs::EpochRow, transaction},
};
use anyhow::ensure;
use liuhen_trace::{CheckpointRef, EpochOpening, EpochProof, Leaf, act::ActBody, epoch::EPOCH_KIND};
use serde_json::json;
use std::collections::BTreeMap;

/// How far beyond the backup's epoch a restore may go: far more than restores of one backup, and few
/// enough that a slip of the hand does not use the numbers up, which only rise.
const EPOCHS_AHEAD_MAX: u64 = 1_000;

/// The epoch to open behind `before`: the one that is wanted, or the next.
pub fn next_epoch(before: u64, wanted: Option<u64>) -> anyhow::Result<u64> {
    let epoch = wanted.unwrap_or(before.saturating_add(1));
    ensure!(epoch > before, "restore.epoch_too_low: epoch {before} is in the backup");
    let ahead = epoch - before;
    ensure!(
        ahead <= EPOCHS_AHEAD_MAX,
        "restore.epoch_too_high: epoch {before} is in the backup; at most {EPOCHS_AHEAD_MAX} beyond it"
    );
    Ok(epoch)
}

/// Logs the act that opens `epoch`, the next one where none is named, and signs the log it makes.
/// Nobody else may hold the database.
pub async fn open_epoch(
    mut conn: Connection,
    signer: &mut Signer,
    epoch: Option<u64>,
) -> anyhow::Result<EpochOpening> {
    about::catch_up(&mut conn).await?;
    let (before, tree) = recorded(&mut conn).await?;
    let epoch = next_epoch(before, epoch)?;
    let after = CheckpointRef { epoch: before, size: tree.size(), root: tree.root() };
    let note = signer.last().map(|(_, note)| note.to_owned());
    let opening = EpochOpening { epoch, after, note };
    let mut tx = Tx { conn, epoch, tree, completed: BTreeMap::new(), now_ms: clock::now_ms() };
    transaction::begin(&mut tx.conn).await?;
    let detail =
        json!({ "epoch": epoch, "after": after.epoch, "size": after.size, "root": after.root.to_string() });
    let body = ActBody { detail: detail.to_string(), epoch: Some(opening.clone()), ..ActBody::default() };
    let leaf = tx.log_act(EPOCH_KIND, &body).await?;
    store::epochs::insert(&mut tx.conn, EpochRow { epoch: epoch as i64, leaf: leaf as i64 }).await?;
    store::epochs::forget_volatile(&mut tx.conn).await?;
    store::ledger::save_head(&mut tx.conn, epoch, &tx.tree).await?;
    transaction::commit(&mut tx.conn).await?;
    let state = CheckpointRef { epoch, size: tx.tree.size(), root: tx.tree.root() };
    let opened = proof_of(&mut tx.conn, leaf, state).await?;
    let signed = signer.last().map_or(0, |(last, _)| last.size.min(state.size));
    let consistency = proof::range(&mut tx.conn, signed, signed, state.size).await?;
    signer.open_epoch(state, &opened, &consistency)?;
    store::checkpoint_wal(tx.conn).await?;
    Ok(opening)
}

/// The act at `leaf` that opened an epoch, with its proof.
pub async fn proof_of(
    conn: &mut Connection,
    leaf: u64,
    state: CheckpointRef,
) -> Result<EpochProof, ApiError> {
    let missing = || ApiError::internal(format!("leaf {leaf} opens no epoch"));
    let row = store::ledger::leaf(conn, leaf).await?.ok_or_else(missing)?;
    let Leaf::Act(header) = Leaf::from_bytes(&row.bytes)? else { return Err(missing()) };
    let act = store::ledger::act(conn, leaf).await?.ok_or_else(missing)?;
    let salt = act.salt.as_slice().try_into().map_err(|_| missing())?;
    let proof = proof::range(conn, leaf, leaf + 1, state.size).await?;
    Ok(EpochProof { header, salt, body: act.body, proof })
}
