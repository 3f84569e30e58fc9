//! Saving what a person typed.

use super::{
    Client,
    desk::{Desk, NewEntry},
};
use crate::{
    Error, Result,
    records::Saved,
    store::{Connection, documents},
};
use liuhen_inspection::{
    limits::SIGNING_ROOM_BYTES,
    visit::{Edit, plan},
};
use liuhen_trace::{DocumentId, Place};

impl Client {
    /// Saves edits of one visit as one change in one entry. When this returns, they are durable.
    pub fn save(&self, visit: DocumentId, edits: &[Edit], place: Option<Place>) -> Result<Saved> {
        self.write(|desk| desk.save(visit, edits, place))
    }
}

impl Desk<'_> {
    pub fn save(&mut self, visit: DocumentId, edits: &[Edit], place: Option<Place>) -> Result<Saved> {
        check_in_scope(&self.tx, visit)?;
        let author = self.author(visit)?;
        let checklist = &self.documents.get(&self.tx, visit)?.checklist;
        let plan = plan(checklist, edits, author.chain, author.seq)?;
        let entry = NewEntry { blobs: plan.blobs, place, ..NewEntry::new(plan.kind, visit) };
        let entry = self.edit(&plan.puts, entry)?;
        let room_bytes = self.documents.get(&self.tx, visit)?.document.room_bytes();
        if entry.is_some() && room_bytes < SIGNING_ROOM_BYTES {
            return Err(Error::refused(
                "change.document_full",
                format!("{room_bytes} bytes, kept for signing"),
            ));
        }
        Ok(Saved { entry, made: plan.made })
    }
}

/// Whether this phone may still write here. What was written before stays and is handed in.
pub fn check_in_scope(db: &Connection, visit: DocumentId) -> Result<()> {
    let task = documents::task_of(db, visit)?;
    match task {
        None => Err(Error::not_found("visit.unknown", visit)),
        Some(task) if task.departed => Err(Error::refused("visit.departed", "the task is with others now")),
        Some(_) => Ok(()),
    }
}
