//! One visit document: an automerge document that only ever holds admitted changes.
//!
//! Automerge merges; it does not judge. Bytes it accepts can make the next save unreadable, panic
//! everybody's next edit, or swallow a colleague's answers. So every change, foreign or own, passes
//! [`Document::admit`] or its batch form [`Document::admit_all`]:
//!
//! 1. [`crate::scan`] bounds what the bytes can cost;
//! 2. the change decodes, and encodes to the same bytes again (`decode`);
//! 3. its author writes under the actor derived for them;
//! 4. its dependencies are here, otherwise it waits;
//! 5. sequence number, counters, paths, values and predecessors are those an honest writer would
//!    have had at exactly these dependencies (`admission`, over `index`);
//! 6. it applies to a scratch copy, which saves, loads again and has the heads expected; panics
//!    are caught and the copy is dropped (`automaton`).
//!
//! Nothing in this depends on what else was merged before: two replicas that are asked about the
//! same change with the same causal past answer the same.

mod admission;
mod automaton;
mod decode;
mod edit;
mod encode;
mod index;
mod reading;
mod skeleton;

pub use skeleton::{skeleton, skeleton_actor};

use crate::{
    compression,
    field::{ActorId, Fields, Scalar},
    limits, scan,
    shape::{Path, Shape},
};
use admission::Rules;
use automaton::Automaton;
use decode::Decoded;
use encode::Draft;
use index::Index;
use liuhen_trace::{ChainId, ChangeHash, DocumentId, Refusal};

/// The entry a change came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    pub chain: ChainId,
    /// Sequence number of the entry.
    pub seq: u64,
    /// Number of `Epoch` entries of the chain for this document before the entry.
    pub epoch: u64,
}

impl Author {
    /// The only actor this author may write under.
    pub fn actor(&self, document: DocumentId) -> ActorId {
        ActorId::derive(self.chain, document, self.epoch)
    }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    /// The document has this change already.
    Duplicate,
    /// Changes it depends on are not here. Whoever knows that one of them was refused refuses this
    /// one too; the document does not remember refusals.
    Waiting(Vec<ChangeHash>),
    Refused(Refusal),
}

/// A change that asks for admission.
#[derive(Debug, Clone, Copy)]
pub struct Pending<'a> {
    pub author: Author,
    pub chunk: &'a [u8],
}

/// One value to be written. A path below an item that does not exist yet makes the item, whose id
/// must then be a fresh id of the author's entry ([`crate::shape::fresh_id`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub path: Path,
    pub value: Scalar,
}

/// A visit document.
#[derive(Clone)]
pub struct Document {
    id: DocumentId,
    shape: Shape,
    index: Index,
    automaton: Automaton,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("id", &self.id).field("heads", &self.heads()).finish_non_exhaustive()
    }
}

impl Document {
    /// A document that holds its skeleton only. The caller has compared the skeleton's hash with
    /// that of the domain's own; here it is checked that it makes exactly the roots of `shape`.
    pub fn new(id: DocumentId, shape: Shape, skeleton: &[u8]) -> Result<Document, Refusal> {
        Self::rebuild(id, shape, &[skeleton])
    }

    /// Reads what [`Document::save`] wrote. The bytes are checked like foreign ones, except that it
    /// is not known any more in which entries the changes came.
    pub fn load(id: DocumentId, shape: Shape, saved: &[u8]) -> Result<Document, Refusal> {
        let damaged = |detail: String| Refusal::new("document.damaged", detail);
        let plain = compression::decompress(saved, limits::SAVED_BYTES_MAX)
            .map_err(|error| damaged(error.to_string()))?;
        let chunks = scan::split(&plain).ok_or_else(|| damaged("not a run of change chunks".to_owned()))?;
        Self::rebuild(id, shape, &chunks)
    }

