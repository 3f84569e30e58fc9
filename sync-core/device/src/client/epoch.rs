//! A restored server: what rested on leaves that its log lost is taken back, so that everything this
//! phone holds of its own is handed in again. Nothing is removed from the phone for it.

use super::{Client, desk::Desk};
use crate::{
    Result,
    store::{blobs, checkpoints, documents, entries, events::NewEvent, segments},
};
use liuhen_engine::{exchange::EpochChange, wire::Position};
use liuhen_trace::DocumentId;
use std::collections::BTreeSet;

/// A segment that was receipted and of which entries went with their visit since.
const LOST_CODE: &str = "chain.lost";

impl Client {
    /// Signed checkpoints over leaves that a restored server's log does not have any more, oldest first.
    /// They are kept for ever.
    pub fn lost_checkpoints(&self) -> Result<Vec<String>> {
        self.read(|db, _| checkpoints::evidence(db))
    }
}

impl Desk<'_> {
    /// The log goes on in a later epoch. Lowers the position to what is proven to be there still, and
    /// returns the visits in which something counts again that had been given up.
    pub fn enter_epoch(
        &mut self,
        change: &EpochChange,
        position: &mut Position,
    ) -> Result<BTreeSet<DocumentId>> {
        let (before, opening) = (change.before, &change.opening);
        let Some(lost_from) = change.lost_from else {
            let detail = format!("epoch {} at leaf {}; nothing is lost", opening.epoch, opening.leaf());
            self.event(NewEvent { kind: "ledger.epoch_opened", detail, ..NewEvent::default() })?;
            return Ok(BTreeSet::new());
        };
        checkpoints::keep_as_evidence(&self.tx, &before, lost_from)?;
        let detail = format!(
            "epoch {} at leaf {}; lost: leaves {} to {} of epoch {}; handed in again: what is behind leaf {lost_from}",
            opening.epoch,
            opening.leaf(),
            opening.leaf().min(before.size),
            before.size,
            before.epoch,
        );
        self.event(NewEvent { kind: "ledger.epoch_opened", detail, ..NewEvent::default() })?;
        position.cursor = position.cursor.min(lost_from);
        documents::take_back_leaves(&self.tx, lost_from)?;
        blobs::take_back(&self.tx, lost_from)?;
        let freed = entries::take_back_verdicts(&self.tx, lost_from)?;
        entries::take_back_receipts(&self.tx, lost_from)?;
        for (chain, first_seq) in segments::take_back(&self.tx, lost_from)? {
            // It cannot be sent. What stands behind it goes into a new chain if the server lacks it.
            let detail = "entries of it went with their visit after they were receipted";
            segments::set_refused(&self.tx, chain, first_seq, LOST_CODE, detail)?;
        }
        freed.iter().for_each(|document| self.documents.forget(*document));
        Ok(freed)
    }
}
