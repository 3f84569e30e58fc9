//! Taking segments in: checked apart, placed and logged together in one commit.

use super::caller;
use crate::{
    AppState,
    error::ApiError,
    ledger::{Latest, Tx},
    store::{self, Connection, feed::FeedKind},
};
use futures::FutureExt;
use liuhen_engine::{
    exchange::{ChainHead, Placement, check_segment, place},
    limits,
    wire::{Accepted, RefusedSegment},
};
use liuhen_trace::{
    Canonical, ChainId, CheckedSegment, DeviceId, Hash, PublicKey, Refusal, SegmentHeader, SegmentView,
};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// What became of the segments of one request.
#[derive(Debug, Clone, Default)]
pub struct Handed {
    /// Leaves of segments that are in the log, new or from before, with their hashes.
    pub leaves: BTreeMap<u64, Hash>,
    pub accepted: BTreeMap<ChainId, u64>,
    pub refused: Vec<RefusedSegment>,
}

/// A segment whose signature and entries were checked, with the account it was written for.
#[derive(Clone)]
struct Signed {
    segment: CheckedSegment,
    account: String,
}

impl Handed {
    pub fn accepted(&self) -> Vec<Accepted> {
        self.accepted
            .iter()
            .map(|(chain, next_seq)| Accepted { chain: *chain, next_seq: *next_seq })
            .collect()
    }

    fn refuse(&mut self, header: &SegmentHeader, refusal: Refusal) {
        self.refused.push(RefusedSegment {
            chain: header.chain(),
            first_seq: header.first_seq,
            code: refusal.code.to_owned(),
            detail: refusal.detail,
        });
    }

    /// A leaf that holds exactly this segment.
    fn receipt(&mut self, segment: &CheckedSegment, leaf: u64) {
        self.leaves.insert(leaf, segment.leaf().hash());
    }
}

/// Logs what is new. Without anything new nothing is committed, and the log stays as it is.
pub async fn take_in(state: &AppState, segments: Vec<SegmentView>) -> Result<(Handed, Latest), ApiError> {
    if segments.is_empty() {
        return Ok((Handed::default(), state.ledger.latest()));
    }
    let chains: BTreeSet<ChainId> = segments.iter().map(|view| view.header.chain()).collect();
    let (signed, mut handed) = check_all(state, segments).await?;
    if all_known(state, &signed).await? {
        let mut conn = state.store.read().await?;
        for item in &signed {
            known(&mut conn, &mut handed, &item.segment).await?;
        }
        fill_accepted(&mut conn, &mut handed, &chains).await?;
        let latest = signed_over(state, &handed).await?;
        return Ok((handed, latest));
    }
    let committed =
        state.ledger.commit(move |tx| async move { log_all(tx, signed, handed, chains).await }.boxed());
    let committed = committed.await?;
    Ok((committed.output, Latest { state: committed.state, note: committed.note }))
}

/// Signatures, hashes and scans, off the async threads.
async fn check_all(state: &AppState, segments: Vec<SegmentView>) -> Result<(Vec<Signed>, Handed), ApiError> {
    let mut conn = state.store.read().await?;
    let mut devices: BTreeMap<DeviceId, Result<(PublicKey, String), Refusal>> = BTreeMap::new();
    for view in &segments {
        if let Entry::Vacant(unknown) = devices.entry(view.header.device) {
            let device = *unknown.key();
            unknown.insert(enrolled(&mut conn, device).await?);
        }
    }
    drop(conn);
    let checked = tokio::task::spawn_blocking(move || {
        let (mut signed, mut handed) = (Vec::new(), Handed::default());
        for view in segments {
            let known = devices.get(&view.header.device).cloned();
            let known = known.unwrap_or_else(|| Err(unknown_device()));
            match known.and_then(|(key, account)| Ok((check_one(&view, &key)?, account))) {
                Ok((segment, account)) => signed.push(Signed { segment, account }),
                Err(refusal) => handed.refuse(&view.header, refusal),
            }
        }
        (signed, handed)
    });
    Ok(checked.await?)
}

fn check_one(view: &SegmentView, key: &PublicKey) -> Result<CheckedSegment, Refusal> {
    // What one request could not carry back no answer could carry to a colleague.
    if view.to_canonical().len() > limits::REQUEST_BYTES_MAX {
        return Err(Refusal::new(
            "segment.too_large",
            format!("at most {} bytes", limits::REQUEST_BYTES_MAX),
        ));
    }
    check_segment(view, key)
}

