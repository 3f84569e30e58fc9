//! From operations to a chunk: the inverse of `decode`.
//!
//! Changes are built from operations and not by automerge's transactions, because a transaction that
//! decides a conflict for the value shown deletes the others instead of writing anything: nobody would
//! have signed a value, and deletions are refused.

use super::{
    decode::{Action, Op, OpId},
    edit::{EffectivePut, Target},
    index::Index,
};
use crate::{
    field::{ActorId, Scalar},
    shape::Path,
};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue, legacy};
use liuhen_trace::ChangeHash;
use std::{collections::BTreeMap, num::NonZeroU64};

/// A change before it has bytes.
pub(super) struct Draft {
    pub actor: ActorId,
    pub seq: u64,
    pub start_op: NonZeroU64,
    pub deps: Vec<ChangeHash>,
    pub ops: Vec<Op>,
}

impl Draft {
    /// A change that writes `puts` on top of everything that is there.
    pub fn over(index: &Index, actor: ActorId, puts: &[EffectivePut]) -> Self {
        let mut deps = index.heads();
        // Automerge names the author's change before this one even where it is no head any more.
        deps.extend(index.last_of(actor).filter(|last| !deps.contains(last)));
        let now = index.clock_of(&deps);
        let start_op = NonZeroU64::MIN.saturating_add(index.max_op_of(&deps));
        let mut draft = Self {
            actor,
            seq: index.covered_seq(&now, actor).saturating_add(1),
            start_op,
            deps,
            ops: Vec::new(),
        };
        let mut made: BTreeMap<(&str, &str), OpId> = BTreeMap::new();
        for put in puts {
            let Path { root, item: _, key } = &put.path;
            let map = match &put.target {
                Target::Map(id) => *id,
                Target::NewItem { parent, item } => match made.get(&(root, item)) {
                    Some(id) => *id,
                    None => {
                        let id = draft.push(Some(*parent), item, Action::MakeMap, Vec::new());
                        made.insert((root, item), id);
                        id
                    }
                },
            };
            let seen = index.visible(&put.path, &now);
            draft.push(Some(map), key, Action::Put(put.value.clone()), seen);
        }
        draft
    }

    /// Adds an operation; returns its id.
    pub fn push(&mut self, object: Option<OpId>, key: &str, action: Action, predecessors: Vec<OpId>) -> OpId {
        let counter = self.start_op.get().saturating_add(self.ops.len() as u64);
        let id = OpId { counter, actor: self.actor };
        self.ops.push(Op { id, object, key: key.to_owned(), action, predecessors });
        id
    }

    pub fn to_chunk(&self) -> Vec<u8> {
        let change = ExpandedChange {
            operations: self.ops.iter().map(operation).collect(),
            actor_id: actor(self.actor),
            hash: None,
            seq: self.seq,
            start_op: self.start_op,
            time: 0,
            message: None,
            deps: self.deps.iter().map(|hash| automerge::ChangeHash(hash.0)).collect(),
            extra_bytes: Vec::new(),
            author: None,
        };
        Change::from(change).raw_bytes().to_vec()
    }
}

fn operation(op: &Op) -> legacy::Op {
    legacy::Op {
        action: match &op.action {
            Action::MakeMap => legacy::OpType::Make(ObjType::Map),
            Action::Put(scalar) => legacy::OpType::Put(value(scalar)),
        },
        obj: op.object.map_or(legacy::ObjectId::Root, |id| legacy::ObjectId::Id(op_id(id))),
        key: legacy::Key::Map(op.key.as_str().into()),
        pred: op.predecessors.iter().copied().map(op_id).collect(),
        insert: false,
    }
}

fn op_id(id: OpId) -> legacy::OpId {
    legacy::OpId(id.counter, actor(id.actor))
}

fn actor(actor: ActorId) -> automerge::ActorId {
    automerge::ActorId::from(actor.0)
}

fn value(scalar: &Scalar) -> ScalarValue {
    match scalar {
        Scalar::Null => ScalarValue::Null,
        Scalar::Bool(value) => ScalarValue::Boolean(*value),
        Scalar::Int(value) => ScalarValue::Int(*value),
        Scalar::Text(value) => ScalarValue::Str(value.as_str().into()),
    }
}
