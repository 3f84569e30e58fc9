//! Disagreements between people, computed by one function on every replica.
//!
//! - *open*: different values were written to one field concurrently, and both show;
//! - *resolved*: somebody saw such values and replaced them by one;
//! - *overwritten*: somebody saw one value of another person and replaced it by a different one.
//!
//! Every value that ever lost is kept and listed with its author.

use crate::{
    AccountId, as_text,
    visit::{FieldValue, Value, shape::SEAL},
};
use liuhen_engine::{
    field::{ActorId, FieldHistory, Fields, Written},
    shape::Path,
};
use liuhen_trace::{ChainId, ChangeHash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who stands behind an actor of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    pub chain: ChainId,
    pub account: AccountId,
    /// Real name, from the device's grant.
    pub name: String,
}

/// Every actor of a document; made from its entries and their devices' grants.
pub type Writers = BTreeMap<ActorId, Writer>;

/// A person as shown beside what they wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    pub account: AccountId,
    pub name: String,
}

impl From<&Writer> for Person {
    fn from(writer: &Writer) -> Self {
        Self { account: writer.account.clone(), name: writer.name.clone() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConflictState {
    Open,
    Resolved,
    Overwritten,
}

/// One disagreement on one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conflict {
    /// `responses/7`, `findings/9f…/place`.
    pub path: String,
    pub state: ConflictState,
    /// The values that disagree; for an overwritten one, the value that was replaced.
    pub values: Vec<Claim>,
    /// The value put in their place. Absent while the conflict is open.
    pub chosen: Option<Claim>,
}

/// A value with the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Claim {
    pub value: FieldValue,
    /// Absent only when the caller does not know the actor.
    pub author: Option<Person>,
    /// Leads to the entry, and so to the time interval of the act.
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub change: ChangeHash,
}

/// All disagreements, by path; on one path the open one first, then by the change that decided.
pub fn conflicts(fields: &Fields, writers: &Writers) -> Vec<Conflict> {
    // Two seals are not a disagreement about a fact; the view lists them by themselves.
    let stated = fields.iter().filter(|(path, _)| path.root != SEAL);
    stated.flat_map(|(path, history)| of_field(path, history, writers)).collect()
}

fn of_field(path: &Path, history: &FieldHistory, writers: &Writers) -> Vec<Conflict> {
    let mut found = Vec::new();
    if history.is_open_conflict() {
        found.push(Conflict {
            path: path.to_string(),
            state: ConflictState::Open,
            values: claims(&history.current, writers),
            chosen: None,
        });
    }
    let mut by_change: BTreeMap<ChangeHash, Vec<&Written>> = BTreeMap::new();
    for (written, change) in &history.replaced {
        by_change.entry(*change).or_default().push(written);
    }
    for (change, replaced) in by_change {
        let chosen = written_by(history, change);
        if let Some(state) = decided(&replaced, chosen, writers) {
            found.push(Conflict {
                path: path.to_string(),
                state,
                values: claims(replaced, writers),
                chosen: chosen.map(|written| claim(written, writers)),
            });
        }
    }
    found
}

/// What a change that replaced `replaced` decided; `None` when it only went on from them.
fn decided(replaced: &[&Written], chosen: Option<&Written>, writers: &Writers) -> Option<ConflictState> {
    let first = replaced.first()?;
    if replaced.iter().any(|written| written.value != first.value) {
        return Some(ConflictState::Resolved);
    }
    let chosen = chosen?;
    let by_another = replaced.iter().any(|written| !same_person(written.actor, chosen.actor, writers));
    (by_another && chosen.value != first.value).then_some(ConflictState::Overwritten)
}

/// A person with two phones does not overrule anybody by changing their own answer.
fn same_person(a: ActorId, b: ActorId, writers: &Writers) -> bool {
    match (writers.get(&a), writers.get(&b)) {
        (Some(a), Some(b)) => a.account == b.account,
        _ => a == b,
    }
}

/// The value a change put into this field, whether or not it still shows.
fn written_by(history: &FieldHistory, change: ChangeHash) -> Option<&Written> {
    let replaced = history.replaced.iter().map(|(written, _)| written);
    history.current.iter().chain(replaced).find(|written| written.change == change)
}

fn claims<'a>(written: impl IntoIterator<Item = &'a Written>, writers: &Writers) -> Vec<Claim> {
    let mut claims: Vec<Claim> = written.into_iter().map(|written| claim(written, writers)).collect();
    // Not the order of the document: replicas may have learnt of the values in different orders.
    claims.sort();
    claims
}

/// The value as shown beside its author.
pub(crate) fn claim(written: &Written, writers: &Writers) -> Claim {
    Claim {
        value: Value(written.value.clone()),
        author: writers.get(&written.actor).map(Person::from),
        change: written.change,
    }
}
