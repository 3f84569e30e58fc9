//! The append-only tree of RFC 6962 §2.1, and proofs about runs of its leaves.
//!
//! A tree of `n` leaves is a row of perfect subtrees, largest first. Every proof here is made of
//! such subtrees: those left of a run of leaves and those right of it. Folding left, run and right
//! together gives the root; folding left alone gives the root the tree had before the run. So one
//! structure proves inclusion, a contiguous run, and consistency.

use crate::{Hash, Refusal, limits};
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new_with_prefix([0]);
    hasher.update(leaf);
    Hash(hasher.finalize().into())
}

fn node_hash(left: Hash, right: Hash) -> Hash {
    let mut hasher = Sha256::new_with_prefix([1]);
    hasher.update(left.0);
    hasher.update(right.0);
    Hash(hasher.finalize().into())
}

/// A perfect subtree over leaves `index << level .. (index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub level: u32,
    pub index: u64,
}

/// The fewest perfect subtrees that cover leaves `from..to`, in order.
pub fn cover(from: u64, to: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = from;
    while at < to {
        let fits = (to - at).ilog2();
        let level = if at == 0 { fits } else { fits.min(at.trailing_zeros()) };
        nodes.push(Node { level, index: at >> level });
        at += 1 << level;
    }
    nodes
}

/// A growing tree, as the row of its perfect subtrees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    row: Vec<(Node, Hash)>,
}

impl Tree {
    /// The tree of `size` leaves whose subtrees have `hashes`; `None` when their number differs.
    pub fn from_row(size: u64, hashes: &[Hash]) -> Option<Self> {
        let nodes = cover(0, size);
        (nodes.len() == hashes.len())
            .then(|| Self { size, row: nodes.into_iter().zip(hashes.iter().copied()).collect() })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn row(&self) -> Vec<Hash> {
        self.row.iter().map(|(_, hash)| *hash).collect()
    }

    /// Appends one leaf; returns the perfect subtrees this completes, the leaf itself first.
    pub fn append(&mut self, leaf: Hash) -> Vec<(Node, Hash)> {
        self.push(Node { level: 0, index: self.size }, leaf)
    }

    /// Appends a perfect subtree that begins where the tree ends.
    fn push(&mut self, node: Node, hash: Hash) -> Vec<(Node, Hash)> {
        self.size += 1 << node.level;
        let mut completed = vec![(node, hash)];
        let mut top = (node, hash);
        while let Some((left, left_hash)) = self.row.last().copied() {
            if left.level != top.0.level || left.index % 2 == 1 {
                break;
            }
            self.row.pop();
            let parent = Node { level: left.level + 1, index: left.index / 2 };
            top = (parent, node_hash(left_hash, top.1));
            completed.push(top);
        }
        self.row.push(top);
        completed
    }

    pub fn root(&self) -> Hash {
        let mut hashes = self.row.iter().rev().map(|(_, hash)| *hash);
        let last = hashes.next().unwrap_or_else(|| Hash(Sha256::digest(b"").into()));
        hashes.fold(last, |right, left| node_hash(left, right))
    }
}

/// The root over `leaves`.
pub fn root<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.append(leaf_hash(leaf));
    }
    tree.root()
}

/// Subtrees left and right of a run of leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct RangeProof {
    #[n(0)]
    pub left: Vec<Hash>,
    #[n(1)]
    pub right: Vec<Hash>,
}

impl RangeProof {
    /// The proof that leaves `from..to` stand in a tree of `size`. `hash_of` looks up a perfect
    /// subtree; its first error ends the work.
    pub fn build<E>(
        from: u64,
        to: u64,
        size: u64,
        mut hash_of: impl FnMut(Node) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        let mut hashes =
            |nodes: Vec<Node>| nodes.into_iter().map(&mut hash_of).collect::<Result<Vec<_>, E>>();
        Ok(Self { left: hashes(cover(0, from))?, right: hashes(cover(to, size))? })
    }

    /// Checks that `leaves` (their hashes) stand at `from..` in the tree of `size` and `root`, which
    /// must come from one checkpoint: a root alone does not tell its size.
    pub fn verify_run(&self, from: u64, leaves: &[Hash], size: u64, root: Hash) -> Result<(), Refusal> {
        let end = from.checked_add(leaves.len() as u64).filter(|end| *end <= size);
        if end.is_none() {
            return Err(Refusal::new("proof.malformed", "a run beyond the tree"));
        }
        let mut tree = self.before(from)?;
        for leaf in leaves {
            tree.append(*leaf);
        }
        self.finish(tree, size, root)
    }

    /// Checks that the tree of `old_size` and `old_root` is a prefix of the tree of `size` and `root`.
    pub fn verify_consistency(
        &self,
        old_size: u64,
        old_root: Hash,
        size: u64,
        root: Hash,
    ) -> Result<(), Refusal> {
        let tree = self.before(old_size)?;
        if tree.root() != old_root {
            return Err(Refusal::new("ledger.inconsistent", "the earlier checkpoint is no prefix"));
        }
        self.finish(tree, size, root)
    }

