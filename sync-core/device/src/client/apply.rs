//! One judged answer becomes rows, in one transaction.

use super::desk::Desk;
use crate::{
    Error, Result,
    records::Failure,
    store::{
        blobs, chains, documents, entries,
        entries::EntryState,
        events::{self, NewEvent},
        progress, segments,
    },
};
use liuhen_engine::{
    exchange::Effects,
    wire::{Accepted, RefusedSegment, WaitingEntry},
};
use liuhen_inspection::{
    checklist::Checklist,
    task::{Step, Task, TaskState},
};
use liuhen_trace::{BlobHash, BlobRef, ChainId, DocumentId, Hash, Refusal};
use std::collections::BTreeSet;

/// What the server says of a segment it did not log, where that does not condemn its entries.
/// The chain's entries before it are missing: the segment itself may be sound.
const GAP_CODE: &str = "chain.gap";
/// A copy of this phone handed in the same entries, cut differently.
const RECUT_CODE: &str = "chain.recut";
/// The device may not hand in now; an administrator can change that.
const DEVICE_CODES: &str = "device.";

/// Parts of one answer that are told one by one when they prove nothing; an answer has room for a
/// million of them.
pub(super) const REJECTED_TOLD_MAX: usize = 32;

/// What applying an answer leaves to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Something was received or receipted.
    pub progressed: bool,
    pub failures: Vec<Failure>,
    /// Files whose rows are gone; all are held by the server.
    pub released: Vec<BlobHash>,
}