/// The key and account of a device that may hand in, by itself or through a carrier.
async fn enrolled(
    conn: &mut Connection,
    device: DeviceId,
) -> Result<Result<(PublicKey, String), Refusal>, ApiError> {
    let Some(row) = store::devices::by_id(conn, &device.to_string()).await? else {
        return Ok(Err(unknown_device()));
    };
    if row.is_desk() {
        return Ok(Err(Refusal::new("device.desk", "this key signs nothing that comes over the network")));
    }
    if row.revoked_at_ms.is_some() {
        return Ok(Err(Refusal::new("device.revoked", "the enrolment of the segment's device was revoked")));
    }
    Ok(Ok((caller::key(&row)?, row.account)))
}

fn unknown_device() -> Refusal {
    Refusal::new("device.unknown", "the segment's device is not enrolled here")
}

/// Whether every segment is in the log already: a replay after a lost answer.
async fn all_known(state: &AppState, signed: &[Signed]) -> Result<bool, ApiError> {
    let mut conn = state.store.read().await?;
    for item in signed {
        if placement(&mut conn, &item.segment).await? != Placement::Duplicate {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A checkpoint that covers every leaf to be receipted: rows are readable a moment before the
/// checkpoint over them is signed.
async fn signed_over(state: &AppState, handed: &Handed) -> Result<Latest, ApiError> {
    let size = handed.leaves.keys().next_back().map_or(0, |leaf| leaf + 1);
    let mut commits = state.ledger.subscribe();
    let latest = commits.wait_for(|latest| latest.state.size >= size).await;
    let stopping = |_| ApiError::unavailable("server.stopping", "the server is shutting down");
    Ok(latest.map_err(stopping)?.clone())
}

async fn placement(conn: &mut Connection, segment: &CheckedSegment) -> Result<Placement, ApiError> {
    let head = head(conn, segment.chain).await?;
    let last_seq = segment.header.next_seq().saturating_sub(1);
    let known_last = store::exchange::entry_hash(conn, segment.chain, last_seq).await?;
    Ok(place(head.as_ref(), |_| known_last, segment))
}

/// Where a chain ends as it is logged.
pub async fn head(conn: &mut Connection, chain: ChainId) -> Result<Option<ChainHead>, ApiError> {
    let Some(end) = store::exchange::chain_end(conn, chain).await? else { return Ok(None) };
    let header = end.parse_header()?;
    Ok(Some(ChainHead { next_seq: header.next_seq(), last: header.last }))
}

async fn log_all(
    tx: &mut Tx,
    signed: Vec<Signed>,
    mut handed: Handed,
    chains: BTreeSet<ChainId>,
) -> Result<Handed, ApiError> {
    for item in signed {
        let segment = &item.segment;
        match placement(tx.conn(), segment).await? {
            Placement::New => {
                let leaf = log(tx, segment, &item.account).await?;
                handed.receipt(segment, leaf);
            }
            Placement::Duplicate => known(tx.conn(), &mut handed, segment).await?,
            Placement::Gap { expected } => {
                handed
                    .refuse(&segment.header, Refusal::new("chain.gap", format!("expected entry {expected}")));
            }
            Placement::Fork => {
                let detail = "another entry is logged at one of these sequence numbers";
                handed.refuse(&segment.header, Refusal::new("chain.fork", detail));
            }
        }
    }
    fill_accepted(tx.conn(), &mut handed, &chains).await?;
    Ok(handed)
}

/// Logs a segment that continues its chain; its entries get their verdicts soon after. Returns its leaf.
pub async fn log(tx: &mut Tx, segment: &CheckedSegment, account: &str) -> Result<u64, ApiError> {
    let leaf = tx.append_segment(&segment.header).await?;
    store::exchange::insert(tx.conn(), segment, leaf).await?;
    for entry in &segment.entries {
        for blob in entry.open.iter().flat_map(|open| &open.body.blobs) {
            let held = store::blobs::announce(tx.conn(), segment.chain, entry.seq, account, *blob).await?;
            if held {
                let hash = blob.hash.as_bytes();
                store::feed::insert(tx.conn(), account, leaf, FeedKind::Held, hash).await?;
            }
        }
    }
    Ok(leaf)
}

/// A segment whose entries are logged: its receipt, if it was logged as this very segment.
async fn known(conn: &mut Connection, handed: &mut Handed, segment: &CheckedSegment) -> Result<(), ApiError> {
    let header = &segment.header;
    match store::exchange::segment_of(conn, segment.chain, header.first_seq).await? {
        Some(row) if row.parse_header()? == *header => handed.receipt(segment, row.leaf as u64),
        _ => handed.refuse(header, Refusal::new("chain.recut", "these entries are logged under another cut")),
    }
    Ok(())
}

async fn fill_accepted(
    conn: &mut Connection,
    handed: &mut Handed,
    chains: &BTreeSet<ChainId>,
) -> Result<(), ApiError> {
    for chain in chains {
        let next_seq = head(conn, *chain).await?.map_or(0, |head| head.next_seq);
        handed.accepted.insert(*chain, next_seq);
    }
    Ok(())
}
