//! The phone's side: what an answer is worth.

use super::{
    epoch::{EpochChange, judge_epoch},
    segment::scan_changes,
};
use crate::{
    limits::BACKFILLS_MAX,
    wire::{
        Accepted, Answer, Backfill, FeedItem, PROTOCOL_VERSION, Position, RefusedSegment, Request,
        WaitingEntry,
    },
};
use liuhen_trace::{
    BlobHash, BlobRef, Body, ChainId, CheckedSegment, CheckpointRef, DeviceId, DocumentId, Grant, Hash,
    NoteKey, PublicKey, Refusal, SegmentReceipt, SegmentView, SignedGrant, ViewEntry, digest,
};
use std::collections::{BTreeMap, BTreeSet};

/// The keys a phone pinned when it was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Signs checkpoints.
    pub note_key: NoteKey,
    /// Signs grants.
    pub deployment_key: PublicKey,
}

/// What a phone may believe and has to store after an exchange. What could be checked was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The new checkpoint and its signed note, where it differs from the one held.
    pub checkpoint: Option<(CheckpointRef, String)>,
    /// Where that checkpoint is of a later epoch than the one held.
    pub epoch: Option<EpochChange>,
    /// Segments of the request that are proven to be in the log: chain, first seq, leaf.
    pub receipted: Vec<(ChainId, u64, u64)>,
    /// What the server says it has logged, of chains in the request. Nothing may be dropped for it.
    pub accepted: Vec<Accepted>,
    pub refused: Vec<RefusedSegment>,
    pub waiting: Vec<WaitingEntry>,
    pub grants: Vec<(SignedGrant, Grant)>,
    /// Matters in leaf order, for the domain to read.
    pub matters: Vec<(u64, Vec<u8>)>,
    pub left: Vec<DocumentId>,
    /// Entries with the leaf at which they became admitted.
    pub entries: Vec<(u64, CheckedSegment)>,
    /// Own entries that were quarantined.
    pub quarantined: Vec<Quarantine>,
    /// Evidence that is proven to be durably held, with the leaf of the act that says so.
    pub held: Vec<(u64, BlobRef)>,
    pub blobs_wanted: Vec<BlobHash>,
    /// Register rows asked for, by SHA-256.
    pub rows: Vec<(Hash, Vec<u8>)>,
    /// The position to report next time. Entries that were rejected stand in its backfills.
    pub position: Position,
    /// Ask again at once.
    pub more: bool,
    /// The server's wall clock, for display.
    pub server_time_ms: i64,
    /// Parts of the answer that failed alone, with what they were. The rest stands.
    pub rejected: Vec<(String, Refusal)>,
}

/// An own entry that never counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Of the act that says so.
    pub leaf: u64,
    pub chain: ChainId,
    pub seq: u64,
    /// Stable.
    pub code: String,
}

/// Judges an answer. A checkpoint that does not continue the one held refuses the whole answer:
/// whoever gave it shows different logs to different people. A later epoch must be opened in the log;
/// what it lacks is told as [`Effects::epoch`].
pub fn judge(
    trust: &Trust,
    held: Option<CheckpointRef>,
    request: &Request,
    known_grants: &BTreeMap<DeviceId, Grant>,
    answer: Answer,
) -> Result<Effects, Refusal> {
    if answer.version > PROTOCOL_VERSION {
        return Err(Refusal::new("exchange.unknown_version", answer.version.to_string()));
    }
    let (checkpoint, epoch) = judge_checkpoint(trust, held, request.checkpoint, &answer)?;
    judge_position(request.position.as_ref(), checkpoint, &answer.position)?;
    let mut effects = Effects {
        epoch,
        position: answer.position,
        more: answer.more,
        server_time_ms: answer.server_time_ms,
        waiting: answer.waiting,
        blobs_wanted: answer.blobs_wanted,
        ..Effects::default()
    };
    if let (Some(state), Some(note)) = (checkpoint.filter(|_| checkpoint != held), answer.checkpoint) {
        effects.checkpoint = Some((state, note));
    }
    let mut reading = Reading { trust, checkpoint, request, effects };
    reading.fates(answer.accepted, answer.refused);
    reading.receipts(&answer.receipts);
    let grants = reading.grants(answer.grants, known_grants);
    reading.items(answer.items, &grants);
    reading.rows(answer.rows);
    Ok(reading.effects)
}

