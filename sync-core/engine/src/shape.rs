//! Which documents there can be: a fixed set of root maps, each with fixed fields or with items
//! made under fresh ids. The domain fills this in; admission only reads it.

use crate::limits;
use liuhen_trace::{ChainId, digest};
use std::collections::{BTreeMap, BTreeSet};

/// One map at the document's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// Scalars the skeleton sets and nobody changes.
    Constants,
    /// Scalars under these keys.
    Fields(BTreeSet<String>),
    /// Maps under fresh ids, each with scalars under these keys.
    Items(BTreeSet<String>),
}

/// The roots by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    pub roots: BTreeMap<String, Root>,
}

/// Where a scalar stands: `responses/7`, `findings/9f…/place`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    pub root: String,
    /// The fresh id, in a root of items.
    pub item: Option<String>,
    pub key: String,
}

impl Path {
    pub fn field(root: &str, key: &str) -> Self {
        Self { root: root.to_owned(), item: None, key: key.to_owned() }
    }

    pub fn item(root: &str, item: &str, key: &str) -> Self {
        Self { root: root.to_owned(), item: Some(item.to_owned()), key: key.to_owned() }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}/{item}/{}", self.root, self.key),
            None => write!(f, "{}/{}", self.root, self.key),
        }
    }
}

impl Shape {
    /// Whether a scalar may be put there by an edit.
    pub fn allows(&self, path: &Path) -> bool {
        match (self.roots.get(&path.root), &path.item) {
            (Some(Root::Fields(keys)), None) | (Some(Root::Items(keys)), Some(_)) => keys.contains(&path.key),
            _ => false,
        }
    }
}

/// The id of the `n`th map that entry `seq` of `chain` makes. Nobody else can make a map under it.
pub fn fresh_id(chain: ChainId, seq: u64, n: u64) -> String {
    let hash = digest::tagged("liuhen/fresh/1", &[chain.as_bytes(), &seq.to_be_bytes(), &n.to_be_bytes()]);
    hash.to_string()[..16].to_owned()
}

/// Whether `id` is one that entry `seq` of `chain` may make.
pub fn is_fresh_id(id: &str, chain: ChainId, seq: u64) -> bool {
    (0..limits::FRESH_PER_ENTRY_MAX).any(|n| fresh_id(chain, seq, n) == id)
}
