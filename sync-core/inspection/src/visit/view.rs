//! The whole visit as it is shown: computed by [`VisitView::of`] and by nothing else, so that the
//! server's API and every phone say the same. Its JSON is what the API returns.

mod signings;

pub use signings::{RefusalView, SealView, Supplement};

use super::shape::{
    self, EVIDENCE, EVIDENCE_KEYS, FINDING_KEYS, FINDINGS, NOTE_KEYS, NOTES, REMARKS, RESPONSES, VISIT,
};
use super::{FieldValue, Flag, Value, VisitField};
use crate::{
    ChecklistHash, as_text,
    checklist::Checklist,
    conflict::{Conflict, Person, Writers, claim, conflicts},
    record::Signing,
};
use liuhen_engine::{
    document::Document,
    field::{FieldHistory, Fields, Written},
    shape::Path,
};
use liuhen_trace::{ChangeHash, DocumentId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A visit with everything in it. Lists are in a fixed order; what nobody wrote is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VisitView {
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub visit: DocumentId,
    pub checklist: ChecklistHash,
    /// The state shown.
    #[serde(with = "as_text::list")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub heads: Vec<ChangeHash>,
    /// In the checklist's order.
    pub responses: Vec<ItemValue>,
    /// In the checklist's order.
    pub remarks: Vec<ItemValue>,
    /// In the order of [`VisitField::ALL`].
    pub fields: Vec<VisitValue>,
    /// By id, as notes and evidence are.
    pub findings: Vec<FindingView>,
    pub notes: Vec<NoteView>,
    pub evidence: Vec<EvidenceView>,
    /// By path.
    pub conflicts: Vec<Conflict>,
    /// The seal that counts: of the valid ones, the one over the earliest state.
    pub seal: Option<SealView>,
    /// Seals after it, and seals that do not fit.
    pub further_seals: Vec<SealView>,
    pub refusals: Vec<RefusalView>,
    /// Changes that are no part of the sealed state.
    pub supplements: Vec<Supplement>,
}

/// What was written on an item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemValue {
    pub item: String,
    #[serde(flatten)]
    pub shown: Shown,
}

/// A field of the visit itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VisitValue {
    pub field: VisitField,
    #[serde(flatten)]
    pub shown: Shown,
}

/// A value with who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shown {
    /// `null` when it was retracted.
    pub value: FieldValue,
    pub author: Option<Person>,
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub change: ChangeHash,
    /// Others wrote something different concurrently; see the conflicts.
    pub open_conflict: bool,
    /// The value does not belong here; it is shown all the same.
    pub flag: Option<Flag>,
}

/// Something that is not in order (问题).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingView {
    pub id: String,
    pub item: FieldValue,
    pub code: FieldValue,
    pub place: FieldValue,
    pub text: FieldValue,
    pub days_to_correct: FieldValue,
    pub due_on: FieldValue,
    pub corrected: FieldValue,
    pub corrected_on: FieldValue,
    pub correction: FieldValue,
    #[serde(flatten)]
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NoteView {
    pub id: String,
    pub item: FieldValue,
    pub text: FieldValue,
    #[serde(flatten)]
    pub origin: Origin,
}

/// A file (证据). Whether the server holds it already is asked elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvidenceView {
    pub id: String,
    pub blob: FieldValue,
    pub size_bytes: FieldValue,
    pub media_type: FieldValue,
    pub source: FieldValue,
    pub item: FieldValue,
    pub finding: FieldValue,
    pub caption: FieldValue,
    pub captured_at_ms: FieldValue,
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where an item of a list comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Origin {
    /// Who made it.
    pub author: Option<Person>,
    /// Others whose values show in it.
    pub changed_by: Vec<Person>,
    /// Keys with values that do not belong there.
    pub flags: BTreeMap<String, Flag>,
}

impl VisitView {
    /// Everything that is shown, from the document, its writers, and the seals and refusals to sign
    /// among its entries, in any order.
    pub fn of(checklist: &Checklist, document: &Document, writers: &Writers, signings: &[Signing]) -> Self {
        let fields = document.fields();
        let reading = Reading { checklist, document, writers, fields: &fields };
        let signed = signings::Signed::judge(document, &fields, writers, signings);
        Self {
            visit: document.id(),
            checklist: checklist.hash(),
            heads: document.heads(),
            responses: reading.items_of(RESPONSES),
            remarks: reading.items_of(REMARKS),
            fields: reading.visit_fields(),
            findings: reading.list(FINDINGS, FINDING_KEYS, finding),
            notes: reading.list(NOTES, NOTE_KEYS, note),
            evidence: reading.list(EVIDENCE, EVIDENCE_KEYS, evidence),
            conflicts: conflicts(&fields, writers),
            seal: signed.seal,
            further_seals: signed.further,
            refusals: signed.refusals,
            supplements: signed.supplements,
        }
    }
}