/// The checkpoint everything else is proven against: the new one if it continues the one held.
fn judge_checkpoint(
    trust: &Trust,
    held: Option<CheckpointRef>,
    told: Option<CheckpointRef>,
    answer: &Answer,
) -> Result<(Option<CheckpointRef>, Option<EpochChange>), Refusal> {
    let new = answer.checkpoint.as_deref().map(|note| trust.note_key.check(note)).transpose()?;
    let new = new.map(|checkpoint| checkpoint.state);
    if let (Some(new), Some(held)) = (new, held)
        && new.epoch > held.epoch
    {
        let change = judge_epoch(held, told, new, answer)?;
        return Ok((Some(new), Some(change)));
    }
    if told != held {
        return Err(Refusal::new("exchange.stale_answer", "the checkpoint held is not the one told"));
    }
    let Some(new) = new else { return Ok((held, None)) };
    let Some(held) = held else { return Ok((Some(new), None)) };
    let inconsistent = |detail: &str| Err(Refusal::new("ledger.inconsistent", detail));
    if new.epoch != held.epoch {
        return Err(Refusal::new("ledger.other_epoch", format!("epoch {} after {}", new.epoch, held.epoch)));
    }
    if new.size < held.size {
        return inconsistent("the log became smaller");
    }
    if new.size == held.size {
        let same = (Some(new), None);
        return if new == held { Ok(same) } else { inconsistent("another root at the same size") };
    }
    let Some(proof) = &answer.consistency else { return inconsistent("no proof that the log only grew") };
    match proof.verify_consistency(held.size, held.root, new.size, new.root) {
        Ok(()) => Ok((Some(new), None)),
        Err(refusal) => inconsistent(&refusal.to_string()),
    }
}

