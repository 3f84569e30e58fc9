//! What is read from a document: every field with all its values, who wrote them, and what became
//! of those that no longer show.

use crate::shape::Path;
use liuhen_trace::{ChainId, ChangeHash, DocumentId, digest};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// A value of a field. A retraction is `Null`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Scalar {
    #[n(0)]
    Null,
    #[n(1)]
    Bool(#[n(0)] bool),
    #[n(2)]
    Int(#[n(0)] i64),
    #[n(3)]
    Text(#[n(0)] String),
}

/// Who writes in a document: one chain in one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActorId(pub [u8; 16]);

impl ActorId {
    /// Derived, so that the server knows the actor an entry must use and nobody can use another's.
    pub fn derive(chain: ChainId, document: DocumentId, epoch: u64) -> Self {
        let parts = [chain.as_bytes(), document.as_bytes(), &epoch.to_be_bytes()[..]];
        let hash = digest::tagged("liuhen/actor/1", &parts);
        Self(hash.0[..16].try_into().expect("16 of 32 bytes"))
    }
}

/// One value somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub value: Scalar,
    pub actor: ActorId,
    pub change: ChangeHash,
}

/// A field with everything that was ever written to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldHistory {
    /// Values that show now, in a fixed order; more than one when they were written concurrently.
    pub current: Vec<Written>,
    /// Values that were replaced, each with the change that replaced it.
    pub replaced: Vec<(Written, ChangeHash)>,
}

impl FieldHistory {
    /// The one value all replicas show first.
    pub fn shown(&self) -> Option<&Scalar> {
        self.current.first().map(|written| &written.value)
    }

    /// Concurrent and different: somebody has to decide.
    pub fn is_open_conflict(&self) -> bool {
        self.current.iter().any(|written| Some(&written.value) != self.shown())
    }
}

/// All fields of a document, or of a document as it stood at some heads.
pub type Fields = BTreeMap<Path, FieldHistory>;
