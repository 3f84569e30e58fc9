//! Proofs from the stored subtrees.

use crate::{
    error::ApiError,
    store::{self, Connection},
};
use liuhen_trace::{
    Hash, Refusal,
    merkle::{Node, RangeProof, cover},
};
use std::collections::BTreeMap;

/// The proof that leaves `from..to` stand in the tree of `size`; `from == to` proves consistency.
pub async fn range(conn: &mut Connection, from: u64, to: u64, size: u64) -> Result<RangeProof, ApiError> {
    let mut hashes: BTreeMap<Node, Hash> = BTreeMap::new();
    for node in cover(0, from).into_iter().chain(cover(to, size)) {
        if let Some(hash) = store::ledger::node(conn, node).await? {
            hashes.insert(node, hash);
        }
    }
    RangeProof::build(from, to, size, |node| {
        let missing =
            || Refusal::new("ledger.node_missing", format!("level {} index {}", node.level, node.index));
        hashes.get(&node).copied().ok_or_else(missing)
    })
    .map_err(|refusal| ApiError::internal(refusal.to_string()))
}