/// What the parts of a view are read from.
struct Reading<'a> {
    checklist: &'a Checklist,
    document: &'a Document,
    writers: &'a Writers,
    fields: &'a Fields,
}

impl Reading<'_> {
    fn items_of(&self, root: &str) -> Vec<ItemValue> {
        let codes = self.checklist.items.iter().map(|item| &item.code);
        let shown = codes.filter_map(|code| {
            let shown = self.shown(&Path::field(root, code))?;
            Some(ItemValue { item: code.clone(), shown })
        });
        shown.collect()
    }

    fn visit_fields(&self) -> Vec<VisitValue> {
        let shown = VisitField::ALL.iter().filter_map(|field| {
            let shown = self.shown(&Path::field(VISIT, field.as_str()))?;
            Some(VisitValue { field: *field, shown })
        });
        shown.collect()
    }

    fn shown(&self, path: &Path) -> Option<Shown> {
        let history = self.fields.get(path)?;
        let written = history.current.first()?;
        let claim = claim(written, self.writers);
        Some(Shown {
            flag: shape::flag(self.checklist, path, &claim.value.0),
            value: claim.value,
            author: claim.author,
            change: claim.change,
            open_conflict: history.is_open_conflict(),
        })
    }

    /// The items below a root of items, each made by `view` from its id, its values in the order
    /// of `keys`, and its origin.
    fn list<const N: usize, T>(
        &self,
        root: &str,
        keys: [(&str, shape::Kind); N],
        view: fn(String, [Value; N], Origin) -> T,
    ) -> Vec<T> {
        let mut ids = BTreeSet::new();
        for path in self.fields.keys().filter(|path| path.root == root) {
            ids.extend(path.item.as_deref());
        }
        let made = ids.into_iter().map(|id| {
            let values = keys.map(|(key, _)| {
                let history = self.fields.get(&Path::item(root, id, key));
                Value(history.and_then(FieldHistory::shown).cloned().unwrap_or(Value::null().0))
            });
            view(id.to_owned(), values, self.origin(root, id))
        });
        made.collect()
    }

    fn origin(&self, root: &str, id: &str) -> Origin {
        let histories: Vec<(&Path, &FieldHistory)> = self
            .fields
            .range(Path::item(root, id, "")..)
            .take_while(|(path, _)| path.root == root && path.item.as_deref() == Some(id))
            .collect();
        let author = self.first_writer(histories.iter().map(|(_, history)| *history));
        let mut changed_by = BTreeSet::new();
        let mut flags = BTreeMap::new();
        for (path, history) in histories {
            changed_by.extend(history.current.iter().filter_map(|written| self.person(written)));
            let flag = history.shown().and_then(|value| shape::flag(self.checklist, path, value));
            flags.extend(flag.map(|flag| (path.key.clone(), flag)));
        }
        changed_by.retain(|person| Some(person) != author.as_ref());
        Origin { author, changed_by: changed_by.into_iter().collect(), flags }
    }

    /// Who made an item: its other values can only have been written by changes that came after
    /// the one that made it.
    fn first_writer<'h>(&self, histories: impl Iterator<Item = &'h FieldHistory>) -> Option<Person> {
        let written = histories.flat_map(|history| {
            history.current.iter().chain(history.replaced.iter().map(|(written, _)| written))
        });
        let first = written.reduce(|first, next| {
            let earlier =
                next.change != first.change && self.document.is_ancestor(next.change, &[first.change]);
            if earlier { next } else { first }
        });
        first.and_then(|written| self.person(written))
    }

    fn person(&self, written: &Written) -> Option<Person> {
        self.writers.get(&written.actor).map(Person::from)
    }
}

fn finding(id: String, values: [Value; 9], origin: Origin) -> FindingView {
    let [item, code, place, text, days_to_correct, due_on, corrected, corrected_on, correction] = values;
    FindingView {
        id,
        item,
        code,
        place,
        text,
        days_to_correct,
        due_on,
        corrected,
        corrected_on,
        correction,
        origin,
    }
}

fn note(id: String, [item, text]: [Value; 2], origin: Origin) -> NoteView {
    NoteView { id, item, text, origin }
}

fn evidence(id: String, values: [Value; 8], origin: Origin) -> EvidenceView {
    let [blob, size_bytes, media_type, source, item, finding, caption, captured_at_ms] = values;
    EvidenceView { id, blob, size_bytes, media_type, source, item, finding, caption, captured_at_ms, origin }
}
