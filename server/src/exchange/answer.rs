//! Composing the answer: one consistent read of the database, as of a checkpoint that is signed.

use super::{
    caller::Caller,
    case::{damaged, logged, people},
    feed::{Reader, first_position},
    intake::Handed,
    judgement::{Verdict, needs},
    proofs::Proofs,
};
use crate::{
    AppState,
    error::ApiError,
    ledger::{self, Epochs, Latest, clock, epochs::FIRST_EPOCH},
    store::{self, Connection, exchange::EntryRow},
};
use liuhen_engine::{
    limits,
    wire::{self, Answer, Backfill, PROTOCOL_VERSION, Position, Request, Row, WaitingEntry},
};
use liuhen_trace::{Canonical, ChainId, ChangeHash, CheckpointRef, DeviceId, EpochProof, Hash, SignedGrant};
use sqlx::Connection as _;
use std::collections::BTreeSet;

/// Waiting entries told in one answer; the rest is told when these are dealt with.
const WAITING_TOLD_MAX: i64 = 256;
/// Waiting entries looked at for one answer because others wait for them: a bound on its cost.
const BEHIND_MAX: usize = 512;
/// Wanted evidence told in one answer.
const BLOBS_WANTED_MAX: i64 = 256;
/// A phone that asks for less still gets on.
const ANSWER_BYTES_MIN: usize = 16 * 1024;
/// Rows asked for in one answer. One is always served, and the largest there is stays below what a
/// gateway lets through even when nothing compresses.
const ROWS_BYTES_MAX: usize = 256 * 1024;

/// What a request brought beside its segments.
pub struct Asked {
    pub request: Request,
    pub handed: Handed,
    pub latest: Latest,
}

/// The packed answer. It is composed again with half the budget when it does not compress below
/// what a gateway lets through.
pub async fn compose(state: &AppState, caller: &Caller, asked: &Asked) -> Result<Vec<u8>, ApiError> {
    let wished = (asked.request.answer_bytes_max.min(limits::ANSWER_BYTES_MAX)) as usize;
    let mut bytes_max = wished.max(ANSWER_BYTES_MIN);
    loop {
        let answer = read(state, caller, asked, bytes_max).await?;
        let packed = tokio::task::spawn_blocking(move || wire::pack(&answer)).await?;
        if packed.len() <= limits::BODY_BYTES_MAX || bytes_max <= ANSWER_BYTES_MIN {
            return Ok(packed);
        }
        bytes_max /= 2;
    }
}

async fn read(
    state: &AppState,
    caller: &Caller,
    asked: &Asked,
    bytes_max: usize,
) -> Result<Answer, ApiError> {
    let mut conn = state.store.read().await?;
    let mut snapshot = conn.begin().await?;
    let conn = &mut *snapshot;
    let (request, handed, log) = (&asked.request, &asked.handed, asked.latest.state);
    let epochs = state.ledger.epochs();
    let mut proofs = Proofs::new(log);
    let receipts = proofs.segments(conn, &handed.leaves).await?;
    let consistency = match request.checkpoint {
        // Of a larger tree there is no proof: the phone sees that the log shrank.
        Some(held) if held != log && held.size <= log.size && epochs.shared(held) == held.size => {
            Some(proofs.range(conn, held.size, held.size).await?)
        }
        _ => None,
    };
    let verdicts =
        store::exchange::first_pending_leaf(conn).await?.map_or(log.size, |leaf| leaf.min(log.size));
    let position = match request.position.as_ref().and_then(|position| carried(position, &log, epochs)) {
        Some(position) => position,
        None => first_position(conn, caller, &log, verdicts).await?,
    };
    let known_epoch = request.checkpoint.map_or(0, |held| held.epoch).max(FIRST_EPOCH);
    let reader = Reader::new(conn, caller, &mut proofs, bytes_max);
    let served = reader.serve(position, verdicts).await?;
    let (rows, more_rows) = rows(conn, &request.wants).await?;
    Ok(Answer {
        version: PROTOCOL_VERSION,
        accepted: handed.accepted(),
        refused: handed.refused.clone(),
        waiting: waiting(conn, caller).await?,
        receipts,
        checkpoint: (request.checkpoint != Some(log)).then(|| asked.latest.note.to_string()),
        consistency,
        grants: grants(conn, &served.devices).await?,
        items: served.items,
        position: served.position,
        more: served.more || more_rows,
        blobs_wanted: store::blobs::wanted(conn, &caller.row.account, BLOBS_WANTED_MAX).await?,
        rows,
        server_time_ms: clock::now_ms(),
        epochs: openings(conn, epochs, known_epoch, log).await?,
    })
}

