//! The automerge document behind a fence: what it refuses, panics at or saves unreadably never
//! reaches the copy that is kept.

use super::{
    decode::OpId,
    edit::{EffectivePut, Target},
    index::Index,
};
use crate::field::{ActorId, Scalar};
use automerge::{
    Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable},
};
use liuhen_trace::{ChangeHash, Refusal};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

#[derive(Clone)]
pub(super) struct Automaton(Automerge);

fn not_applicable(detail: impl std::fmt::Display) -> Refusal {
    Refusal::new("change.not_applicable", detail.to_string())
}

/// Runs automerge and turns a panic in it into a refusal. What `work` wrote to must be dropped then:
/// it may be half changed.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(not_applicable("automerge panicked")))
}

impl Automaton {
    /// A document of `changes`, which must lead to `heads`.
    pub fn build(changes: Vec<Change>, heads: &[ChangeHash]) -> Result<Self, Refusal> {
        guarded(|| {
            let mut document = Automerge::new();
            document.apply_changes(changes).map_err(not_applicable)?;
            check_heads(&document, heads)?;
            Ok(Self(document))
        })
    }

    /// Applies changes to a scratch copy, saves it, loads it again, and compares heads. Only then is
    /// the copy kept.
    pub fn apply(&mut self, changes: Vec<Change>, heads: &[ChangeHash]) -> Result<(), Refusal> {
        let scratch = guarded(|| {
            let mut scratch = self.0.clone();
            scratch.apply_changes(changes).map_err(not_applicable)?;
            check_heads(&scratch, heads)?;
            let loaded = Automerge::load(&scratch.save()).map_err(not_applicable)?;
            check_heads(&loaded, heads)?;
            Ok(scratch)
        })?;
        self.0 = scratch;
        Ok(())
    }

    /// The chunk of a change that makes `puts` under `actor`. The document itself stays as it is.
    pub fn write(&self, actor: ActorId, index: &Index, puts: &[EffectivePut]) -> Result<Vec<u8>, Refusal> {
        guarded(|| {
            let mut scratch = self.0.clone();
            scratch.set_actor(automerge::ActorId::from(actor.0));
            let mut transaction = scratch.transaction();
            let mut made = BTreeMap::new();
            for put in puts {
                let map = match &put.target {
                    Target::Map(id) => object(*id),
                    Target::NewItem { root, item } => match made.get(&(root, item)) {
                        Some(map) => ObjId::clone(map),
                        None => {
                            let parent = index.root(root).ok_or_else(|| not_applicable("no such root"))?;
                            let map = transaction
                                .put_object(object(parent), item.as_str(), ObjType::Map)
                                .map_err(not_applicable)?;
                            made.insert((root, item), map.clone());
                            map
                        }
                    },
                };
                transaction.put(map, put.key.as_str(), value(&put.value)).map_err(not_applicable)?;
            }
            let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
            let change = hash.and_then(|hash| scratch.get_change_by_hash(&hash));
            change.map(|change| change.raw_bytes().to_vec()).ok_or_else(|| not_applicable("nothing changed"))
        })
    }
}

fn check_heads(document: &Automerge, heads: &[ChangeHash]) -> Result<(), Refusal> {
    let mut found: Vec<ChangeHash> =
        document.get_heads().into_iter().map(|hash| ChangeHash(hash.0)).collect();
    found.sort_unstable();
    if found == heads { Ok(()) } else { Err(not_applicable("other heads than expected")) }
}

fn object(id: OpId) -> ObjId {
    /// Automerge looks the actor up where this hint is wrong.
    const NO_HINT: usize = 0;
    ObjId::Id(id.counter, automerge::ActorId::from(id.actor.0), NO_HINT)
}

pub(super) fn value(scalar: &Scalar) -> ScalarValue {
    match scalar {
        Scalar::Null => ScalarValue::Null,
        Scalar::Bool(value) => ScalarValue::Boolean(*value),
        Scalar::Int(value) => ScalarValue::Int(*value),
        Scalar::Text(value) => ScalarValue::Str(value.as_str().into()),
    }
}

/// The chunk of a first change that makes the maps `roots`, each with these scalars.
pub(super) fn first_change(actor: ActorId, roots: &[(&str, Vec<(&str, &Scalar)>)]) -> Vec<u8> {
    let mut document = Automerge::new().with_actor(automerge::ActorId::from(actor.0));
    let mut transaction = document.transaction();
    for (root, constants) in roots {
        let map =
            transaction.put_object(ROOT, *root, ObjType::Map).expect("a map at the root of a new document");
        for (key, scalar) in constants {
            transaction.put(&map, *key, value(scalar)).expect("a scalar in a map just made");
        }
    }
    transaction.commit_with(CommitOptions::default().with_time(0));
    let change = document.get_last_local_change();
    change.map(|change| change.raw_bytes().to_vec()).unwrap_or_default()
}
