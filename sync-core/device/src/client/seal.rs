//! Sealing a visit, and recording that the inspected party does not sign.

use super::{Client, desk::NewEntry, record::check_in_scope};
use crate::{Error, Result, clock::random, records::Sealed, store::documents};
use liuhen_inspection::{
    record::{self, RefusalDetail, Signer},
    task::Task,
};
use liuhen_trace::{DocumentId, EntryKind, Hash, Place};

impl Client {
    /// Seals the visit as it stands on this phone, and signs. Later edits are supplements.
    pub fn seal(&self, visit: DocumentId, signers: Vec<Signer>, place: Option<Place>) -> Result<Sealed> {
        let sealed = self.write(|desk| {
            check_in_scope(&desk.tx, visit)?;
            let row = documents::task_of(&desk.tx, visit)?;
            let row = row.ok_or_else(|| Error::not_found("visit.unknown", visit))?;
            let task = Task::from_bytes(&row.bytes).map_err(Error::corrupt)?;
            let seed = random(desk.shared.parts.entropy.as_ref())?;
            let author = desk.author(visit)?;
            let opened = desk.documents.get(&desk.tx, visit)?;
            let sealing = record::seal(&mut opened.document, author, &task, seed, signers)?;
            let record = sealing.detail.record;
            let entry = desk.append(NewEntry {
                change: Some(sealing.change),
                detail: Some(sealing.detail.to_detail()),
                place,
                ..NewEntry::new(EntryKind::Seal, visit)
            })?;
            Ok(Sealed { entry, record })
        })?;
        self.sign_soon();
        Ok(sealed)
    }

    /// Records that the inspected party refuses to sign the record it was shown.
    pub fn refuse_to_sign(
        &self,
        visit: DocumentId,
        refusal: &RefusalDetail,
        place: Option<Place>,
    ) -> Result<Hash> {
        let detail = Some(refusal.to_detail()?);
        let entry = self.write(|desk| {
            check_in_scope(&desk.tx, visit)?;
            desk.append(NewEntry { detail, place, ..NewEntry::new(EntryKind::Refusal, visit) })
        })?;
        self.sign_soon();
        Ok(entry)
    }
}