    /// The root of the tree as it was before leaf `from`. It says something only of a proof that was
    /// verified for a run from there.
    pub fn root_before(&self, from: u64) -> Result<Hash, Refusal> {
        Ok(self.before(from)?.root())
    }

    fn before(&self, from: u64) -> Result<Tree, Refusal> {
        if self.left.len() + self.right.len() > limits::PROOF_HASHES_MAX {
            return Err(Refusal::new("proof.too_long", "more hashes than any tree needs"));
        }
        Tree::from_row(from, &self.left).ok_or_else(|| Refusal::new("proof.malformed", "left subtrees"))
    }

    fn finish(&self, mut tree: Tree, size: u64, root: Hash) -> Result<(), Refusal> {
        let nodes = cover(tree.size(), size);
        if tree.size() > size || nodes.len() != self.right.len() {
            return Err(Refusal::new("proof.malformed", "right subtrees"));
        }
        for (node, hash) in nodes.into_iter().zip(&self.right) {
            tree.push(node, *hash);
        }
        if tree.root() != root {
            return Err(Refusal::new("proof.wrong_root", "the hashes do not lead to the root"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// RFC 6962 §2.1, as written there.
    fn reference(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Hash(Sha256::digest(b"").into()),
            [leaf] => leaf_hash(leaf),
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(reference(&leaves[..split]), reference(&leaves[split..]))
            }
        }
    }

    fn leaves(n: u64) -> Vec<Vec<u8>> {
        (0..n).map(|i| i.to_be_bytes().to_vec()).collect()
    }

    fn grown(n: u64) -> (Tree, BTreeMap<Node, Hash>) {
        let (mut tree, mut nodes) = (Tree::default(), BTreeMap::new());
        for leaf in leaves(n) {
            nodes.extend(tree.append(leaf_hash(&leaf)));
        }
        (tree, nodes)
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        for n in 0..70 {
            assert_eq!(grown(n).0.root(), reference(&leaves(n)), "{n} leaves");
        }
        let known = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(root([&b""[..]]).to_string(), known);
    }

    #[test]
    fn every_run_is_proven_and_no_other_run_is() {
        for size in 1..20 {
            let (tree, nodes) = grown(size);
            let all: Vec<Hash> = leaves(size).iter().map(|leaf| leaf_hash(leaf)).collect();
            for from in 0..size {
                for to in from..=size {
                    let proof =
                        RangeProof::build(from, to, size, |node| nodes.get(&node).copied().ok_or(node))
                            .expect("every subtree is known");
                    let run = &all[from as usize..to as usize];
                    assert_eq!(proof.verify_run(from, run, size, tree.root()), Ok(()));
                    assert!(proof.verify_run(from + 1, run, size, tree.root()).is_err());
                    if !run.is_empty() {
                        let mut other = run.to_vec();
                        other[0].0[0] ^= 1;
                        assert!(proof.verify_run(from, &other, size, tree.root()).is_err());
                        assert!(proof.verify_run(from, &run[1..], size, tree.root()).is_err());
                    }
                }
            }
        }
    }

    #[test]
    fn positions_at_the_end_of_the_number_range_are_refused_without_overflow() {
        let proof = RangeProof { left: vec![Hash::default(); 64], right: vec![] };
        for from in [u64::MAX, u64::MAX - 1, 1 << 63] {
            assert!(proof.verify_run(from, &[Hash::default(); 2], u64::MAX, Hash::default()).is_err());
            assert!(proof.verify_run(from, &[Hash::default(); 2], 3, Hash::default()).is_err());
            assert!(proof.verify_consistency(from, Hash::default(), 3, Hash::default()).is_err());
        }
    }

    #[test]
    fn consistency_holds_for_prefixes_only() {
        let (new, nodes) = grown(19);
        for old_size in 0..=19 {
            let (old, _) = grown(old_size);
            let proof =
                RangeProof::build(old_size, old_size, 19, |node| nodes.get(&node).copied().ok_or(node))
                    .expect("every subtree is known");
            assert_eq!(proof.verify_consistency(old_size, old.root(), 19, new.root()), Ok(()));
            let forked = Hash([9; 32]);
            assert!(proof.verify_consistency(old_size, forked, 19, new.root()).is_err());
            assert!(proof.verify_consistency(old_size, old.root(), 19, forked).is_err());
        }
    }

    #[test]
    fn a_tree_goes_on_from_its_stored_row() {
        let (mut tree, _) = grown(13);
        let mut stored = Tree::from_row(13, &tree.row()).expect("as many hashes as subtrees");
        assert_eq!(tree.append(Hash([1; 32])), stored.append(Hash([1; 32])));
        assert_eq!(tree.root(), stored.root());
        assert_eq!(Tree::from_row(13, &tree.row()[1..]), None);
    }
}
