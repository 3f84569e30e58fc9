//! What can be checked without trusting anybody: entries, segments, grants, the Merkle log,
//! checkpoints and receipts.
//!
//! Nothing here reads a clock, a file or a random source, and nothing here knows what an inspection
//! is. A court's expert can read this crate alone; `docs/trust.md` gives the byte layouts in prose.
#![forbid(unsafe_code)]

pub mod act;
pub mod canonical;
pub mod checkpoint;
pub mod digest;
pub mod entry;
pub mod epoch;
pub mod grant;
pub mod ids;
pub mod limits;
pub mod merkle;
pub mod receipt;
pub mod request;
pub mod segment;
pub mod suite;

pub use act::{ActHeader, Leaf};
pub use canonical::Canonical;
pub use checkpoint::{Checkpoint, CheckpointKey, CheckpointRef, NoteKey};
pub use entry::{BlobRef, Body, EntryHeader, EntryKind, Moment, OpenEntry, Place};
pub use epoch::{EpochOpening, EpochProof};
pub use grant::{Grant, SignedGrant};
pub use ids::{BlobHash, BootId, ChainId, ChangeHash, DeviceId, DocumentId, Hash};
pub use receipt::{HeldReceipt, SegmentReceipt};
pub use segment::{CheckedSegment, SegmentHeader, SegmentView, ViewEntry};
pub use suite::{DeviceSigner, PublicKey, Signature, SoftwareKey, Suite};

/// Why a structure was refused. `code` is stable: programs branch on it and documents quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    pub code: &'static str,
    pub detail: String,
}

impl Refusal {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
