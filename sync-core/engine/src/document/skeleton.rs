//! The first change of every document: a pure function of the domain's shape and constants, so that
//! server and phones make the same one apart from each other.

use super::{
    decode::{Action, Op},
    encode::Draft,
    index::{Container, Fit},
};
use crate::{
    field::{ActorId, Scalar},
    limits,
    scan::Scanned,
    shape::{Path, Root, Shape},
};
use liuhen_trace::{Refusal, digest};
use std::{collections::BTreeMap, num::NonZeroU64};

/// Who writes skeletons. No chain has this actor: theirs are derived under another tag.
pub fn skeleton_actor() -> ActorId {
    let hash = digest::tagged("liuhen/skeleton/1", &[]);
    ActorId(hash.0[..16].try_into().expect("16 of 32 bytes"))
}

/// The chunk that makes every root of `shape` and sets `constants` (by root and key). Constants of
/// roots that `shape` does not call [`Root::Constants`] are not written.
pub fn skeleton(shape: &Shape, constants: &BTreeMap<String, BTreeMap<String, Scalar>>) -> Vec<u8> {
    let deps = Vec::new();
    let mut draft =
        Draft { actor: skeleton_actor(), seq: 1, start_op: NonZeroU64::MIN, deps, ops: Vec::new() };
    for (name, root) in &shape.roots {
        let map = draft.push(None, name, Action::MakeMap, Vec::new());
        let own = constants.get(name).filter(|_| *root == Root::Constants);
        for (key, value) in own.into_iter().flatten() {
            draft.push(Some(map), key, Action::Put(value.clone()), Vec::new());
        }
    }
    draft.to_chunk()
}

/// Checks that a document's first change is a skeleton of `shape`.
pub(super) fn check(shape: &Shape, scanned: &Scanned, ops: Vec<Op>) -> Result<Fit, Refusal> {
    let wrong = |what: &str| Refusal::new("document.wrong_skeleton", what);
    if scanned.actor != skeleton_actor()
        || scanned.seq != 1
        || scanned.start_op != 1
        || !scanned.deps.is_empty()
    {
        return Err(wrong("not a first change by the skeleton's actor"));
    }
    let (mut containers, mut puts) = (BTreeMap::new(), Vec::new());
    for op in ops {
        if !op.predecessors.is_empty() {
            return Err(wrong("something is replaced"));
        }
        match (op.object, op.action) {
            (None, Action::MakeMap) if shape.roots.contains_key(&op.key) => {
                containers.insert(op.id, Container { root: op.key, item: None });
            }
            (Some(map), Action::Put(value)) => {
                let root = containers.get(&map).map(|container| &*container.root).unwrap_or_default();
                if shape.roots.get(root) != Some(&Root::Constants) {
                    return Err(wrong("a value outside the constants"));
                }
                puts.push((Path::field(root, &op.key), op.id, value));
            }
            (None | Some(_), Action::MakeMap) | (None, Action::Put(_)) => {
                return Err(wrong("an unknown root"));
            }
        }
    }
    let mut made: Vec<&str> = containers.values().map(|container| &*container.root).collect();
    made.sort_unstable();
    if !made.iter().copied().eq(shape.roots.keys().map(String::as_str)) {
        return Err(wrong("not every root exactly once"));
    }
    puts.sort_unstable();
    if puts.windows(2).any(|pair| pair[0].0 == pair[1].0) || puts.len() as u64 > limits::CHANGE_OPS_MAX {
        return Err(wrong("a constant twice"));
    }
    Ok(Fit {
        hash: scanned.hash,
        deps: Vec::new(),
        actor: scanned.actor,
        seq: scanned.seq,
        start_op: scanned.start_op,
        max_op: scanned.ops,
        containers: containers.into_iter().collect(),
        puts,
    })
}
