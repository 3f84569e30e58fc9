//! Reading fields back, now or as they stood.

use super::{
    Put,
    decode::{Action, Op, OpId},
    index::{Cell, Clock, Container, Index},
};
use crate::{
    field::{FieldHistory, Fields, Written},
    shape::Path,
};
use std::collections::BTreeMap;

/// All fields at a clock; `None` for everything there is. A field nothing was written to is absent.
pub(super) fn fields(index: &Index, clock: Option<&Clock>) -> Fields {
    let histories = index.cells().map(|(path, cells)| (path, history(index, clock, cells)));
    let written = histories.filter(|(_, field)| !(field.current.is_empty() && field.replaced.is_empty()));
    written.map(|(path, field)| (path.clone(), field)).collect()
}

fn history(index: &Index, clock: Option<&Clock>, cells: &[Cell]) -> FieldHistory {
    let covered = |at: usize| clock.is_none_or(|clock| index.covers(clock, at));
    let (mut current, mut replaced) = (Vec::new(), Vec::new());
    for cell in cells.iter().filter(|cell| covered(cell.node)) {
        let node = index.node(cell.node);
        let written = Written { value: cell.value.clone(), actor: node.actor, change: node.hash };
        let by: Vec<usize> = cell.replaced_by.iter().copied().filter(|at| covered(*at)).collect();
        if by.is_empty() {
            current.push((cell.id, written));
        } else {
            replaced.extend(by.into_iter().map(|at| (cell.id, written.clone(), index.node(at).hash)));
        }
    }
    // The greatest operation first: the one automerge shows too.
    current.sort_unstable_by_key(|(id, _): &(OpId, Written)| std::cmp::Reverse(*id));
    replaced.sort_unstable_by_key(|(id, _, by)| (*id, *by));
    FieldHistory {
        current: current.into_iter().map(|(_, written)| written).collect(),
        replaced: replaced.into_iter().map(|(_, written, by)| (written, by)).collect(),
    }
}

/// The values among operations, with their places as far as their maps are known or made among them.
pub(super) fn puts(index: &Index, ops: Vec<Op>) -> Vec<Put> {
    let mut made: BTreeMap<OpId, Container> = BTreeMap::new();
    let mut puts = Vec::new();
    for op in ops {
        let within = op.object.and_then(|object| made.get(&object).or_else(|| index.known_container(object)));
        let Some(Container { root, item }) = within else { continue };
        let (root, item) = (root.clone(), item.clone());
        match op.action {
            Action::MakeMap => {
                made.insert(op.id, Container { root, item: Some(op.key) });
            }
            Action::Put(value) => puts.push(Put { path: Path { root, item, key: op.key }, value }),
        }
    }
    puts
}
