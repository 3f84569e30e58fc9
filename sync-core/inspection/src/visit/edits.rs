//! What a person does in a visit, as the puts of one change.

use super::shape::{self, EVIDENCE, FINDINGS, NOTES, REMARKS, RESPONSES, SEAL, VISIT};
use super::{EvidenceSource, VisitField, shape as shape_of};
use crate::{Date, Refusal, checklist::Checklist};
use liuhen_engine::{
    document::Put,
    field::Scalar,
    limits::{FRESH_PER_ENTRY_MAX, TEXT_BYTES_MAX},
    shape::{Path, fresh_id},
};
use liuhen_trace::{BlobHash, BlobRef, ChainId, EntryKind};
use std::collections::BTreeMap;

/// One thing a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Puts a value on a field, or retracts it with `Null`.
    Set {
        path: Path,
        value: Scalar,
    },
    /// Decides a disagreement that the person was shown.
    Resolve {
        path: Path,
        value: Scalar,
    },
    Note(NewNote),
    Finding(NewFinding),
    Evidence(NewEvidence),
}

impl Edit {
    /// Answers an item of the checklist.
    pub fn answer(item: &str, value: Scalar) -> Self {
        Edit::Set { path: Path::field(RESPONSES, item), value }
    }

    /// Remarks on an item in the person's own words.
    pub fn remark(item: &str, text: &str) -> Self {
        Edit::Set { path: Path::field(REMARKS, item), value: Scalar::Text(text.to_owned()) }
    }

    /// Fills in a field of the visit itself.
    pub fn field(field: VisitField, value: Scalar) -> Self {
        Edit::Set { path: Path::field(VISIT, field.as_str()), value }
    }

    /// Changes one field of a finding, by a key of [`shape::FINDING_KEYS`].
    pub fn finding(id: &str, key: &str, value: Scalar) -> Self {
        Edit::Set { path: Path::item(FINDINGS, id, key), value }
    }
}

/// A note, on an item or on the visit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewNote {
    pub item: Option<String>,
    pub text: String,
}

/// Something that is not in order (问题).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewFinding {
    pub item: Option<String>,
    /// The code of the rule that is broken, in the authority's own list.
    pub code: Option<String>,
    pub place: Option<String>,
    pub text: String,
    pub days_to_correct: Option<i64>,
    pub due_on: Option<Date>,
    pub corrected: Option<bool>,
    pub corrected_on: Option<Date>,
    pub correction: Option<String>,
}

/// A file that is durably stored on this phone. Only its hash goes into the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvidence {
    pub blob: BlobHash,
    pub size_bytes: u64,
    pub media_type: String,
    pub source: EvidenceSource,
    pub item: Option<String>,
    /// The id of a finding that it shows.
    pub finding: Option<String>,
    pub caption: Option<String>,
    /// The device's wall clock, for display.
    pub captured_at_ms: Option<i64>,
}

/// What one save becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditPlan {
    pub kind: EntryKind,
    pub puts: Vec<Put>,
    /// Files the entry announces.
    pub blobs: Vec<BlobRef>,
    /// Ids of the notes, findings and pieces of evidence made, in the order of the edits.
    pub made: Vec<String>,
}

/// Plans one save of entry `seq` of `chain`. Where two edits set one field, the later one holds.
pub fn plan(checklist: &Checklist, edits: &[Edit], chain: ChainId, seq: u64) -> Result<EditPlan, Refusal> {
    let mut made = Vec::new();
    let mut puts = BTreeMap::new();
    for edit in edits {
        let (root, values) = match edit {
            Edit::Set { path, value } | Edit::Resolve { path, value } => {
                puts.insert(path.clone(), value.clone());
                continue;
            }
            Edit::Note(note) => (NOTES, note.values()),
            Edit::Finding(finding) => (FINDINGS, finding.values()),
            Edit::Evidence(evidence) => (EVIDENCE, evidence.values()?),
        };
        let id = fresh_id(chain, seq, made.len() as u64);
        puts.extend(values.into_iter().map(|(key, value)| (Path::item(root, &id, key), value)));
        made.push(id);
    }
    if made.len() as u64 > FRESH_PER_ENTRY_MAX {
        return Err(Refusal::new("visit.too_many_new", format!("at most {FRESH_PER_ENTRY_MAX} in one save")));
    }
    check(checklist, &puts)?;
    let puts = puts.into_iter().map(|(path, value)| Put { path, value }).collect();
    Ok(EditPlan { kind: kind(edits), puts, blobs: blobs(edits), made })
}

