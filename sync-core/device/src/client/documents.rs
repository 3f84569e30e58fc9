//! Visit documents in memory. The rows are the truth: a document is its skeleton and the changes of
//! its entries, in the order in which they were stored, and is rebuilt from them whenever in doubt.

use crate::{
    Error, Result,
    store::{
        Connection, documents,
        entries::{self, EntryRow, EntryState},
    },
};
use liuhen_engine::{
    document::{Admission, Author, Document, Pending},
    field::ActorId,
};
use liuhen_inspection::{
    AccountId,
    checklist::Checklist,
    conflict::{Writer, Writers},
    record::Signing,
    visit::{VisitView, shape, skeleton},
};
use liuhen_trace::{ChainId, DeviceId, DocumentId, EntryKind, Grant};
use std::collections::BTreeMap;

/// Documents kept in memory: a day's visits, at some 40 KiB each.
const OPEN_DOCUMENTS_MAX: usize = 32;

/// A document with the checklist it began with.
pub struct OpenDocument {
    pub checklist: Checklist,
    pub document: Document,
    used: u64,
}

#[derive(Default)]
pub struct OpenDocuments {
    open: BTreeMap<DocumentId, OpenDocument>,
    uses: u64,
}

impl OpenDocuments {
    /// The document as its rows say. Refused while its checklist is not here.
    pub fn get(&mut self, db: &Connection, id: DocumentId) -> Result<&mut OpenDocument> {
        self.find(db, id)?.ok_or_else(|| Error::not_found("visit.checklist_missing", id))
    }

    /// `None` while the document's checklist is not here.
    pub fn find(&mut self, db: &Connection, id: DocumentId) -> Result<Option<&mut OpenDocument>> {
        self.uses += 1;
        if !self.open.contains_key(&id) {
            let Some(bytes) = documents::checklist_of(db, id)? else { return Ok(None) };
            let opened = build(db, id, Checklist::from_bytes(&bytes).map_err(Error::corrupt)?)?;
            self.make_room();
            self.open.insert(id, opened);
        }
        let mut opened = self.open.get_mut(&id);
        if let Some(opened) = &mut opened {
            opened.used = self.uses;
        }
        Ok(opened)
    }

    pub fn forget(&mut self, id: DocumentId) {
        self.open.remove(&id);
    }

    pub fn clear(&mut self) {
        self.open.clear();
    }

    fn make_room(&mut self) {
        if self.open.len() >= OPEN_DOCUMENTS_MAX {
            let oldest = self.open.iter().min_by_key(|(_, opened)| opened.used).map(|(id, _)| *id);
            oldest.map(|id| self.open.remove(&id));
        }
    }
}

fn build(db: &Connection, id: DocumentId, checklist: Checklist) -> Result<OpenDocument> {
    let first = skeleton(&checklist, id);
    let mut document = Document::new(id, shape(&checklist), &first).map_err(Error::corrupt)?;
    let rows = entries::of_document(db, id)?;
    let authors = authors(&rows);
    // What waits may be needed by own entries that count again; where it does not fit it goes on waiting.
    let (has_to_fit, pending): (Vec<bool>, Vec<Pending>) = rows
        .iter()
        .zip(&authors)
        .filter(|(row, _)| row.is_in_document() || row.state == EntryState::Waiting)
        .filter_map(|(row, author)| {
            let chunk = row.open.change.as_deref()?;
            Some((row.is_in_document(), Pending { author: *author, chunk }))
        })
        .unzip();
    for ((admission, pending), has_to_fit) in
        document.admit_all(&pending).into_iter().zip(&pending).zip(has_to_fit)
    {
        match admission {
            Admission::Admitted | Admission::Duplicate => {}
            Admission::Waiting(_) | Admission::Refused(_) if !has_to_fit => {}
            Admission::Waiting(_) | Admission::Refused(_) => {
                let Author { chain, seq, .. } = pending.author;
                return Err(Error::corrupt(format!("entry {chain}/{seq} no longer fits: {admission:?}")));
            }
        }
    }
    Ok(OpenDocument { checklist, document, used: 0 })
}

impl EntryRow {
    /// Own changes count from the moment they are saved, others' once they were admitted.
    fn is_in_document(&self) -> bool {
        match self.state {
            EntryState::Unsent | EntryState::Logged | EntryState::Admitted => true,
            EntryState::Waiting => self.own,
            EntryState::Quarantined => false,
        }
    }
}

/// The author of each of a document's entries: an epoch counts from the entry behind it.
pub fn authors(rows: &[EntryRow]) -> Vec<Author> {
    let mut epochs: BTreeMap<ChainId, Vec<u64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.open.kind == EntryKind::Epoch) {
        epochs.entry(row.chain).or_default().push(row.seq);
    }
    rows.iter()
        .map(|row| {
            let begun = epochs.get(&row.chain).into_iter().flatten().filter(|seq| **seq < row.seq);
            Author { chain: row.chain, seq: row.seq, epoch: begun.count() as u64 }
        })
        .collect()
}

/// The visit as it is shown.
pub fn view(
    opened: &OpenDocument,
    rows: &[EntryRow],
    grants: &BTreeMap<DeviceId, Grant>,
) -> Result<VisitView> {
    let mut writers = Writers::new();
    let mut signings = Vec::new();
    for (row, author) in rows.iter().zip(authors(rows)) {
        let Some(grant) = grants.get(&row.device) else { continue };
        let account = AccountId(grant.account.clone());
        let writer = Writer { chain: row.chain, account, name: grant.person.clone() };
        let actor = ActorId::derive(author.chain, opened.document.id(), author.epoch);
        if let Some(detail) = &row.open.body.detail
            && row.is_in_document()
            && let Ok(Some(signing)) = Signing::read(row.open.kind, detail, writer.clone())
        {
            signings.push(signing);
        }
        writers.insert(actor, writer);
    }
    Ok(VisitView::of(&opened.checklist, &opened.document, &writers, &signings))
}