impl Desk<'_> {
    pub fn apply(&mut self, mut effects: Effects) -> Result<Applied> {
        let before = progress::read(&self.tx)?.position;
        let moved = before.as_ref() != Some(&effects.position);
        // What came again and changed nothing is no progress: a server may repeat itself for ever.
        let progressed = moved || !effects.receipted.is_empty();
        let mut applied = Applied { progressed, ..Applied::default() };
        let freed = match &effects.epoch {
            Some(change) => self.enter_epoch(change, &mut effects.position)?,
            None => BTreeSet::new(),
        };
        // First, because what follows may add to what is owed.
        self.set_position(&effects.position)?;
        if let Some((checkpoint, note)) = &effects.checkpoint {
            progress::set_checkpoint(&self.tx, checkpoint, note)?;
        }
        self.apply_receipts(&effects.receipted)?;
        self.apply_accepted(&effects.accepted)?;
        self.apply_waiting(&effects.waiting)?;
        for (signed, grant) in &effects.grants {
            documents::upsert_grant(&self.tx, grant.device(), signed)?;
        }
        let mut touched = self.apply_rows(effects.rows)?;
        applied.progressed |= !touched.is_empty();
        touched.extend(freed);
        let mut told = BTreeSet::new();
        let matters = self.readable_at_last()?.into_iter().chain(effects.matters);
        for (leaf, bytes) in matters {
            told.extend(self.apply_matter(leaf, &bytes)?);
        }
        touched.extend(&told);
        for (_, segment) in effects.entries {
            touched.extend(self.take_entries(segment)?);
        }
        for document in touched {
            if self.admit_waiting(document)? {
                self.event_of("visit.changed", document, "")?;
            }
        }
        for verdict in &effects.quarantined {
            self.quarantine(verdict)?;
        }
        self.give_up_lost_decisions(&effects.waiting)?;
        self.apply_refused(effects.refused, &effects.accepted, &mut applied)?;
        self.apply_held(&effects.held, &effects.blobs_wanted)?;
        for document in effects.left {
            // A task is told as it stands now: one that came back in the same answer did not depart.
            if !told.contains(&document) {
                documents::set_departed(&self.tx, document)?;
                self.event_of("visit.departed", document, "")?;
            }
        }
        applied.released = self.purge()?;
        self.apply_rejected(effects.rejected, &mut applied)?;
        progress::set_error(&self.tx, None)?;
        events::prune(&self.tx)?;
        Ok(applied)
    }

    fn apply_receipts(&self, receipted: &[(ChainId, u64, u64)]) -> Result<()> {
        for (chain, first_seq, leaf) in receipted {
            if let Some(next_seq) = segments::set_leaf(&self.tx, *chain, *first_seq, *leaf)? {
                entries::mark_logged(&self.tx, *chain, *first_seq, next_seq)?;
            }
        }
        Ok(())
    }

    /// A server that has more of an own chain than this phone wrote knows a copy of this phone.
    fn apply_accepted(&mut self, accepted: &[Accepted]) -> Result<()> {
        for accepted in accepted {
            let own = chains::find(&self.tx, accepted.chain)?;
            if own.is_some_and(|own| accepted.next_seq > own.next_seq) {
                self.end_chain(accepted.chain, "chain.behind", "the server has more of this chain")?;
            }
        }
        Ok(())
    }

    fn apply_waiting(&self, waiting: &[WaitingEntry]) -> Result<()> {
        entries::reset_own_waiting(&self.tx)?;
        for entry in waiting {
            let known = entries::find(&self.tx, entry.chain, entry.seq)?;
            if known.is_some_and(|known| known.own && known.state == EntryState::Logged) {
                entries::set_state(&self.tx, entry.chain, entry.seq, EntryState::Waiting, None)?;
            }
        }
        Ok(())
    }

    /// Checklists. The hash was asked for and checked; a row that is no checklist stays wanted.
    fn apply_rows(&self, rows: Vec<(Hash, Vec<u8>)>) -> Result<BTreeSet<DocumentId>> {
        let mut touched = BTreeSet::new();
        for (hash, bytes) in rows {
            match Checklist::from_bytes(&bytes) {
                Ok(_) => {
                    documents::insert_checklist(&self.tx, hash, &bytes)?;
                    touched.extend(documents::on_checklist(&self.tx, hash)?);
                }
                Err(refusal) => self.event(NewEvent {
                    kind: "checklist.unreadable",
                    detail: format!("{hash}: {refusal}"),
                    ..NewEvent::default()
                })?,
            }
        }
        Ok(touched)
    }

    /// Tasks that an older version of the program kept because it could not read them.
    fn readable_at_last(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut readable = documents::unread(&self.tx)?;
        readable.retain(|(_, bytes)| Task::from_bytes(bytes).is_ok());
        for (leaf, bytes) in &readable {
            documents::forget_unread(&self.tx, *leaf, bytes)?;
        }
        Ok(readable)
    }

    /// A task is here, new or changed. The first time, that it was delivered is recorded and signed.
    fn apply_matter(&mut self, leaf: u64, bytes: &[u8]) -> Result<Option<DocumentId>> {
        let unreadable = |refusal: Refusal| {
            let detail = format!("leaf {leaf}: {refusal}");
            self.event(NewEvent { kind: "task.unreadable", detail, ..NewEvent::default() })
        };
        let task = match Task::from_bytes(bytes) {
            Ok(task) => task,
            Err(refusal) => {
                if documents::keep_unread(&self.tx, leaf, bytes)? {
                    unreadable(refusal)?;
                }
                return Ok(None);
            }
        };
        if !documents::task_fits(&self.tx, task.id.as_str(), task.visit)? {
            let refusal = Refusal::new("task.other_visit", format!("{} and {}", task.id, task.visit));
            return unreadable(refusal).map(|()| None);
        }
        let known = documents::task_of(&self.tx, task.visit)?.is_some();
        documents::enter(&self.tx, task.visit, task.checklist.hash.0)?;
        documents::upsert_task(&self.tx, task.id.as_str(), task.visit, bytes, leaf)?;
        if task.state != TaskState::Recalled {
            self.take_step(task.visit, Step::Delivered)?;
        }
        let kind = if known { "task.changed" } else { "task.arrived" };
        self.event_of(kind, task.visit, task.state.as_str())?;
        Ok(Some(task.visit))
    }

    fn apply_refused(
        &mut self,
        refused: Vec<RefusedSegment>,
        accepted: &[Accepted],
        applied: &mut Applied,
    ) -> Result<()> {
        for RefusedSegment { chain, first_seq, code, detail } in refused {
            if let Some(next_seq) = segments::unsent_end(&self.tx, chain, first_seq)? {
                let logged = accepted.iter().filter(|accepted| accepted.chain == chain);
                let logged_to = logged.map(|accepted| accepted.next_seq).max();
                let fillable = match logged_to {
                    Some(logged_to) => segments::is_sendable(&self.tx, chain, logged_to)?,
                    None => true,
                };
                let logged_to = logged_to.unwrap_or(0);
                let what_to_do = Refused { code: &code, first_seq, next_seq, logged_to, fillable }.fate();
                applied.progressed |= what_to_do != Fate::Keep;
                match what_to_do {
                    Fate::Keep => {}
                    Fate::LoggedByCopy => {
                        segments::set_refused(&self.tx, chain, first_seq, &code, &detail)?;
                        entries::mark_logged(&self.tx, chain, first_seq, next_seq)?;
                    }
                    Fate::Abandon { from_seq } => {
                        entries::mark_logged(&self.tx, chain, first_seq, from_seq)?;
                        self.abandon(chain, first_seq, &code, &detail)?;
                    }
                }
            }
            let subject = Some(format!("segment {chain}/{first_seq}"));
            applied.failures.push(Failure { code, detail, subject });
        }
        Ok(())
    }

    fn apply_held(&self, held: &[(u64, BlobRef)], wanted: &[BlobHash]) -> Result<()> {
        for hash in wanted {
            blobs::set_wanted(&self.tx, *hash)?;
        }
        for (leaf, blob) in held {
            if blobs::set_held(&self.tx, *blob, *leaf)? {
                let detail = format!("{} bytes", blob.size_bytes);
                let blob = Some(blob.hash);
                self.event(NewEvent { kind: "evidence.held", blob, detail, document: None })?;
            }
        }
        Ok(())
    }

    fn apply_rejected(&self, mut rejected: Vec<(String, Refusal)>, applied: &mut Applied) -> Result<()> {
        if let Some(untold @ 1..) = rejected.len().checked_sub(REJECTED_TOLD_MAX) {
            rejected.truncate(REJECTED_TOLD_MAX);
            rejected.push(("the rest".to_owned(), Refusal::new("exchange.not_believed", untold.to_string())));
        }
        for (what, refusal) in rejected {
            let detail = format!("{what}: {refusal}");
            let event = NewEvent { kind: "answer.not_believed", detail, ..NewEvent::default() };
            events::insert_once(&self.tx, self.now.wall_ms, &event)?;
            let code = refusal.code.to_owned();
            applied.failures.push(Failure { code, detail: refusal.detail, subject: Some(what) });
        }
        Ok(())
    }

    /// Visits that are with others now go, once everything of this phone in them is proven to be in
    /// the ledger and every file held.
    fn purge(&mut self) -> Result<Vec<BlobHash>> {
        let mut released = Vec::new();
        for document in documents::departed(&self.tx)? {
            let outstanding = entries::unsent_of_document(&self.tx, document)?
                + blobs::unheld_of_document(&self.tx, document)?;
            if outstanding > 0 {
                continue;
            }
            released.extend(blobs::release(&self.tx, document)?);
            entries::delete_of_document(&self.tx, document)?;
            documents::delete(&self.tx, document)?;
            self.documents.forget(document);
        }
        Ok(released)
    }

    /// An answer that was refused as a whole changed nothing but this.
    pub fn record_failure(&self, error: &Error) -> Result<()> {
        let detail = error.to_string();
        progress::set_error(&self.tx, Some((error.code(), &detail)))?;
        if let Error::Untrusted(_) = error {
            self.event(NewEvent { kind: "server.not_believed", detail, ..NewEvent::default() })?;
        }
        Ok(())
    }
}

