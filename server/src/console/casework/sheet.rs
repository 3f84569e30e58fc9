//! A visit as the lines of its page: what was written, in the order of the checklist, in words.

use super::words;
use crate::{
    console::{Lang, show},
    views::trace::WriteView,
};
use liuhen_inspection::{
    checklist::{Checklist, Item},
    conflict::Person,
    visit::{
        Value, VisitField, VisitView, shape,
        view::{EvidenceView, FindingView, Origin, SealView, Shown},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Of a finding or note, where it is named beside one of its fields.
const TITLE_CHARS_MAX: usize = 24;

/// Fields that one line of the trace tells, and of each text; the API tells all.
const PARTS_MAX: usize = 12;
const PART_CHARS_MAX: usize = 160;

/// Of findings and notes, by id.
pub type Titles = BTreeMap<String, String>;

/// One item of the checklist with everything that was written on it.
pub struct Line {
    /// Its place, for links to it; people know it by its code.
    pub number: usize,
    pub code: String,
    pub text: String,
    pub how_to_check: Option<String>,
    pub legal_basis: Option<String>,
    pub penalty_basis: Option<String>,
    pub answer: Option<Cell>,
    pub remark: Option<Cell>,
    pub findings: usize,
    pub files: usize,
}

/// A value with who wrote it.
pub struct Cell {
    pub name: &'static str,
    pub value: String,
    pub author: String,
    pub retracted: bool,
    pub flag: Option<&'static str>,
    pub disputed: bool,
}

/// Something that is not in order.
pub struct Finding {
    pub item: Option<String>,
    pub code: String,
    pub place: String,
    pub text: String,
    pub days_to_correct: String,
    pub due_on: String,
    pub corrected: String,
    pub corrected_on: String,
    pub correction: String,
    pub flags: Vec<&'static str>,
    pub author: String,
    pub changed_by: String,
}

pub struct Note {
    pub item: Option<String>,
    pub text: String,
    pub author: String,
    pub changed_by: String,
}

/// A file as the visit speaks of it. Whether it is here is another matter.
pub struct Announced {
    /// Empty where what stands in its place is no hash.
    pub hash: String,
    pub media_type: String,
    pub source: String,
    pub caption: String,
    pub item: Option<String>,
    pub finding: Option<String>,
    pub captured_at_ms: Option<i64>,
    pub author: String,
}

/// A signature over the record.
pub struct Seal {
    pub record_hash: String,
    pub by: String,
    pub signers: Vec<Signature>,
    pub valid: bool,
    pub problem: Option<String>,
}

pub struct Signature {
    pub role: &'static str,
    pub name: String,
    pub certificate_no: String,
}

/// What came after the seal, or beside it.
pub struct Addition {
    pub author: String,
    pub change: String,
    pub fields: Vec<String>,
}

pub fn lines(l: Lang, checklist: &Checklist, visit: &VisitView) -> Vec<Line> {
    let counted = |codes: Vec<&Value>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for code in codes.into_iter().filter_map(Value::as_text) {
            *counts.entry(code.to_owned()).or_default() += 1;
        }
        counts
    };
    let findings = counted(visit.findings.iter().map(|finding| &finding.item).collect());
    let files = counted(visit.evidence.iter().map(|file| &file.item).collect());
    let line = |(at, item): (usize, &Item)| {
        let of = |values: &[liuhen_inspection::visit::view::ItemValue], name| {
            let written = values.iter().find(|value| value.item == item.code);
            written.map(|written| cell(l, name, &written.shown))
        };
        Line {
            number: at + 1,
            code: item.code.clone(),
            text: item.text.clone(),
            how_to_check: item.how_to_check.clone(),
            legal_basis: item.legal_basis.clone(),
            penalty_basis: item.penalty_basis.clone(),
            answer: of(&visit.responses, l.t("结果", "Answer")),
            remark: of(&visit.remarks, l.t("备注", "Remark")),
            findings: findings.get(&item.code).copied().unwrap_or_default(),
            files: files.get(&item.code).copied().unwrap_or_default(),
        }
    };
    checklist.items.iter().enumerate().map(line).collect()
}

pub fn fields(l: Lang, visit: &VisitView) -> Vec<Cell> {
    let fields = visit.fields.iter().map(|value| {
        let cell = cell(l, words::visit_field(l, value.field), &value.shown);
        match value.field {
            VisitField::StartedAt | VisitField::EndedAt => {
                Cell { value: words::stated_time(&cell.value), ..cell }
            }
            VisitField::Attendant
            | VisitField::IdentificationShown
            | VisitField::RecusalAsked
            | VisitField::RecusalAnswer
            | VisitField::RecordText
            | VisitField::PartyOpinion => cell,
        }
    });
    fields.collect()
}

pub fn findings(l: Lang, checklist: &Checklist, visit: &VisitView) -> Vec<Finding> {
    let finding = |of: &FindingView| Finding {
        item: item(l, checklist, &of.item),
        code: rule_code(l, of),
        place: words::value_or_blank(l, &of.place),
        text: words::value_or_blank(l, &of.text),
        days_to_correct: words::value_or_blank(l, &of.days_to_correct),
        due_on: words::value_or_blank(l, &of.due_on),
        corrected: words::value_or_blank(l, &of.corrected),
        corrected_on: words::value_or_blank(l, &of.corrected_on),
        correction: words::value_or_blank(l, &of.correction),
        flags: of.origin.flags.values().map(|flag| words::flag(l, *flag)).collect(),
        author: author(&of.origin),
        changed_by: names(&of.origin.changed_by),
    };
    visit.findings.iter().map(finding).collect()
}

/// The code of the rule, where it is not that of the item, which stands beside it.
fn rule_code(l: Lang, of: &FindingView) -> String {
    if of.code == of.item { String::new() } else { words::value_or_blank(l, &of.code) }
}

pub fn notes(l: Lang, checklist: &Checklist, visit: &VisitView) -> Vec<Note> {
    let notes = visit.notes.iter().map(|note| Note {
        item: item(l, checklist, &note.item),
        text: words::value_or_blank(l, &note.text),
        author: author(&note.origin),
        changed_by: names(&note.origin.changed_by),
    });
    notes.collect()
}

pub fn evidence(l: Lang, checklist: &Checklist, visit: &VisitView) -> Vec<Announced> {
    let about = |id: &Value| visit.findings.iter().find(|finding| Some(finding.id.as_str()) == id.as_text());
    let announced = |of: &EvidenceView| Announced {
        hash: of.blob.as_text().unwrap_or_default().to_owned(),
        media_type: words::value_or_blank(l, &of.media_type),
        source: of.source.as_text().map(|source| words::source(l, source).to_owned()).unwrap_or_default(),
        caption: words::value_or_blank(l, &of.caption),
        item: item(l, checklist, &of.item),
        finding: about(&of.finding).map(|finding| words::value_or_blank(l, &finding.text)),
        captured_at_ms: of.captured_at_ms.as_int(),
        author: author(&of.origin),
    };
    visit.evidence.iter().map(announced).collect()
}

/// Findings and notes by the beginning of what they say, so that a field of one of them tells which.
pub fn titles(visit: &VisitView) -> Titles {
    let of =
        |id: &String, text: &Value| Some((id.clone(), show::beginning(text.as_text()?, TITLE_CHARS_MAX)));
    let findings = visit.findings.iter().filter_map(|finding| of(&finding.id, &finding.text));
    findings.chain(visit.notes.iter().filter_map(|note| of(&note.id, &note.text))).collect()
}

/// What an entry writes, field by field; `titles` name the findings and notes it goes on with.
pub fn said(l: Lang, checklist: &Checklist, titles: &Titles, writes: &[WriteView]) -> Vec<(String, String)> {
    let mut said: Vec<(String, String)> = Vec::new();
    let mut gone_on_with = BTreeSet::new();
    // What it says before where it stands and what belongs to it.
    let mut ordered: Vec<&WriteView> = writes.iter().collect();
    ordered.sort_by_key(|write| !(write.path.ends_with("/text") || write.path.ends_with("/caption")));
    for write in ordered.into_iter().take(PARTS_MAX) {
        let Ok(path) = shape::parse_path(&write.path) else { continue };
        let makes = |id: &String| writes.iter().any(|other| other.path == format!("{}/{id}/text", path.root));
        if let Some(id) = path.item.as_ref().filter(|id| !makes(id))
            && let Some(title) = titles.get(id)
            && gone_on_with.insert(id.clone())
        {
            said.push((words::thing(l, &path.root).to_owned(), title.clone()));
        }
        let name = match path.item {
            Some(_) => words::part(l, &path.key).to_owned(),
            None => words::field(l, checklist, &write.path),
        };
        let text = match (&path.item, path.key.as_str(), write.value.as_text()) {
            (Some(_), "item", Some(code)) => words::field(l, checklist, &format!("responses/{code}")),
            (Some(_), "finding", Some(id)) => titles.get(id).cloned().unwrap_or_else(|| id.to_owned()),
            // The file itself stands beside it as a link.
            (Some(_), "blob", _) => continue,
            _ => words::written(l, &path, &write.value),
        };
        said.push((name, show::beginning(&text, PART_CHARS_MAX)));
    }
    if writes.len() > PARTS_MAX {
        said.push((l.t("另有", "And more").to_owned(), (writes.len() - PARTS_MAX).to_string()));
    }
    said
}

/// The seal that counts first, then the others.
pub fn seals(l: Lang, visit: &VisitView) -> Vec<Seal> {
    visit.seal.iter().chain(&visit.further_seals).map(|of| seal(l, of)).collect()
}

pub fn additions(l: Lang, checklist: &Checklist, visit: &VisitView) -> Vec<Addition> {
    let additions = visit.supplements.iter().map(|supplement| Addition {
        author: supplement.author.as_ref().map(|person| person.name.clone()).unwrap_or_default(),
        change: supplement.change.to_string(),
        fields: supplement.paths.iter().map(|path| words::field(l, checklist, path)).collect(),
    });
    additions.collect()
}

fn seal(l: Lang, of: &SealView) -> Seal {
    let signers = of.signers.iter().map(|signer| Signature {
        role: words::signer_role(l, signer.role),
        name: signer.name.clone(),
        certificate_no: signer.certificate_no.clone().unwrap_or_default(),
    });
    Seal {
        record_hash: of.record_hash.to_string(),
        by: of.by.name.clone(),
        signers: signers.collect(),
        valid: of.valid,
        problem: of.problem.as_deref().map(|code| words::problem(l, code)),
    }
}

fn cell(l: Lang, name: &'static str, shown: &Shown) -> Cell {
    Cell {
        name,
        value: words::value(l, &shown.value),
        author: shown.author.as_ref().map(|person| person.name.clone()).unwrap_or_default(),
        retracted: shown.value.is_null(),
        flag: shown.flag.map(|flag| words::flag(l, flag)),
        disputed: shown.open_conflict,
    }
}

/// The item that something is about, with its code.
fn item(l: Lang, checklist: &Checklist, code: &Value) -> Option<String> {
    let code = code.as_text()?;
    Some(words::field(l, checklist, &format!("responses/{code}")))
}

fn author(origin: &Origin) -> String {
    origin.author.as_ref().map(|person| person.name.clone()).unwrap_or_default()
}

fn names(people: &[Person]) -> String {
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    names.join("、")
}
