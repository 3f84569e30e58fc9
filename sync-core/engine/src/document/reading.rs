//! Reading fields back, now or as they stood.

use super::{
    decode::OpId,
    index::{Cell, Clock, Index},
};
use crate::field::{FieldHistory, Fields, Written};

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
