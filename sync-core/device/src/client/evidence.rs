//! Attaching evidence: first the file, durably, then the entry that announces it.

use super::{Client, record::check_in_scope};
use crate::{
    Error, Result,
    files::Incoming,
    records::{Attached, EvidenceContent, NewEvidence},
};
use liuhen_inspection::visit::{self, Edit};
use liuhen_trace::{BlobHash, BlobRef, ChainId, DocumentId};
use std::{fs::File, path::PathBuf};

impl Client {
    /// Stores a file with a visit, byte for byte. When this returns it is durable, announced by an
    /// entry, and signed. `progress` is told (bytes so far, all bytes); other calls go on meanwhile.
    pub fn attach(
        &self,
        visit: DocumentId,
        evidence: NewEvidence,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Attached> {
        self.read(|db, documents| {
            check_in_scope(db, visit)?;
            // What the visit does not take is refused before its file takes up room.
            let no_file = BlobRef { hash: BlobHash([0; 32]), size_bytes: 0 };
            let edit = Edit::Evidence(described(&evidence, no_file));
            visit::plan(&documents.get(db, visit)?.checklist, &[edit], ChainId([0; 16]), 0)?;
            Ok(())
        })?;
        let blob = self.store_file(&evidence.content, progress)?;
        let edit = Edit::Evidence(described(&evidence, blob));
        let saved = self.save(visit, &[edit], evidence.place)?;
        let entry = saved.entry.ok_or_else(|| Error::corrupt("new evidence made no change"))?;
        let id = saved.made.into_iter().next().ok_or_else(|| Error::corrupt("new evidence has no id"))?;
        self.sign_soon();
        Ok(Attached { entry, id, blob })
    }

    /// Where the bytes of a file stand on this phone.
    pub fn evidence_path(&self, hash: BlobHash) -> Result<PathBuf> {
        match self.shared.blobs.size(hash)? {
            Some(_) => Ok(self.shared.blobs.path(hash)),
            None => Err(Error::not_found("evidence.not_here", hash)),
        }
    }

    fn store_file(&self, content: &EvidenceContent, progress: &mut dyn FnMut(u64, u64)) -> Result<BlobRef> {
        let (entropy, probe) = (self.shared.parts.entropy.as_ref(), self.shared.parts.probe.as_ref());
        let stored = match content {
            EvidenceContent::Bytes(bytes) => {
                let incoming = Incoming { source: &mut &bytes[..], size_bytes: bytes.len() as u64, progress };
                self.shared.blobs.write(incoming, entropy, probe)
            }
            EvidenceContent::File(path) => {
                let unreadable = |error: std::io::Error| Error::Storage {
                    code: "evidence.unreadable",
                    detail: error.to_string(),
                };
                let mut file = File::open(path).map_err(unreadable)?;
                let size_bytes = file.metadata().map_err(unreadable)?.len();
                self.shared.blobs.write(Incoming { source: &mut file, size_bytes, progress }, entropy, probe)
            }
        };
        if stored == Err(Error::Closed) {
            self.lock().closed = true;
        }
        stored
    }
}

fn described(evidence: &NewEvidence, blob: BlobRef) -> visit::NewEvidence {
    visit::NewEvidence {
        blob: blob.hash,
        size_bytes: blob.size_bytes,
        media_type: evidence.media_type.clone(),
        source: evidence.source,
        item: evidence.item.clone(),
        finding: evidence.finding.clone(),
        caption: evidence.caption.clone(),
        captured_at_ms: evidence.captured_at_ms,
    }
}
