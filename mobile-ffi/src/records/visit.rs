//! A visit as the app shows it.

use super::{
    Signer,
    task::{Checklist, Task},
    value::{Value, words},
};
use liuhen_device::{TaskSummary, VisitSnapshot};
use liuhen_inspection::{
    conflict::{self, ConflictState},
    visit::{Flag, VisitField, view},
};
use std::collections::HashMap;

#[uniffi::remote(Enum)]
pub enum ConflictState {
    Open,
    Resolved,
    Overwritten,
}

#[uniffi::remote(Enum)]
pub enum Flag {
    WrongType,
    NotAnOption,
    NotADate,
    NotABlob,
}

#[uniffi::remote(Enum)]
pub enum VisitField {
    StartedAt,
    EndedAt,
    Attendant,
    IdentificationShown,
    RecusalAsked,
    RecusalAnswer,
    RecordText,
    PartyOpinion,
}

/// Everything in a visit, and what the phone knows about it.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Visit {
    pub id: String,
    pub task: Task,
    pub checklist: Checklist,
    /// The state shown.
    pub heads: Vec<String>,
    /// In the checklist's order.
    pub responses: Vec<Response>,
    /// In the checklist's order.
    pub remarks: Vec<Response>,
    pub fields: Vec<VisitFieldValue>,
    pub findings: Vec<Finding>,
    pub notes: Vec<Note>,
    pub evidence: Vec<Evidence>,
    pub conflicts: Vec<Conflict>,
    /// The seal that counts.
    pub seal: Option<Seal>,
    /// Seals after it, and seals that do not fit.
    pub further_seals: Vec<Seal>,
    pub refusals: Vec<RefusalToSign>,
    /// What was written outside the sealed state.
    pub supplements: Vec<Supplement>,
    /// Entries of this phone that the server has not proven to hold.
    pub unsent_entries: u64,
}

/// Real name and account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Person {
    pub account: String,
    pub name: String,
}

/// A value with who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Shown {
    /// `Null` when it was retracted.
    pub value: Value,
    pub author: Option<Person>,
    pub change: String,
    /// Others wrote something different at the same time; see the conflicts.
    pub open_conflict: bool,
    /// The value does not belong there.
    pub flag: Option<Flag>,
}

/// What was written on an item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Response {
    pub item: String,
    pub shown: Shown,
}

/// A field of the visit itself.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct VisitFieldValue {
    pub field: VisitField,
    pub shown: Shown,
}

/// Something that is not in order.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Finding {
    pub id: String,
    pub item: Option<String>,
    pub code: Option<String>,
    pub place: Option<String>,
    pub text: Option<String>,
    pub days_to_correct: Value,
    pub due_on: Option<String>,
    pub corrected: Value,
    pub corrected_on: Option<String>,
    pub correction: Option<String>,
    pub author: Option<Person>,
    /// Others whose values show in it.
    pub changed_by: Vec<Person>,
    /// Keys with values that do not belong there.
    pub flags: HashMap<String, Flag>,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Note {
    pub id: String,
    pub item: Option<String>,
    pub text: Option<String>,
    pub author: Option<Person>,
    pub changed_by: Vec<Person>,
    pub flags: HashMap<String, Flag>,
}

/// A file that belongs to the visit.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Evidence {
    pub id: String,
    /// SHA-256 of its bytes.
    pub blob: Option<String>,
    pub size_bytes: Value,
    pub media_type: Option<String>,
    pub source: Option<String>,
    pub item: Option<String>,
    pub finding: Option<String>,
    pub caption: Option<String>,
    pub captured_at_ms: Value,
    pub author: Option<Person>,
    pub changed_by: Vec<Person>,
    pub flags: HashMap<String, Flag>,
}

/// One disagreement on one field.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conflict {
    /// What [`crate::Client::resolve`] takes.
    pub path: String,
    pub state: ConflictState,
    pub values: Vec<Claim>,
    /// The value put in their place; absent while the conflict is open.
    pub chosen: Option<Claim>,
}

/// A value with the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Claim {
    pub value: Value,
    pub author: Option<Person>,
    pub change: String,
}

/// A seal on the visit.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Seal {
    pub heads: Vec<String>,
    /// What was signed.
    pub record_hash: String,
    pub signers: Vec<Signer>,
    /// Whose device signed.
    pub by: Person,
    pub valid: bool,
    /// Why not, as a stable code.
    pub problem: Option<String>,
}

/// The inspected party did not sign.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RefusalToSign {
    pub record_hash: String,
    pub party: String,
    pub reason: String,
    pub witnesses: Vec<String>,
    pub by: Person,
}

/// A change outside the sealed state.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Supplement {
    pub change: String,
    pub author: Option<Person>,
    pub paths: Vec<String>,
}

