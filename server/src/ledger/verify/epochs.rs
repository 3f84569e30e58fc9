//! Every epoch behind the first was opened by an act that says where the one before ended.

use super::Findings;
use crate::{
    ledger::{Signer, epochs::FIRST_EPOCH},
    store::{self, Connection},
};
use liuhen_trace::{CheckpointRef, EpochOpening, Hash, Leaf, merkle::Tree};
use std::collections::BTreeMap;

/// What the acts say, by leaf.
pub type Openings = BTreeMap<u64, EpochOpening>;

pub async fn check(
    conn: &mut Connection,
    leaves: &[Option<Leaf>],
    openings: &Openings,
    signer: Option<&Signer>,
    findings: &mut Findings,
) {
    let mut noted = BTreeMap::new();
    for (leaf, opening) in openings {
        let (Some(note), Some(signer)) = (&opening.note, signer) else { continue };
        let place = format!("act {leaf}");
        let read = signer.keys().note_key().check(note);
        if let Some(checkpoint) = findings.read(Some(*leaf), place, read) {
            noted.insert(*leaf, checkpoint.state);
        }
    }
    let roots = roots(leaves, openings.keys().copied().chain(noted.values().map(|state| state.size)));
    let mut epoch = FIRST_EPOCH;
    for (leaf, opening) in openings {
        let place = format!("act {leaf}");
        let before = roots.get(leaf).map(|root| CheckpointRef { epoch, size: *leaf, root: *root });
        if before.is_some_and(|before| before != opening.after) || opening.epoch <= epoch {
            findings.add(Some(*leaf), &place, "the epoch does not go on from the leaves before it");
        }
        let remembered = noted.get(leaf).filter(|noted| {
            let root = roots.get(&noted.size);
            noted.epoch != epoch || noted.size > *leaf || root.is_some_and(|root| *root != noted.root)
        });
        if remembered.is_some() {
            findings.add(
                Some(*leaf),
                place,
                "the checkpoint it remembers is not one of the leaves before it",
            );
        }
        epoch = opening.epoch;
    }
    check_rows(conn, openings, findings).await;
    check_head(conn, leaves, epoch, findings).await;
}

/// The roots of the log at some sizes, as far as its leaves can be read.
fn roots(leaves: &[Option<Leaf>], sizes: impl Iterator<Item = u64>) -> BTreeMap<u64, Hash> {
    let mut wanted: Vec<u64> = sizes.collect();
    wanted.sort_unstable();
    let (mut tree, mut roots) = (Tree::default(), BTreeMap::new());
    let mut leaves = leaves.iter();
    for size in wanted {
        while tree.size() < size {
            let Some(Some(leaf)) = leaves.next() else { return roots };
            tree.append(leaf.hash());
        }
        roots.insert(size, tree.root());
    }
    roots
}

async fn check_rows(conn: &mut Connection, openings: &Openings, findings: &mut Findings) {
    let Some(rows) = findings.read(None, "log_epoch", store::epochs::all(conn).await) else { return };
    let told: BTreeMap<u64, u64> = rows.iter().map(|row| (row.leaf as u64, row.epoch as u64)).collect();
    for leaf in told.keys().chain(openings.keys()) {
        if told.get(leaf) != openings.get(leaf).map(|opening| &opening.epoch) {
            findings.add(Some(*leaf), format!("log_epoch {leaf}"), "not the epoch the act opened");
        }
    }
    findings.count("log_epoch", i64::try_from(rows.len()).ok(), openings.len() as u64);
}

async fn check_head(conn: &mut Connection, leaves: &[Option<Leaf>], epoch: u64, findings: &mut Findings) {
    let Some(Some(head)) = findings.read(None, "ledger_head", store::ledger::head(conn).await) else {
        return;
    };
    if !leaves.is_empty() && head.epoch as u64 != epoch {
        findings.add(None, "ledger_head", format!("epoch {}, but the acts opened {epoch}", head.epoch));
    }
}
