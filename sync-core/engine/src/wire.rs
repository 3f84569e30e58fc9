//! The messages of `POST /sync/v1/exchange`, as canonical CBOR under zstd. `docs/protocol.md`
//! describes every field.

use crate::{compression, limits};
use liuhen_trace::{
    BlobHash, Canonical, ChainId, ChangeHash, CheckpointRef, DocumentId, EpochProof, Hash, HeldReceipt,
    Refusal, SegmentReceipt, SegmentView, SignedGrant, merkle::RangeProof,
};
use minicbor::{Decode, Encode};
use std::io::ErrorKind;

/// Raised when a message changes so that an older reader would misread it.
pub const PROTOCOL_VERSION: u16 = 1;
/// A client this old may still hand in.
pub const PROTOCOL_VERSION_MIN: u16 = 1;
pub const CONTENT_TYPE: &str = "application/vnd.liuhen.exchange";
pub const EXCHANGE_PATH: &str = "/sync/v1/exchange";

/// Where a phone stands in the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Position {
    #[n(0)]
    pub epoch: u64,
    /// Every feed item of a leaf below this one was received.
    #[n(1)]
    pub cursor: u64,
    /// Documents that entered the phone's scope and are not here whole yet.
    #[n(2)]
    pub backfills: Vec<Backfill>,
}

/// A document to be delivered as it stood below leaf `as_of`; later entries come by the cursor. A phone
/// makes its own for entries it rejected and after it was restored; one beyond the verdicts is cut there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Backfill {
    #[n(0)]
    pub document: DocumentId,
    #[n(1)]
    pub as_of: u64,
    /// Everything admitted below this leaf was received.
    #[n(2)]
    pub from: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Request {
    #[n(0)]
    pub version: u16,
    /// Absent on the first exchange of an enrolment.
    #[n(1)]
    pub position: Option<Position>,
    /// The newest checkpoint this phone has verified.
    #[n(2)]
    pub checkpoint: Option<CheckpointRef>,
    /// In chain order.
    #[n(3)]
    pub segments: Vec<SegmentView>,
    /// Register rows the phone has heard of and lacks, by SHA-256.
    #[n(4)]
    pub wants: Vec<Hash>,
    /// Roughly how large the answer may be, before compression.
    #[n(5)]
    pub answer_bytes_max: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    #[n(0)]
    pub version: u16,
    /// For each chain in the request, the sequence number behind the last entry that is logged.
    #[n(1)]
    pub accepted: Vec<Accepted>,
    #[n(2)]
    pub refused: Vec<RefusedSegment>,
    /// Entries of the requesting device that wait for changes the server lacks.
    #[n(3)]
    pub waiting: Vec<WaitingEntry>,
    #[n(4)]
    pub receipts: Vec<SegmentReceipt>,
    /// A signed note. Absent when the phone holds this one already.
    #[n(5)]
    pub checkpoint: Option<String>,
    /// From the phone's checkpoint to this one. Absent when either is.
    #[n(6)]
    pub consistency: Option<RangeProof>,
    /// Grants of the devices whose entries are in `items`.
    #[n(7)]
    pub grants: Vec<SignedGrant>,
    #[n(8)]
    pub items: Vec<FeedItem>,
    #[n(9)]
    pub position: Position,
    /// There is more to fetch: ask again.
    #[n(10)]
    pub more: bool,
    /// Evidence this device announced and the server lacks.
    #[n(11)]
    pub blobs_wanted: Vec<BlobHash>,
    /// Register rows asked for; the receiver checks their hashes.
    #[n(12)]
    pub rows: Vec<Row>,
    #[n(13)]
    pub server_time_ms: i64,
    /// The acts that opened the epochs behind that of the phone's checkpoint, in their order.
    #[cbor(n(14), skip_if = "Vec::is_empty")]
    pub epochs: Vec<EpochProof>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Accepted {
    #[n(0)]
    pub chain: ChainId,
    #[n(1)]
    pub next_seq: u64,
}

/// A segment that was not logged.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RefusedSegment {
    #[n(0)]
    pub chain: ChainId,
    #[n(1)]
    pub first_seq: u64,
    /// Stable; see `docs/protocol.md`.
    #[n(2)]
    pub code: String,
    #[n(3)]
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WaitingEntry {
    #[n(0)]
    pub chain: ChainId,
    #[n(1)]
    pub seq: u64,
    #[n(2)]
    pub wants: Vec<ChangeHash>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Row {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// One thing a phone learns, in leaf order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FeedItem {
    /// The current state of a matter in scope; the domain reads the bytes.
    #[n(0)]
    Matter {
        #[n(0)]
        leaf: u64,
        #[cbor(n(1), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// A document left the phone's scope: hand in, show no longer.
    #[n(1)]
    Left {
        #[n(0)]
        leaf: u64,
        #[n(1)]
        document: DocumentId,
    },
    /// Entries of a document that became admitted at `leaf`.
    #[n(2)]
    Entries {
        #[n(0)]
        leaf: u64,
        #[n(1)]
        view: SegmentView,
    },
    /// An entry of this phone was quarantined; its descendants with it.
    #[n(3)]
    Quarantined {
        #[n(0)]
        leaf: u64,
        #[n(1)]
        chain: ChainId,
        #[n(2)]
        seq: u64,
        #[n(3)]
        code: String,
    },
    /// Evidence is durably held.
    #[n(4)]
    Held(#[n(0)] HeldReceipt),
}

impl FeedItem {
    /// The leaf at which this became known.
    pub fn leaf(&self) -> u64 {
        match self {
            FeedItem::Matter { leaf, .. }
            | FeedItem::Left { leaf, .. }
            | FeedItem::Entries { leaf, .. }
            | FeedItem::Quarantined { leaf, .. } => *leaf,
            FeedItem::Held(receipt) => receipt.leaf,
        }
    }
}

/// Compresses a message for the wire.
pub fn pack<T: Canonical>(message: &T) -> Vec<u8> {
    compression::compress(&message.to_canonical())
}

/// Decompresses up to the cap and decodes. Nothing larger than the cap is ever held.
pub fn unpack<T: Canonical>(body: &[u8]) -> Result<T, Refusal> {
    unpack_within(body, limits::DECOMPRESSED_BYTES_MAX)
}

/// As [`unpack`], under a cap of the caller's.
pub fn unpack_within<T: Canonical>(body: &[u8], plain_bytes_max: usize) -> Result<T, Refusal> {
    if body.len() > limits::BODY_BYTES_MAX {
        return Err(Refusal::new("exchange.too_large", "the body exceeds the limit"));
    }
    let plain = compression::decompress(body, plain_bytes_max).map_err(|error| {
        let code = match error.kind() {
            ErrorKind::FileTooLarge => "exchange.too_large",
            _ => "exchange.malformed",
        };
        Refusal::new(code, error.to_string())
    })?;
    T::from_canonical(&plain).map_err(|refusal| Refusal::new("exchange.malformed", refusal.detail))
}
