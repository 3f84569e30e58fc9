//! Epochs of the log: its life between restores.
//!
//! A restored server may lack leaves that were signed. It goes on with the leaves it has, and its first
//! new leaf is an act that says so: which epoch begins, after which state of which epoch. The signer
//! signs a later epoch for such an act only, and everybody who knows more leaves than that can show what
//! was lost.

use crate::{
    ActHeader, CheckpointRef, Leaf, Refusal,
    entry::Salt,
    merkle::{self, RangeProof},
};
use minicbor::{Decode, Encode};

/// The kind of the act that opens an epoch.
pub const EPOCH_KIND: &str = "log.epoch_opened";

/// What the act says. It stands at leaf `after.size`, the first one that epoch `after.epoch` may have
/// had otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EpochOpening {
    #[n(0)]
    pub epoch: u64,
    /// What the restored server has of the epoch before.
    #[n(1)]
    pub after: CheckpointRef,
    /// The newest checkpoint of the epoch before that the server remembers; a smaller one where it had
    /// stored more than was signed.
    #[n(2)]
    pub note: Option<String>,
}

/// An opened act and its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EpochProof {
    #[n(0)]
    pub header: ActHeader,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub salt: Salt,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    #[n(3)]
    pub proof: RangeProof,
}

impl EpochOpening {
    /// The first leaf of the epoch: the act that opens it.
    pub fn leaf(&self) -> u64 {
        self.after.size
    }
}

impl EpochProof {
    /// What the act says, once it, its place in the log and the state before it are checked.
    pub fn verify(&self, checkpoint: &CheckpointRef) -> Result<EpochOpening, Refusal> {
        if self.header.kind != EPOCH_KIND {
            return Err(Refusal::new("receipt.other_act", self.header.kind.clone()));
        }
        let opening = self.header.open(&self.salt, &self.body)?.epoch;
        let opening = opening.ok_or_else(|| Refusal::new("epoch.not_opened", "the act names no epoch"))?;
        if opening.epoch <= opening.after.epoch {
            let detail = format!("epoch {} after {}", opening.epoch, opening.after.epoch);
            return Err(Refusal::new("epoch.not_opened", detail));
        }
        let leaf = merkle::leaf_hash(&Leaf::Act(self.header.clone()).to_bytes());
        self.proof.verify_run(opening.leaf(), &[leaf], checkpoint.size, checkpoint.root)?;
        if self.proof.root_before(opening.leaf())? != opening.after.root {
            return Err(Refusal::new("proof.wrong_root", "another tree stands before the act"));
        }
        Ok(opening)
    }
}
