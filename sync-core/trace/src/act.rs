//! Leaves of the ledger: a segment of a device, or an act of the server.

use crate::{
    BlobRef, Canonical, EpochOpening, Hash, Refusal, SegmentHeader, Suite, digest::tagged, entry::Salt,
    merkle,
};
use minicbor::{Decode, Encode};

/// The public part of an act; its body is committed to with a salt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ActHeader {
    #[n(0)]
    pub suite: Suite,
    /// A stable dotted name: `task.issued`, `evidence.held`.
    #[n(1)]
    pub kind: String,
    /// The server's wall clock, for display.
    #[n(2)]
    pub at_ms: i64,
    #[n(3)]
    pub commitment: Hash,
}

/// What an act says and which rows it wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct ActBody {
    /// The account that acted; absent when the server did by itself.
    #[n(0)]
    pub actor: Option<String>,
    /// The act's content as JSON, for people.
    #[n(1)]
    pub detail: String,
    /// Every row the act wrote, as it stood afterwards.
    #[n(2)]
    pub rows: Vec<RowCommitment>,
    /// The evidence the act is about.
    #[n(3)]
    pub blobs: Vec<BlobRef>,
    /// Of the one kind of act that opens an epoch of the log; absent in all others.
    #[n(4)]
    pub epoch: Option<EpochOpening>,
}

/// SHA-256 over a row's canonical form; an all-zero digest says that the row was removed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RowCommitment {
    #[n(0)]
    pub table: String,
    #[n(1)]
    pub key: String,
    #[n(2)]
    pub digest: Hash,
}

impl ActHeader {
    pub fn commit(kind: &str, at_ms: i64, salt: &Salt, body: &[u8]) -> Self {
        Self {
            suite: Suite::Ed25519,
            kind: kind.to_owned(),
            at_ms,
            commitment: tagged("liuhen/act/1", &[salt, body]),
        }
    }

    /// Opens the commitment.
    pub fn open(&self, salt: &Salt, body: &[u8]) -> Result<ActBody, Refusal> {
        if tagged("liuhen/act/1", &[salt, body]) != self.commitment {
            return Err(Refusal::new("act.wrong_body", "the body is not the one committed to"));
        }
        ActBody::from_canonical(body)
    }
}

/// A leaf's content. Its bytes are a tag byte and canonical CBOR; they are kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    Segment(SegmentHeader),
    Act(ActHeader),
}

const SEGMENT_TAG: u8 = 1;
const ACT_TAG: u8 = 2;

impl Leaf {
    pub fn to_bytes(&self) -> Vec<u8> {
        let (tag, content) = match self {
            Leaf::Segment(header) => (SEGMENT_TAG, header.to_canonical()),
            Leaf::Act(header) => (ACT_TAG, header.to_canonical()),
        };
        [&[tag], &content[..]].concat()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        match bytes.split_first() {
            Some((&SEGMENT_TAG, content)) => SegmentHeader::from_canonical(content).map(Leaf::Segment),
            Some((&ACT_TAG, content)) => ActHeader::from_canonical(content).map(Leaf::Act),
            _ => Err(Refusal::new("leaf.unknown_kind", "neither a segment nor an act")),
        }
    }

    pub fn hash(&self) -> Hash {
        merkle::leaf_hash(&self.to_bytes())
    }
}