/// A position never goes back and never lies beyond the log: what it passes is not told again.
fn judge_position(
    before: Option<&Position>,
    checkpoint: Option<CheckpointRef>,
    position: &Position,
) -> Result<(), Refusal> {
    let refused = |detail: String| Err(Refusal::new("exchange.wrong_position", detail));
    if let Some(before) = before
        && (position.epoch, position.cursor) < (before.epoch, before.cursor)
    {
        return refused(format!("{} behind {}", position.cursor, before.cursor));
    }
    if position.backfills.len() > BACKFILLS_MAX {
        return refused(format!("{} backfills", position.backfills.len()));
    }
    match checkpoint {
        Some(state) if position.epoch != state.epoch => refused(format!("epoch {}", position.epoch)),
        Some(state) if position.cursor > state.size => {
            refused(format!("{} of {}", position.cursor, state.size))
        }
        None if (position.epoch, position.cursor) != (0, 0) => {
            refused("a cursor without a checkpoint".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

/// An answer while it is read part by part.
struct Reading<'a> {
    trust: &'a Trust,
    checkpoint: Option<CheckpointRef>,
    request: &'a Request,
    effects: Effects,
}

impl Reading<'_> {
    fn reject(&mut self, what: impl Into<String>, refusal: Refusal) {
        self.effects.rejected.push((what.into(), refusal));
    }

    /// Keeps a checked part, or rejects it under a name.
    fn checked<T>(&mut self, what: impl FnOnce() -> String, result: Result<T, Refusal>) -> Option<T> {
        result.map_err(|refusal| self.reject(what(), refusal)).ok()
    }

    fn state(&self) -> Result<CheckpointRef, Refusal> {
        self.checkpoint.ok_or_else(|| Refusal::new("receipt.no_checkpoint", "nothing to prove it against"))
    }

    fn fates(&mut self, accepted: Vec<Accepted>, refused: Vec<RefusedSegment>) {
        let chains: BTreeSet<ChainId> =
            self.request.segments.iter().map(|view| view.header.chain()).collect();
        let firsts: BTreeSet<(ChainId, u64)> =
            self.request.segments.iter().map(|view| (view.header.chain(), view.header.first_seq)).collect();
        for accepted in accepted {
            if chains.contains(&accepted.chain) {
                self.effects.accepted.push(accepted);
            } else {
                let name = format!("accepted {}", accepted.chain);
                self.reject(name, Refusal::new("exchange.not_asked", "a chain that was not sent"));
            }
        }
        for refused in refused {
            if firsts.contains(&(refused.chain, refused.first_seq)) {
                self.effects.refused.push(refused);
            } else {
                let name = format!("refused {}/{}", refused.chain, refused.first_seq);
                self.reject(name, Refusal::new("exchange.not_asked", "a segment that was not sent"));
            }
        }
    }

    fn receipts(&mut self, receipts: &[SegmentReceipt]) {
        for receipt in receipts {
            let covered = self.state().and_then(|state| {
                receipt.verify(&state)?;
                let headers = self.request.segments.iter().map(|view| &view.header);
                let covered: Vec<_> = headers
                    .filter_map(|header| Some((header.chain(), header.first_seq, receipt.covers(header)?)))
                    .collect();
                if covered.is_empty() {
                    return Err(Refusal::new("receipt.not_asked", "for no segment that was sent"));
                }
                Ok(covered)
            });
            let name = || format!("receipt at leaf {}", receipt.first_leaf);
            let covered = self.checked(name, covered);
            self.effects.receipted.extend(covered.into_iter().flatten());
        }
    }

    /// Checks new grants; returns all that are known now.
    fn grants(
        &mut self,
        signed: Vec<SignedGrant>,
        known: &BTreeMap<DeviceId, Grant>,
    ) -> BTreeMap<DeviceId, Grant> {
        let mut grants = known.clone();
        for (at, signed) in signed.into_iter().enumerate() {
            let grant = check_grant(self.trust, &signed);
            if let Some(grant) = self.checked(|| format!("grant {at}"), grant) {
                grants.insert(grant.device(), grant.clone());
                self.effects.grants.push((signed, grant));
            }
        }
        grants
    }

    fn items(&mut self, items: Vec<FeedItem>, grants: &BTreeMap<DeviceId, Grant>) {
        for item in items {
            let leaf = item.leaf();
            if self.checkpoint.is_none_or(|state| leaf >= state.size) {
                self.reject(
                    format!("item at leaf {leaf}"),
                    Refusal::new("feed.beyond_checkpoint", "not in the log"),
                );
                continue;
            }
            match item {
                FeedItem::Matter { leaf, bytes } => self.effects.matters.push((leaf, bytes)),
                FeedItem::Left { leaf: _, document } => self.effects.left.push(document),
                FeedItem::Entries { leaf, view } => {
                    let segment = check_view(&view, grants);
                    let name = || format!("entries at leaf {leaf}");
                    match self.checked(name, segment) {
                        Some(segment) => self.effects.entries.push((leaf, segment)),
                        None => self.ask_again(leaf, &view),
                    }
                }
                FeedItem::Quarantined { leaf, chain, seq, code } => {
                    self.effects.quarantined.push(Quarantine { leaf, chain, seq, code });
                }
                FeedItem::Held(receipt) => {
                    let blobs = self.state().and_then(|state| receipt.verify(&state));
                    let blobs = self.checked(|| format!("held at leaf {leaf}"), blobs);
                    let blobs = blobs.into_iter().flatten().map(|blob| (leaf, blob));
                    self.effects.held.extend(blobs);
                }
            }
        }
    }

    /// The cursor passes a leaf whose entries were rejected, so that they hold up nothing; they stay
    /// owed as a backfill of that leaf alone, which a later exchange fetches.
    fn ask_again(&mut self, leaf: u64, view: &SegmentView) {
        for document in named_documents(view) {
            let backfill = Backfill { document, as_of: leaf + 1, from: leaf };
            let backfills = &mut self.effects.position.backfills;
            if backfills.len() < BACKFILLS_MAX && !backfills.contains(&backfill) {
                backfills.push(backfill);
            }
        }
    }

    fn rows(&mut self, rows: Vec<crate::wire::Row>) {
        for row in rows {
            let hash = Hash(digest::sha256(&row.bytes));
            if self.request.wants.contains(&hash) {
                self.effects.rows.push((hash, row.bytes));
            } else {
                self.reject(
                    format!("row {hash}"),
                    Refusal::new("row.not_asked", "no row of this hash is wanted"),
                );
            }
        }
    }
}

/// A grant counts when the deployment signed it and it speaks of this deployment and this log.
fn check_grant(trust: &Trust, signed: &SignedGrant) -> Result<Grant, Refusal> {
    let grant = signed.check(&trust.deployment_key)?;
    if grant.origin != trust.note_key.origin || grant.log_key != trust.note_key.key {
        return Err(Refusal::new("grant.other_deployment", grant.origin));
    }
    Ok(grant)
}

/// What a view says it is about. Nothing of it was checked; fields of a newer version are passed over.
fn named_documents(view: &SegmentView) -> BTreeSet<DocumentId> {
    let bodies = view.entries.iter().filter_map(|entry| match entry {
        ViewEntry::Open(open) => minicbor::decode::<Body>(&open.body).ok(),
        ViewEntry::Stub(_) => None,
    });
    bodies.filter_map(|body| body.document).collect()
}

fn check_view(view: &SegmentView, grants: &BTreeMap<DeviceId, Grant>) -> Result<CheckedSegment, Refusal> {
    let device = view.header.device;
    let grant = grants.get(&device).ok_or_else(|| Refusal::new("feed.no_grant", device.to_string()))?;
    let segment = view.check(&grant.device_key)?;
    scan_changes(&segment)?;
    Ok(segment)
}
