//! One open transaction with what it takes to write entries in it. Everything that is written on a
//! phone goes over this desk.

use super::{OpenDocuments, Shared};
use crate::{
    Error, Result,
    clock::random,
    store::{
        Tx, blobs,
        chains::{self, ChainRow},
        documents,
        entries::{self, EntryRow, EntryState},
        events::{self, NewEvent},
        identity::{self, Identity},
        progress,
    },
};
use liuhen_engine::{
    document::{Author, Put},
    wire::Position,
};
use liuhen_trace::{BlobRef, Body, ChainId, DocumentId, EntryKind, Hash, Moment, OpenEntry, Place, entry};

pub struct Desk<'a> {
    pub tx: Tx<'a>,
    pub documents: &'a mut OpenDocuments,
    pub shared: &'a Shared,
    pub now: Moment,
}

/// An entry that is about to be written.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub kind: EntryKind,
    pub document: DocumentId,
    pub change: Option<Vec<u8>>,
    pub blobs: Vec<BlobRef>,
    pub place: Option<Place>,
    pub replaces: Option<Hash>,
    pub detail: Option<Vec<u8>>,
}

impl NewEntry {
    pub fn new(kind: EntryKind, document: DocumentId) -> Self {
        Self { kind, document, change: None, blobs: Vec::new(), place: None, replaces: None, detail: None }
    }
}

impl<'a> Desk<'a> {
    pub fn new(tx: Tx<'a>, documents: &'a mut OpenDocuments, shared: &'a Shared) -> Self {
        Self { tx, documents, shared, now: shared.parts.clock.now() }
    }

    pub fn commit(self) -> Result<()> {
        self.tx.commit()
    }

    pub fn identity(&self) -> Result<Identity> {
        identity::read(&self.tx)?.ok_or(Error::NotEnrolled)
    }

    /// The chain that takes the next entry; begun when there is none.
    pub fn chain(&mut self) -> Result<ChainRow> {
        if let Some(chain) = chains::open_chain(&self.tx)? {
            return Ok(chain);
        }
        let entropy = self.shared.parts.entropy.as_ref();
        let incarnation = u64::from_be_bytes(random(entropy)?);
        let chain = ChainRow {
            chain: ChainId::derive(self.identity()?.device, incarnation),
            incarnation,
            secret: random(entropy)?,
            next_seq: 0,
            last_hash: Hash::default(),
        };
        chains::insert(&self.tx, &chain, self.now.wall_ms)?;
        Ok(chain)
    }

    /// Who writes the next entry of a document.
    pub fn author(&mut self, document: DocumentId) -> Result<Author> {
        let chain = self.chain()?;
        let epoch = entries::epoch(&self.tx, chain.chain, document, chain.next_seq)?;
        Ok(Author { chain: chain.chain, seq: chain.next_seq, epoch })
    }

    /// Makes one change of a document and writes its entry. `None` when everything had these values
    /// already.
    pub fn edit(&mut self, puts: &[Put], entry: NewEntry) -> Result<Option<Hash>> {
        let author = self.author(entry.document)?;
        let opened = self.documents.get(&self.tx, entry.document)?;
        match opened.document.edit(author, puts)? {
            None => Ok(None),
            Some(change) => self.append(NewEntry { change: Some(change), ..entry }).map(Some),
        }
    }

    /// Writes the open chain's next entry, with the evidence it announces. The files stand already.
    pub fn append(&mut self, new: NewEntry) -> Result<Hash> {
        let chain = self.chain()?;
        let identity = self.identity()?;
        let document = new.document;
        let body = self.body(&new)?;
        let salt = entry::salt(&chain.secret, chain.next_seq);
        let open = OpenEntry { kind: new.kind, salt, body, change: new.change };
        open.check()?;
        let hash = open.header(identity.suite()?, chain.chain, chain.next_seq, chain.last_hash).hash();
        documents::ensure(&self.tx, document)?;
        let row = EntryRow {
            chain: chain.chain,
            seq: chain.next_seq,
            own: true,
            device: identity.device,
            hash,
            state: EntryState::Unsent,
            open,
        };
        if !entries::insert(&self.tx, &row)? {
            return Err(Error::corrupt(format!("entry {}/{} stands already", row.chain, row.seq)));
        }
        chains::advance(&self.tx, chain.chain, chain.next_seq + 1, hash)?;
        for blob in &new.blobs {
            blobs::announce(&self.tx, *blob, document, self.now.wall_ms)?;
        }
        Ok(hash)
    }

    fn body(&self, new: &NewEntry) -> Result<Body> {
        Ok(Body {
            checkpoint: progress::read(&self.tx)?.checkpoint,
            document: Some(new.document),
            change: new.change.as_deref().and_then(entry::change_hash),
            blobs: new.blobs.clone(),
            place: new.place,
            replaces: new.replaces,
            detail: new.detail.clone(),
            ..Body::at(self.now)
        })
    }

    pub fn event(&self, event: NewEvent) -> Result<()> {
        events::insert(&self.tx, self.now.wall_ms, &event)
    }

    pub fn event_of(&self, kind: &str, document: DocumentId, detail: impl Into<String>) -> Result<()> {
        self.event(NewEvent { kind, document: Some(document), blob: None, detail: detail.into() })
    }

    pub fn set_position(&self, position: &Position) -> Result<()> {
        progress::set_position(&self.tx, position, self.now.wall_ms)
    }
}
