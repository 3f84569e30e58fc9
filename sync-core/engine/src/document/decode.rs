//! From a chunk to operations.

use crate::{
    field::{ActorId, Scalar},
    scan::{self, Scanned},
};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue, legacy};
use liuhen_trace::Refusal;

/// An operation's name: Lamport counter, then actor, which is also automerge's order of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpId {
    pub counter: u64,
    pub actor: ActorId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    MakeMap,
    Put(Scalar),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Op {
    pub id: OpId,
    /// The map it is in; `None` for the document's root.
    pub object: Option<OpId>,
    pub key: String,
    pub action: Action,
    /// The operations it replaces, sorted.
    pub predecessors: Vec<OpId>,
}

/// A change whose bytes are harmless and canonical.
pub(super) struct Decoded {
    pub scanned: Scanned,
    pub change: Change,
    pub ops: Vec<Op>,
}

impl Decoded {
    /// Scans, decodes, and checks that encoding gives the same bytes: a run told another way decodes
    /// to the same operations, but the document saved with it does not load.
    pub fn from_chunk(chunk: &[u8]) -> Result<Self, Refusal> {
        let scanned = scan::scan(chunk)?;
        let (change, expanded) = super::automaton::guarded(|| {
            let change = Change::try_from(chunk).map_err(|error| malformed(&error))?;
            let expanded = change.decode();
            Ok((change, expanded))
        })?;
        let ops = operations(&scanned, &expanded)?;
        let encoded = super::automaton::guarded(|| Ok(Change::from(expanded)))?;
        if encoded.raw_bytes() != chunk {
            return Err(Refusal::new("change.not_canonical", "automerge encodes the same change otherwise"));
        }
        Ok(Self { scanned, change, ops })
    }
}

fn malformed(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new("change.malformed", error.to_string())
}

fn operations(scanned: &Scanned, change: &ExpandedChange) -> Result<Vec<Op>, Refusal> {
    (scanned.start_op..)
        .zip(&change.operations)
        .map(|(counter, op)| operation(scanned.actor, counter, op))
        .collect()
}

fn operation(actor: ActorId, counter: u64, op: &legacy::Op) -> Result<Op, Refusal> {
    let legacy::Key::Map(key) = &op.key else {
        return Err(Refusal::new("change.operation_not_allowed", "an operation on a list"));
    };
    if op.insert {
        return Err(Refusal::new("change.operation_not_allowed", "an insertion into a list"));
    }
    let object = match &op.obj {
        legacy::ObjectId::Root => None,
        legacy::ObjectId::Id(id) => Some(op_id(id)?),
    };
    let action = match &op.action {
        legacy::OpType::Make(ObjType::Map) => Action::MakeMap,
        legacy::OpType::Put(value) => Action::Put(scalar(value)?),
        other => return Err(Refusal::new("change.operation_not_allowed", format!("{other:?}"))),
    };
    let predecessors = op.pred.iter().map(op_id).collect::<Result<_, _>>()?;
    Ok(Op { id: OpId { counter, actor }, object, key: key.to_string(), action, predecessors })
}

fn op_id(id: &legacy::OpId) -> Result<OpId, Refusal> {
    let actor = id.actor().to_bytes().try_into().map(ActorId);
    let actor = actor.map_err(|_| Refusal::new("change.actor_length", id.actor().to_hex_string()))?;
    Ok(OpId { counter: id.counter(), actor })
}

fn scalar(value: &ScalarValue) -> Result<Scalar, Refusal> {
    match value {
        ScalarValue::Null => Ok(Scalar::Null),
        ScalarValue::Boolean(value) => Ok(Scalar::Bool(*value)),
        ScalarValue::Int(value) => Ok(Scalar::Int(*value)),
        ScalarValue::Str(value) => Ok(Scalar::Text(value.to_string())),
        other => Err(Refusal::new("change.value_not_allowed", format!("{other:?}"))),
    }
}