/// A segment that was not logged.
struct Refused<'a> {
    code: &'a str,
    first_seq: u64,
    next_seq: u64,
    /// Up to where the server has this chain.
    logged_to: u64,
    /// What the server has to log next is here to be sent.
    fillable: bool,
}

/// What becomes of a segment that was not logged. Whatever it is, its entries are kept: there is no
/// receipt for them.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is sent again.
    Keep,
    /// Its entries are in the log, the server says, in a segment a copy of this phone signed.
    LoggedByCopy,
    /// The entries from here on never will be; their values go into a new chain.
    Abandon { from_seq: u64 },
}

impl Refused<'_> {
    fn fate(&self) -> Fate {
        let in_the_middle = self.first_seq < self.logged_to && self.logged_to < self.next_seq;
        match self.code {
            RECUT_CODE => Fate::LoggedByCopy,
            // A copy handed in the beginning of this segment, and a segment is never cut again.
            GAP_CODE if in_the_middle => Fate::Abandon { from_seq: self.logged_to },
            GAP_CODE if self.fillable => Fate::Keep,
            // After a restore the server lacks what this phone was allowed to drop.
            GAP_CODE => Fate::Abandon { from_seq: self.first_seq },
            code if code.starts_with(DEVICE_CODES) => Fate::Keep,
            _ => Fate::Abandon { from_seq: self.first_seq },
        }
    }
}