/// The kind says what the entry is most of all: evidence before decisions before notes.
fn kind(edits: &[Edit]) -> EntryKind {
    if edits.iter().any(|edit| matches!(edit, Edit::Evidence(_))) {
        EntryKind::Capture
    } else if edits.iter().any(|edit| matches!(edit, Edit::Resolve { .. })) {
        EntryKind::Resolution
    } else if edits.iter().all(|edit| matches!(edit, Edit::Note(_))) {
        EntryKind::Note
    } else {
        EntryKind::Edit
    }
}

fn blobs(edits: &[Edit]) -> Vec<BlobRef> {
    let announced = edits.iter().filter_map(|edit| match edit {
        Edit::Evidence(evidence) => Some(BlobRef { hash: evidence.blob, size_bytes: evidence.size_bytes }),
        Edit::Set { .. } | Edit::Resolve { .. } | Edit::Note(_) | Edit::Finding(_) => None,
    });
    announced.collect()
}

fn check(checklist: &Checklist, puts: &BTreeMap<Path, Scalar>) -> Result<(), Refusal> {
    let shape = shape_of(checklist);
    for (path, value) in puts {
        if !shape.allows(path) || path.root == SEAL {
            let code = match path.root.as_str() {
                RESPONSES | REMARKS => "visit.unknown_item",
                _ => "visit.unknown_field",
            };
            return Err(Refusal::new(code, path.to_string()));
        }
        if let Some(flag) = shape::flag(checklist, path, value) {
            return Err(Refusal::new("visit.wrong_value", format!("{path}: {flag:?}")));
        }
        let Scalar::Text(text) = value else { continue };
        if text.len() > TEXT_BYTES_MAX {
            return Err(Refusal::new(
                "visit.text_too_long",
                format!("{path}: at most {TEXT_BYTES_MAX} bytes"),
            ));
        }
        if path.item.is_some() && path.key == "item" && checklist.item(text).is_none() {
            return Err(Refusal::new("visit.unknown_item", format!("{path}: {text}")));
        }
    }
    Ok(())
}

/// Values of a new map; what was not given is not written.
type Values = Vec<(&'static str, Scalar)>;

fn given(values: impl IntoIterator<Item = (&'static str, Option<Scalar>)>) -> Values {
    values.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn text(text: &Option<String>) -> Option<Scalar> {
    text.clone().map(Scalar::Text)
}

fn date(date: Option<Date>) -> Option<Scalar> {
    date.map(|date| Scalar::Text(date.to_string()))
}

impl NewNote {
    fn values(&self) -> Values {
        given([("item", text(&self.item)), ("text", Some(Scalar::Text(self.text.clone())))])
    }
}

impl NewFinding {
    fn values(&self) -> Values {
        given([
            ("item", text(&self.item)),
            ("code", text(&self.code)),
            ("place", text(&self.place)),
            ("text", Some(Scalar::Text(self.text.clone()))),
            ("days_to_correct", self.days_to_correct.map(Scalar::Int)),
            ("due_on", date(self.due_on)),
            ("corrected", self.corrected.map(Scalar::Bool)),
            ("corrected_on", date(self.corrected_on)),
            ("correction", text(&self.correction)),
        ])
    }
}

impl NewEvidence {
    fn values(&self) -> Result<Values, Refusal> {
        let size_bytes = i64::try_from(self.size_bytes)
            .map_err(|_| Refusal::new("visit.blob_too_large", self.size_bytes.to_string()))?;
        Ok(given([
            ("blob", Some(Scalar::Text(self.blob.to_string()))),
            ("size_bytes", Some(Scalar::Int(size_bytes))),
            ("media_type", Some(Scalar::Text(self.media_type.clone()))),
            ("source", Some(Scalar::Text(self.source.to_string()))),
            ("item", text(&self.item)),
            ("finding", text(&self.finding)),
            ("caption", text(&self.caption)),
            ("captured_at_ms", self.captured_at_ms.map(Scalar::Int)),
        ]))
    }
}