    fn rebuild(id: DocumentId, shape: Shape, chunks: &[&[u8]]) -> Result<Document, Refusal> {
        let mut index = Index::default();
        let mut changes = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let Decoded { scanned, change, ops } = Decoded::from_chunk(chunk)?;
            let fit = if index.is_empty() {
                skeleton::check(&shape, &scanned, ops)?
            } else {
                if let Some(missing) = index.missing(&scanned.deps).first() {
                    return Err(Refusal::new("document.damaged", format!("change {missing} is missing")));
                }
                Rules { shape: &shape, index: &index, author: None }.fit(&scanned, ops)?
            };
            index.insert(fit, chunk);
            changes.push(change);
        }
        let automaton = Automaton::build(changes, &index.heads())?;
        Ok(Document { id, shape, index, automaton })
    }

    /// All changes, compressed. Two documents that hold the same changes save the same bytes.
    pub fn save(&self) -> Vec<u8> {
        compression::compress(&self.index.chunks_in_causal_order().concat())
    }

    pub fn id(&self) -> DocumentId {
        self.id
    }

    /// The changes nothing depends on yet, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.index.heads()
    }

    pub fn contains(&self, change: ChangeHash) -> bool {
        self.index.position(change).is_some()
    }

    /// Decides on one change.
    pub fn admit(&mut self, author: Author, chunk: &[u8]) -> Admission {
        let mut admissions = self.admit_all(&[Pending { author, chunk }]);
        admissions.pop().expect("one answer for one change")
    }

    /// Decides on several changes at once, which may depend on each other in any order. The answers
    /// stand in the order of the questions and are those [`Document::admit`] would have given, one
    /// by one, with dependencies first.
    pub fn admit_all(&mut self, pending: &[Pending]) -> Vec<Admission> {
        admission::admit_all(self, pending)
    }

    /// Writes values as one change and returns its chunk, `None` when they are what shows already.
    /// The change passes admission like a foreign one. On an error the document is as before.
    pub fn edit(&mut self, author: Author, puts: &[Put]) -> Result<Option<Vec<u8>>, Refusal> {
        let puts = edit::effective(&self.shape, &self.index, &author, puts)?;
        if puts.is_empty() {
            return Ok(None);
        }
        let chunk = Draft::over(&self.index, author.actor(self.id), &puts).to_chunk();
        match self.admit(author, &chunk) {
            Admission::Admitted => Ok(Some(chunk)),
            Admission::Refused(refusal) => Err(refusal),
            Admission::Duplicate | Admission::Waiting(_) => {
                Err(Refusal::new("change.not_applicable", "the change does not continue this document"))
            }
        }
    }

    /// Every field with everything that was ever written to it.
    pub fn fields(&self) -> Fields {
        reading::fields(&self.index, None)
    }

    /// The fields as they stood at `heads`, later changes left out.
    pub fn fields_at(&self, heads: &[ChangeHash]) -> Result<Fields, Refusal> {
        match self.index.missing(heads).first() {
            Some(unknown) => Err(Refusal::new("document.unknown_heads", unknown.to_string())),
            None => Ok(reading::fields(&self.index, Some(&self.index.clock_of(heads)))),
        }
    }

    /// How many bytes of changes still go on top of all that is here.
    pub fn room_bytes(&self) -> usize {
        let past = self.index.clock_of(&self.heads());
        limits::DOCUMENT_BYTES_MAX.saturating_sub(self.index.covered_bytes(&past))
    }

    /// The chunk of a change.
    pub fn change(&self, hash: ChangeHash) -> Option<Vec<u8>> {
        self.index.position(hash).map(|at| self.index.node(at).chunk.to_vec())
    }

    /// What a change puts where, for people who look at it: whether it was or would be admitted is
    /// another matter. Values in maps that are not known here are left out.
    pub fn puts_of(&self, chunk: &[u8]) -> Result<Vec<Put>, Refusal> {
        Ok(reading::puts(&self.index, Decoded::from_chunk(chunk)?.ops))
    }

    /// What a change depends on directly, sorted.
    pub fn deps(&self, hash: ChangeHash) -> Option<Vec<ChangeHash>> {
        self.index.position(hash).map(|at| self.index.node(at).deps.clone())
    }

    /// Whether `change` is one of `heads` or lies in their causal past. Unknown heads have none.
    pub fn is_ancestor(&self, change: ChangeHash, heads: &[ChangeHash]) -> bool {
        self.index.position(change).is_some_and(|at| self.index.covers(&self.index.clock_of(heads), at))
    }

    /// The item ids under a root of items, in the order of their ids.
    pub fn items(&self, root: &str) -> Vec<String> {
        self.index.items(root)
    }
}
