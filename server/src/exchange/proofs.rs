//! Receipts: proofs that leaves stand in the tree of one checkpoint.

use crate::{
    error::ApiError,
    store::{self, Connection},
};
use liuhen_trace::{
    CheckpointRef, Hash, HeldReceipt, Leaf, SegmentReceipt,
    merkle::{Node, RangeProof, cover},
};
use std::collections::{BTreeMap, btree_map::Entry};

/// Builds proofs for one answer; neighbouring leaves share most subtrees.
pub struct Proofs {
    state: CheckpointRef,
    known: BTreeMap<Node, Hash>,
}

impl Proofs {
    pub fn new(state: CheckpointRef) -> Self {
        Self { state, known: BTreeMap::new() }
    }

    /// That leaves `from..to` stand in the checkpoint's tree; `from == to` proves consistency.
    pub async fn range(&mut self, conn: &mut Connection, from: u64, to: u64) -> Result<RangeProof, ApiError> {
        let size = self.state.size;
        for node in cover(0, from).into_iter().chain(cover(to, size)) {
            if let Entry::Vacant(unknown) = self.known.entry(node) {
                let hash = store::ledger::node(conn, node).await?;
                let (level, index) = (node.level, node.index);
                let missing = || ApiError::internal(format!("subtree {level} {index} is not stored"));
                unknown.insert(hash.ok_or_else(missing)?);
            }
        }
        RangeProof::build(from, to, size, |node| self.known.get(&node).copied().ok_or(()))
            .map_err(|()| ApiError::internal("a subtree was not looked up"))
    }

    /// One receipt for each run of neighbouring leaves.
    pub async fn segments(
        &mut self,
        conn: &mut Connection,
        leaves: &BTreeMap<u64, Hash>,
    ) -> Result<Vec<SegmentReceipt>, ApiError> {
        let leaves: Vec<(u64, Hash)> = leaves.iter().map(|(leaf, hash)| (*leaf, *hash)).collect();
        let mut receipts = Vec::new();
        for run in leaves.chunk_by(|a, b| a.0 + 1 == b.0) {
            let first_leaf = run[0].0;
            let proof = self.range(conn, first_leaf, first_leaf + run.len() as u64).await?;
            receipts.push(SegmentReceipt {
                first_leaf,
                leaves: run.iter().map(|(_, hash)| *hash).collect(),
                proof,
            });
        }
        Ok(receipts)
    }

    /// The receipt for the act `evidence.held` at `leaf`.
    pub async fn held(&mut self, conn: &mut Connection, leaf: u64) -> Result<HeldReceipt, ApiError> {
        let missing = || ApiError::internal(format!("leaf {leaf} is no act of evidence"));
        let row = store::ledger::leaf(conn, leaf).await?.ok_or_else(missing)?;
        let Leaf::Act(header) = Leaf::from_bytes(&row.bytes)? else { return Err(missing()) };
        let act = store::ledger::act(conn, leaf).await?.ok_or_else(missing)?;
        let salt = act.salt.as_slice().try_into().map_err(|_| missing())?;
        let proof = self.range(conn, leaf, leaf + 1).await?;
        Ok(HeldReceipt { leaf, header, salt, body: act.body, proof })
    }
}
