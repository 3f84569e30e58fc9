//! Receipts: the proof that the log holds what a phone handed in. A phone keeps everything until it
//! has verified the receipt for exactly that.

use crate::{
    ActHeader, BlobRef, CheckpointRef, Hash, Leaf, Refusal, SegmentHeader,
    entry::Salt,
    merkle::{self, RangeProof},
};
use minicbor::{Decode, Encode};

/// A contiguous run of leaves, all segments of the receiver's chain or of one it carries.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SegmentReceipt {
    /// Index of the first leaf.
    #[n(0)]
    pub first_leaf: u64,
    /// Which segments, by the hash of their leaf, in leaf order.
    #[n(1)]
    pub leaves: Vec<Hash>,
    #[n(2)]
    pub proof: RangeProof,
}

impl SegmentReceipt {
    /// Checks the run against a verified checkpoint. What it covers is then [`Self::covers`].
    pub fn verify(&self, checkpoint: &CheckpointRef) -> Result<(), Refusal> {
        self.proof.verify_run(self.first_leaf, &self.leaves, checkpoint.size, checkpoint.root)
    }

    /// The leaf at which a segment stands, if this receipt is for it.
    pub fn covers(&self, segment: &SegmentHeader) -> Option<u64> {
        let hash = Leaf::Segment(segment.clone()).hash();
        let at = self.leaves.iter().position(|leaf| *leaf == hash)?;
        Some(self.first_leaf + at as u64)
    }
}

/// The act by which the server says that it durably holds evidence, opened, and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HeldReceipt {
    #[n(0)]
    pub leaf: u64,
    #[n(1)]
    pub header: ActHeader,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub salt: Salt,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    #[n(4)]
    pub proof: RangeProof,
}

/// The kind of the act a [`HeldReceipt`] opens.
pub const HELD_KIND: &str = "evidence.held";

impl HeldReceipt {
    /// The evidence that is held, once the act and its place in the log are checked.
    pub fn verify(&self, checkpoint: &CheckpointRef) -> Result<Vec<BlobRef>, Refusal> {
        if self.header.kind != HELD_KIND {
            return Err(Refusal::new("receipt.other_act", self.header.kind.clone()));
        }
        let leaf = merkle::leaf_hash(&Leaf::Act(self.header.clone()).to_bytes());
        self.proof.verify_run(self.leaf, &[leaf], checkpoint.size, checkpoint.root)?;
        Ok(self.header.open(&self.salt, &self.body)?.blobs)
    }
}
