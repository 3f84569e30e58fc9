//! Taking entries from the feed. Others' changes pass the same admission here as on the server; one
//! whose dependencies or checklist are not here yet is kept and waits.

use super::{desk::Desk, documents::authors};
use crate::{
    Result,
    store::{
        chains, documents,
        entries::{self, EntryRow, EntryState},
    },
};
use liuhen_engine::document::{Admission, Pending};
use liuhen_trace::{ChainId, CheckedSegment, DeviceId, DocumentId, Hash, segment::CheckedEntry};
use std::collections::BTreeSet;

/// The engine's word for a change under an actor its author does not have, as far as is known here.
const OTHER_ACTOR_CODE: &str = "change.other_actor";

impl Desk<'_> {
    /// Stores a segment's open entries; returns the documents that may have something to admit.
    pub fn take_entries(&mut self, segment: CheckedSegment) -> Result<BTreeSet<DocumentId>> {
        let own = chains::find(&self.tx, segment.chain)?;
        let mut touched = BTreeSet::new();
        for entry in segment.entries {
            if let Some(own) = &own
                && entry.seq >= own.next_seq
            {
                self.end_chain(
                    segment.chain,
                    "chain.behind",
                    "the server knows later entries of this chain",
                )?;
            }
            touched.extend(self.take_entry(&segment.header.device, segment.chain, entry)?);
        }
        Ok(touched)
    }

    fn take_entry(
        &mut self,
        device: &DeviceId,
        chain: ChainId,
        entry: CheckedEntry,
    ) -> Result<Option<DocumentId>> {
        let Some(open) = entry.open else { return Ok(None) };
        let Some(document) = open.body.document else { return Ok(None) };
        if let Some(known) = entries::find(&self.tx, chain, entry.seq)? {
            return self.take_known(&known, entry.hash, document);
        }
        documents::ensure(&self.tx, document)?;
        let state = if open.change.is_some() { EntryState::Waiting } else { EntryState::Admitted };
        let row =
            EntryRow { chain, seq: entry.seq, own: false, device: *device, hash: entry.hash, state, open };
        entries::insert(&self.tx, &row)?;
        Ok(Some(document))
    }

    /// An own entry came back admitted, or an entry came twice.
    fn take_known(
        &mut self,
        known: &EntryRow,
        hash: Hash,
        document: DocumentId,
    ) -> Result<Option<DocumentId>> {
        if known.hash != hash {
            let detail = format!("two entries at {}/{}", known.chain, known.seq);
            self.event_of("chain.forked", document, detail.clone())?;
            if known.own {
                self.end_chain(known.chain, "chain.forked", &detail)?;
            }
        } else if known.own && matches!(known.state, EntryState::Logged | EntryState::Waiting) {
            entries::set_state(&self.tx, known.chain, known.seq, EntryState::Admitted, None)?;
        }
        Ok(None)
    }

    /// Admits what waits and can be admitted now. Returns whether the document changed.
    pub fn admit_waiting(&mut self, document: DocumentId) -> Result<bool> {
        let mut changed = false;
        loop {
            let rows = entries::of_document(&self.tx, document)?;
            let waiting = waiting(&rows);
            let Some(opened) = self.documents.find(&self.tx, document)? else { return Ok(false) };
            let admissions = opened.document.admit_all(&waiting);
            let mut admitted = false;
            for (admission, pending) in admissions.into_iter().zip(&waiting) {
                admitted |= self.settle(document, pending, admission)?;
            }
            changed |= admitted;
            if !admitted {
                return Ok(changed);
            }
        }
    }

    fn settle(&self, document: DocumentId, pending: &Pending, admission: Admission) -> Result<bool> {
        let (chain, seq) = (pending.author.chain, pending.author.seq);
        match admission {
            Admission::Admitted | Admission::Duplicate => {
                entries::set_state(&self.tx, chain, seq, EntryState::Admitted, None)?;
                Ok(true)
            }
            Admission::Waiting(_) => Ok(false),
            // The epoch entry that makes this its author's actor may come later.
            Admission::Refused(refusal) if refusal.code == OTHER_ACTOR_CODE => Ok(false),
            // The server admitted what this phone does not: one of the two is wrong, and people
            // should hear of it.
            Admission::Refused(refusal) => {
                entries::set_state(&self.tx, chain, seq, EntryState::Quarantined, Some(refusal.code))?;
                self.event_of("entry.not_admitted", document, format!("{chain}/{seq}: {refusal}"))?;
                Ok(false)
            }
        }
    }
}

fn waiting(rows: &[EntryRow]) -> Vec<Pending<'_>> {
    rows.iter()
        .zip(authors(rows))
        .filter(|(row, _)| !row.own && row.state == EntryState::Waiting)
        .filter_map(|(row, author)| Some(Pending { author, chunk: row.open.change.as_deref()? }))
        .collect()
}