impl Visit {
    /// From what the phone knows; `task` is the same task as in the list.
    pub fn new(snapshot: VisitSnapshot, task: TaskSummary) -> Self {
        let VisitSnapshot { visit, checklist, view, unsent_entries, .. } = snapshot;
        Self {
            id: visit.to_string(),
            task: task.into(),
            checklist: checklist.into(),
            heads: texts(view.heads),
            responses: each(view.responses),
            remarks: each(view.remarks),
            fields: each(view.fields),
            findings: each(view.findings),
            notes: each(view.notes),
            evidence: each(view.evidence),
            conflicts: each(view.conflicts),
            seal: view.seal.map(Seal::from),
            further_seals: each(view.further_seals),
            refusals: each(view.refusals),
            supplements: each(view.supplements),
            unsent_entries,
        }
    }
}

fn each<T: Into<U>, U>(list: Vec<T>) -> Vec<U> {
    list.into_iter().map(T::into).collect()
}

fn texts<T: ToString>(list: Vec<T>) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

impl From<conflict::Person> for Person {
    fn from(person: conflict::Person) -> Self {
        Self { account: person.account.0, name: person.name }
    }
}

impl From<view::Shown> for Shown {
    fn from(shown: view::Shown) -> Self {
        let view::Shown { value, author, change, open_conflict, flag } = shown;
        let (value, author) = (value.into(), author.map(Person::from));
        Self { value, author, change: change.to_string(), open_conflict, flag }
    }
}

impl From<view::ItemValue> for Response {
    fn from(value: view::ItemValue) -> Self {
        Self { item: value.item, shown: value.shown.into() }
    }
}

impl From<view::VisitValue> for VisitFieldValue {
    fn from(value: view::VisitValue) -> Self {
        Self { field: value.field, shown: value.shown.into() }
    }
}

impl From<view::FindingView> for Finding {
    fn from(finding: view::FindingView) -> Self {
        let view::Origin { author, changed_by, flags } = finding.origin;
        Self {
            id: finding.id,
            item: words(finding.item),
            code: words(finding.code),
            place: words(finding.place),
            text: words(finding.text),
            days_to_correct: finding.days_to_correct.into(),
            due_on: words(finding.due_on),
            corrected: finding.corrected.into(),
            corrected_on: words(finding.corrected_on),
            correction: words(finding.correction),
            author: author.map(Person::from),
            changed_by: each(changed_by),
            flags: flags.into_iter().collect(),
        }
    }
}

impl From<view::NoteView> for Note {
    fn from(note: view::NoteView) -> Self {
        let view::Origin { author, changed_by, flags } = note.origin;
        Self {
            id: note.id,
            item: words(note.item),
            text: words(note.text),
            author: author.map(Person::from),
            changed_by: each(changed_by),
            flags: flags.into_iter().collect(),
        }
    }
}

impl From<view::EvidenceView> for Evidence {
    fn from(evidence: view::EvidenceView) -> Self {
        let view::Origin { author, changed_by, flags } = evidence.origin;
        Self {
            id: evidence.id,
            blob: words(evidence.blob),
            size_bytes: evidence.size_bytes.into(),
            media_type: words(evidence.media_type),
            source: words(evidence.source),
            item: words(evidence.item),
            finding: words(evidence.finding),
            caption: words(evidence.caption),
            captured_at_ms: evidence.captured_at_ms.into(),
            author: author.map(Person::from),
            changed_by: each(changed_by),
            flags: flags.into_iter().collect(),
        }
    }
}

impl From<conflict::Conflict> for Conflict {
    fn from(conflict: conflict::Conflict) -> Self {
        let conflict::Conflict { path, state, values, chosen } = conflict;
        Self { path, state, values: each(values), chosen: chosen.map(Claim::from) }
    }
}

impl From<conflict::Claim> for Claim {
    fn from(claim: conflict::Claim) -> Self {
        let conflict::Claim { value, author, change } = claim;
        Self { value: value.into(), author: author.map(Person::from), change: change.to_string() }
    }
}

impl From<view::SealView> for Seal {
    fn from(seal: view::SealView) -> Self {
        let view::SealView { heads, record_hash, signers, by, valid, problem } = seal;
        Self {
            heads: texts(heads),
            record_hash: record_hash.to_string(),
            signers: each(signers),
            by: by.into(),
            valid,
            problem,
        }
    }
}

impl From<view::RefusalView> for RefusalToSign {
    fn from(refusal: view::RefusalView) -> Self {
        let view::RefusalView { record_hash, party, reason, witnesses, by } = refusal;
        Self { record_hash: record_hash.to_string(), party, reason, witnesses, by: by.into() }
    }
}

impl From<view::Supplement> for Supplement {
    fn from(supplement: view::Supplement) -> Self {
        let view::Supplement { change, author, paths } = supplement;
        Self { change: change.to_string(), author: author.map(Person::from), paths }
    }
}
