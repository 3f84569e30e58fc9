//! From values a person entered to what really has to be written.

use super::{Author, Put, decode::OpId, index::Index};
use crate::{
    field::Scalar,
    limits,
    shape::{self, Path, Shape},
};
use liuhen_trace::Refusal;
use std::collections::BTreeMap;

/// Where a value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Map(OpId),
    /// A map to be made in `parent`.
    NewItem {
        parent: OpId,
        item: String,
    },
}

/// A value that changes something, with the map it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EffectivePut {
    pub target: Target,
    pub path: Path,
    pub value: Scalar,
}

/// Leaves out what shows already and what a later value replaces; checks the rest. Choosing the
/// shown one of several concurrent values does change something: it decides.
pub(super) fn effective(
    shape: &Shape,
    index: &Index,
    author: &Author,
    puts: &[Put],
) -> Result<Vec<EffectivePut>, Refusal> {
    let last: BTreeMap<&Path, usize> = puts.iter().enumerate().map(|(at, put)| (&put.path, at)).collect();
    let mut kept = Vec::new();
    for (at, put) in puts.iter().enumerate() {
        check(shape, put)?;
        if last.get(&put.path) != Some(&at) || shows_already(index, put) {
            continue;
        }
        let target = target(index, author, &put.path)?;
        kept.push(EffectivePut { target, path: put.path.clone(), value: put.value.clone() });
    }
    Ok(kept)
}

fn check(shape: &Shape, put: &Put) -> Result<(), Refusal> {
    if !shape.allows(&put.path) {
        return Err(Refusal::new("change.path_not_allowed", put.path.to_string()));
    }
    match &put.value {
        Scalar::Text(text) if text.len() > limits::TEXT_BYTES_MAX => {
            Err(Refusal::new("change.value_too_large", format!("{} bytes", text.len())))
        }
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Text(_) => Ok(()),
    }
}

/// Retracting what was never written changes nothing either.
fn shows_already(index: &Index, put: &Put) -> bool {
    match index.showing(&put.path)[..] {
        [] => put.value == Scalar::Null,
        [value] => *value == put.value,
        [..] => false,
    }
}

fn target(index: &Index, author: &Author, path: &Path) -> Result<Target, Refusal> {
    let unknown = || Refusal::new("change.unknown_object", path.to_string());
    let parent = index.root(&path.root).ok_or_else(unknown)?;
    let Some(item) = &path.item else { return Ok(Target::Map(parent)) };
    if let Some(map) = index.item(&path.root, item) {
        return Ok(Target::Map(map));
    }
    if !shape::is_fresh_id(item, author.chain, author.seq) {
        return Err(Refusal::new("change.foreign_item", path.to_string()));
    }
    Ok(Target::NewItem { parent, item: item.clone() })
}