/// The acts that opened the epochs a phone does not know, each with its proof.
async fn openings(
    conn: &mut Connection,
    epochs: &Epochs,
    known_epoch: u64,
    log: CheckpointRef,
) -> Result<Vec<EpochProof>, ApiError> {
    let mut openings = Vec::new();
    for leaf in epochs.opened_after(known_epoch) {
        openings.push(ledger::proof_of(conn, leaf, log).await?);
    }
    Ok(openings)
}

/// A phone's position in this log; `None` for one that says nothing here. Of an earlier epoch, what
/// lies below the next one's first leaf stands as it did.
fn carried(position: &Position, log: &CheckpointRef, epochs: &Epochs) -> Option<Position> {
    if position.epoch == log.epoch {
        return (position.cursor <= log.size).then(|| position.clone());
    }
    if position.epoch < FIRST_EPOCH {
        return None;
    }
    let reopened = epochs.opened_after(position.epoch).next()?;
    let carried = |backfill: &Backfill| Backfill { from: backfill.from.min(reopened), ..*backfill };
    let backfills = position.backfills.iter().map(carried).collect();
    Some(Position { epoch: log.epoch, cursor: position.cursor.min(reopened), backfills })
}

/// Entries of the caller's device that wait, with the changes nobody handed in yet: those they need, and
/// those that others need which they wait for.
async fn waiting(conn: &mut Connection, caller: &Caller) -> Result<Vec<WaitingEntry>, ApiError> {
    let (mut waiting, mut looked_at) = (Vec::new(), BTreeSet::new());
    for row in store::exchange::waiting_of_device(conn, caller.device, WAITING_TOLD_MAX).await? {
        let chain = ChainId::from_slice(&row.chain).ok_or_else(|| damaged("entry.chain"))?;
        let seq = row.seq as u64;
        let wants = missing(conn, row, &mut looked_at).await?;
        waiting.push(WaitingEntry { chain, seq, wants });
    }
    Ok(waiting)
}

/// The changes that are not in the log and without which `entry` cannot be judged. What waits behind
/// another entry is told with the first that needs it.
async fn missing(
    conn: &mut Connection,
    entry: EntryRow,
    looked_at: &mut BTreeSet<(String, ChangeHash)>,
) -> Result<Vec<ChangeHash>, ApiError> {
    let (mut missing, mut behind) = (BTreeSet::new(), vec![entry]);
    while let Some(row) = behind.pop() {
        let document = row.document.as_deref().ok_or_else(|| damaged("entry.document"))?;
        let entry = logged(&row, &people(conn, document).await?)?;
        for need in needs(&entry)? {
            match store::exchange::by_change(conn, document, need).await? {
                None => drop(missing.insert(need)),
                Some(needed) if needed.verdict != Verdict::Waiting as i64 => {}
                Some(needed) => {
                    if looked_at.len() < BEHIND_MAX && looked_at.insert((document.to_owned(), need)) {
                        behind.push(needed);
                    }
                }
            }
        }
    }
    Ok(missing.into_iter().collect())
}

/// Grants of the devices whose entries are served.
async fn grants(conn: &mut Connection, devices: &BTreeSet<DeviceId>) -> Result<Vec<SignedGrant>, ApiError> {
    let mut grants = Vec::new();
    for device in devices {
        let row = store::devices::by_id(conn, &device.to_string())
            .await?
            .ok_or_else(|| damaged("segment.device"))?;
        grants.push(SignedGrant::from_canonical(&row.signed_grant)?);
    }
    Ok(grants)
}

/// Checklists by hash, as many as fit, and whether some did not. What is not there is left out.
async fn rows(conn: &mut Connection, wants: &[Hash]) -> Result<(Vec<Row>, bool), ApiError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for want in wants {
        let Some(row) = store::checklists::by_hash(conn, &want.to_string()).await? else { continue };
        bytes += row.bytes.len();
        if bytes > ROWS_BYTES_MAX && !rows.is_empty() {
            return Ok((rows, true));
        }
        rows.push(Row { bytes: row.bytes });
    }
    Ok((rows, false))
}
