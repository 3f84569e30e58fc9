//! Leaves, subtrees, the head row, and the checkpoint that was signed last.

use super::Findings;
use crate::{
    ledger::Signer,
    store::{self, Connection, audit::Table},
};
use liuhen_trace::{
    CheckpointRef, Leaf,
    merkle::{self, Tree},
};

/// Reads every leaf; `None` where one is missing or says nothing.
pub async fn check(
    conn: &mut Connection,
    signer: Option<&Signer>,
    findings: &mut Findings,
) -> anyhow::Result<Vec<Option<Leaf>>> {
    let count = findings.read(None, "ledger_leaf", store::audit::count(conn, Table::LedgerLeaf).await);
    let count = u64::try_from(count.unwrap_or_default()).unwrap_or_default();
    let signed = signer.and_then(Signer::last).map(|(state, _)| state);
    let (mut leaves, mut nodes) = (Vec::new(), 0);
    let mut tree = Some(Tree::default());
    compare_signed(signed, tree.as_ref(), findings);
    for index in 0..count {
        let (leaf, hash) = read_leaf(conn, index, findings).await;
        leaves.push(leaf);
        // Behind a leaf that is missing no root can be told.
        tree = match (tree, hash) {
            (Some(mut tree), Some(hash)) => {
                for (node, hash) in tree.append(hash).into_iter().skip(1) {
                    nodes += 1;
                    let place = format!("ledger_node {}/{}", node.level, node.index);
                    match findings.read(Some(index), &place, store::ledger::node(conn, node).await) {
                        Some(stored) if stored != Some(hash) => {
                            findings.add(Some(index), place, "not the hash of the leaves below it");
                        }
                        _ => {}
                    }
                }
                Some(tree)
            }
            _ => None,
        };
        compare_signed(signed, tree.as_ref(), findings);
    }
    if signer.is_some() && signed.is_none() && count > 0 {
        findings.add(None, "signer checkpoint", "it is not there, so nothing says where the log ends");
    }
    if let Some(unsigned) =
        signed.and_then(|signed| count.checked_sub(signed.size)).filter(|leaves| *leaves > 0)
    {
        findings.report.warnings.push(format!("{unsigned} leaves at the end are not signed yet"));
    }
    if signed.is_some_and(|signed| signed.size > count) {
        findings.add(Some(count), "ledger_leaf", "a checkpoint over more leaves was signed");
    }
    if tree.is_some() {
        let found = findings.read(None, "ledger_node", store::audit::count(conn, Table::LedgerNode).await);
        findings.count("ledger_node", found, nodes);
    }
    check_head(conn, tree.as_ref(), signed, findings).await;
    findings.report.leaves = count;
    Ok(leaves)
}

async fn read_leaf(
    conn: &mut Connection,
    index: u64,
    findings: &mut Findings,
) -> (Option<Leaf>, Option<liuhen_trace::Hash>) {
    let place = format!("ledger_leaf {index}");
    let row = match findings.read(Some(index), &place, store::ledger::leaf(conn, index).await) {
        Some(Some(row)) => row,
        Some(None) => {
            findings.add(Some(index), place, "there is no such leaf");
            return (None, None);
        }
        None => return (None, None),
    };
    let hash = merkle::leaf_hash(&row.bytes);
    if hash.as_bytes() != row.hash {
        findings.add(Some(index), place.clone(), "the hash is not that of the bytes");
    }
    (findings.read(Some(index), place, Leaf::from_bytes(&row.bytes)), Some(hash))
}

/// The tree must have gone through the state that was signed last.
fn compare_signed(signed: Option<CheckpointRef>, tree: Option<&Tree>, findings: &mut Findings) {
    let (Some(signed), Some(tree)) = (signed, tree) else { return };
    if signed.size == tree.size() && signed.root != tree.root() {
        let first_unsure = tree.size().saturating_sub(1);
        findings.add(Some(first_unsure), "signer checkpoint", "signed over other leaves than these");
    }
}

async fn check_head(
    conn: &mut Connection,
    tree: Option<&Tree>,
    signed: Option<CheckpointRef>,
    findings: &mut Findings,
) {
    let count = findings.read(None, "ledger_head", store::audit::count(conn, Table::LedgerHead).await);
    let expected = u64::from(tree.is_none_or(|tree| tree.size() > 0));
    findings.count("ledger_head", count, expected);
    let Some(head) = findings.read(None, "ledger_head", store::ledger::head(conn).await) else { return };
    let Some(head) = head else {
        if expected > 0 {
            findings.add(None, "ledger_head", "there is no such row");
        }
        return;
    };
    if signed.is_some_and(|signed| signed.epoch as i64 != head.epoch) {
        findings.add(None, "ledger_head", "another epoch than the one signed last");
    }
    match (head.tree(), tree) {
        (None, _) => findings.add(None, "ledger_head", "size, subtrees and root do not belong together"),
        (Some(head), Some(tree)) if head != *tree => {
            let leaf = head.size().min(tree.size());
            findings.add(Some(leaf), "ledger_head", "not the head of these leaves");
        }
        (Some(_), _) => {}
    }
}
