//! An entry: one act of one person on one device.
//!
//! The header is public and hash-chained; the body is committed to with a salt, so that a stub of
//! 32 bytes stands for it where a reader may not see it, and so that erasing body and salt leaves
//! nothing to guess from.

use crate::{
    BlobHash, BootId, Canonical, ChainId, ChangeHash, CheckpointRef, DocumentId, Hash, Refusal, Suite,
    digest::tagged, limits,
};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
#[repr(u8)]
pub enum EntryKind {
    /// A change of the visit document.
    #[n(1)]
    Edit = 1,
    /// A change that announces evidence.
    #[n(2)]
    Capture = 2,
    /// The person took a step of a task: delivered, opened, claimed.
    #[n(3)]
    Receipt = 3,
    /// The checks before a visit.
    #[n(4)]
    Gate = 4,
    /// Arrival at a place.
    #[n(5)]
    CheckIn = 5,
    /// Somebody signs the record.
    #[n(6)]
    Seal = 6,
    /// The inspected party refuses to sign.
    #[n(7)]
    Refusal = 7,
    /// A change that decides a disagreement.
    #[n(8)]
    Resolution = 8,
    /// A change that adds a remark.
    #[n(9)]
    Note = 9,
    /// The chain writes a document under a new actor from here on, after a quarantine.
    #[n(10)]
    Epoch = 10,
}

/// When, by the device's own clocks. For display and flags only: nothing is ordered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Moment {
    /// Milliseconds since 1970 by the wall clock, which people set as they like.
    #[n(0)]
    pub wall_ms: i64,
    /// Milliseconds since the boot named by `boot`.
    #[n(1)]
    pub monotonic_ms: u64,
    #[n(2)]
    pub boot: BootId,
}

/// Where, in WGS-84, as the platform said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Place {
    /// Degrees × 10⁷.
    #[n(0)]
    pub latitude_e7: i32,
    /// Degrees × 10⁷.
    #[n(1)]
    pub longitude_e7: i32,
    #[n(2)]
    pub accuracy_mm: u32,
    /// The platform says that another program supplied the position.
    #[n(3)]
    pub mock: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct BlobRef {
    #[n(0)]
    pub hash: BlobHash,
    #[n(1)]
    pub size_bytes: u64,
}

/// What an entry says. Absent fields are absent from the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Body {
    #[n(0)]
    pub at: Moment,
    /// The newest checkpoint this device had verified: the act came after it.
    #[n(1)]
    pub checkpoint: Option<CheckpointRef>,
    #[n(2)]
    pub document: Option<DocumentId>,
    #[n(3)]
    pub change: Option<ChangeHash>,
    #[n(4)]
    pub blobs: Vec<BlobRef>,
    #[n(5)]
    pub place: Option<Place>,
    /// The entry whose lost values this one offers again, after a quarantine.
    #[n(6)]
    pub replaces: Option<Hash>,
    /// What a kind says beyond this; its own canonical CBOR.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub detail: Option<Vec<u8>>,
}

impl Body {
    pub fn at(at: Moment) -> Self {
        Self {
            at,
            checkpoint: None,
            document: None,
            change: None,
            blobs: Vec::new(),
            place: None,
            replaces: None,
            detail: None,
        }
    }
}

/// The public, chained part of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EntryHeader {
    #[n(0)]
    pub suite: Suite,
    #[n(1)]
    pub chain: ChainId,
    /// 0 for a chain's first entry.
    #[n(2)]
    pub seq: u64,
    /// Hash of the entry before; all zero for the first.
    #[n(3)]
    pub prev: Hash,
    #[n(4)]
    pub kind: EntryKind,
    #[n(5)]
    pub commitment: Hash,
}

impl EntryHeader {
    /// The entry's id.
    pub fn hash(&self) -> Hash {
        tagged("liuhen/entry/1", &[&self.to_canonical()])
    }
}

pub type Salt = [u8; 16];

/// The salt of entry `seq`, from its chain's secret. Giving away one says nothing of the others.
pub fn salt(chain_secret: &[u8; 32], seq: u64) -> Salt {
    let hash = tagged("liuhen/salt/1", &[chain_secret, &seq.to_be_bytes()]);
    hash.0[..16].try_into().expect("16 of 32 bytes")
}

/// What the header says of a body, without telling it.
pub fn commitment(salt: &Salt, body: &[u8]) -> Hash {
    tagged("liuhen/body/1", &[salt, body])
}

/// An entry that its reader may see whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEntry {
    pub kind: EntryKind,
    pub salt: Salt,
    pub body: Body,
    /// The uncompressed change chunk that `body.change` names.
    pub change: Option<Vec<u8>>,
}

impl OpenEntry {
    pub fn header(&self, suite: Suite, chain: ChainId, seq: u64, prev: Hash) -> EntryHeader {
        let commitment = commitment(&self.salt, &self.body.to_canonical());
        EntryHeader { suite, chain, seq, prev, kind: self.kind, commitment }
    }

    /// What holds of an entry by itself: sizes, and that change and body belong together.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.body.blobs.len() > limits::ENTRY_BLOBS_MAX {
            return Err(Refusal::new("entry.too_many_blobs", self.body.blobs.len().to_string()));
        }
        if self.body.blobs.iter().any(|blob| blob.size_bytes > limits::BLOB_BYTES_MAX) {
            return Err(Refusal::new("entry.blob_too_large", "an announced file exceeds the limit"));
        }
        if self.body.to_canonical().len() > limits::BODY_BYTES_MAX {
            return Err(Refusal::new("entry.body_too_large", "the body exceeds the limit"));
        }
        let change_bytes = self.change.as_ref().map_or(0, Vec::len);
        if change_bytes > limits::CHANGE_BYTES_MAX {
            return Err(Refusal::new("entry.change_too_large", change_bytes.to_string()));
        }
        if self.body.change != self.change.as_deref().and_then(change_hash) {
            return Err(Refusal::new("entry.change_mismatch", "the change is not the one named"));
        }
        if self.body.change.is_some() && self.body.document.is_none() {
            return Err(Refusal::new("entry.no_document", "a change without a document"));
        }
        Ok(())
    }
}

/// The hash automerge gives an uncompressed change chunk: SHA-256 over everything behind magic and
/// checksum. `None` when the bytes are no such chunk or the checksum differs.
pub fn change_hash(chunk: &[u8]) -> Option<ChangeHash> {
    const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
    const CHANGE_CHUNK: u8 = 1;
    let (head, hashed) = chunk.split_at_checked(8)?;
    if head[..4] != MAGIC || hashed.first() != Some(&CHANGE_CHUNK) {
        return None;
    }
    let hash = crate::digest::sha256(hashed);
    (hash[..4] == head[4..]).then_some(ChangeHash(hash))
}
