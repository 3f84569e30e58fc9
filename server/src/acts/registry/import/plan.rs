//! What an import would do to the register, row by row.

use super::matching::{Match, matches};
use crate::{
    acts::new_id,
    store::subjects::{SubjectRow, e7},
    views::imports::{Counts, FieldChange, Outline, RowChange, RowKind, text_of},
};
use liuhen_import::{Field, Finding, Subject, as_read};

/// Rows shown with what changes in them; a screen or two.
const CHANGES_SHOWN_MAX: usize = 200;
/// Parties named in a finding.
const NAMES_MAX: usize = 3;

/// A row with what becomes of it.
struct Step {
    row: u32,
    before: Option<SubjectRow>,
    after: SubjectRow,
}

pub struct Plan {
    steps: Vec<Step>,
    /// What stands in the way.
    pub findings: Vec<Finding>,
}

impl Plan {
    pub fn of(register: Vec<SubjectRow>, rows: Vec<Subject>, department: &str) -> Self {
        let found = matches(&register, &rows, department);
        let mut plan = Self { steps: Vec::with_capacity(rows.len()), findings: Vec::new() };
        for (row, found) in rows.into_iter().zip(found) {
            let number = row.row;
            match found {
                Match::New => {
                    let after = merged(empty(department), row);
                    plan.steps.push(Step { row: number, before: None, after });
                }
                Match::Known(at) => {
                    let before = register[at].clone();
                    let after = merged(before.clone(), row);
                    plan.steps.push(Step { row: number, before: Some(before), after });
                }
                Match::Ambiguous(places) => {
                    let named = places.iter().take(NAMES_MAX).map(|at| register[*at].name.as_str());
                    let names = named.collect::<Vec<_>>().join("、");
                    plan.findings.push(Finding::error(number, Field::Name, "subject.ambiguous", names));
                }
            }
        }
        plan
    }

    /// New rows, and changed ones as they were and as they are to be.
    pub fn into_rows(self) -> (Vec<SubjectRow>, Vec<(SubjectRow, SubjectRow)>) {
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for step in self.steps {
            match step.before {
                None => new.push(step.after),
                Some(before) if before != step.after => changed.push((before, step.after)),
                Some(_) => {}
            }
        }
        (new, changed)
    }

    /// How much it is, and the first rows in detail.
    pub fn outline(&self) -> Outline {
        let mut outline = Outline::default();
        for step in &self.steps {
            outline.counts.rows += 1;
            let Some(kind) = step.kind() else {
                outline.counts.unchanged += 1;
                continue;
            };
            count(&mut outline.counts, kind);
            match outline.changes.len() < CHANGES_SHOWN_MAX {
                true => outline.changes.push(step.shown(kind)),
                false => outline.changes_left_out += 1,
            }
        }
        outline.counts.rows += u32::try_from(self.findings.len()).unwrap_or(u32::MAX);
        outline
    }
}

fn count(counts: &mut Counts, kind: RowKind) {
    match kind {
        RowKind::New => counts.new += 1,
        RowKind::Changed => counts.changed += 1,
    }
}

impl Step {
    fn kind(&self) -> Option<RowKind> {
        match &self.before {
            None => Some(RowKind::New),
            Some(before) => (*before != self.after).then_some(RowKind::Changed),
        }
    }

    fn shown(&self, kind: RowKind) -> RowChange {
        let texts = |row: &SubjectRow| Field::ALL.map(|field| text_of(field, row));
        let before = self.before.as_ref().map(texts).unwrap_or_default();
        let pairs = Field::ALL.into_iter().zip(before.into_iter().zip(texts(&self.after)));
        let differing = pairs.filter(|(_, (before, after))| before != after);
        RowChange {
            row: self.row,
            kind,
            subject: self.before.as_ref().map(|before| before.id.clone()),
            name: self.after.name.clone(),
            fields: differing.map(|(field, (before, after))| FieldChange { field, before, after }).collect(),
        }
    }
}

fn empty(department: &str) -> SubjectRow {
    SubjectRow { id: new_id(), department: department.to_owned(), ..SubjectRow::default() }
}

/// What the file says goes before what the register has; of what it leaves empty nothing changes, nor of
/// what only looks different because the import reads it without double blanks and the like.
pub(super) fn merged(mut present: SubjectRow, row: Subject) -> SubjectRow {
    let lines = [
        (Field::Code, &mut present.code, row.code),
        (Field::Name, &mut present.name, row.name),
        (Field::Address, &mut present.address, row.address),
        (Field::Category, &mut present.category, row.category),
        (Field::LegalRepresentative, &mut present.legal_representative, row.legal_representative),
        (Field::Phone, &mut present.phone, row.phone),
    ];
    for (field, present, line) in lines {
        let known = as_read(field, present);
        if !line.is_empty() && known != line && !(field == Field::Code && has_lost_zeros(&known, &line)) {
            *present = line;
        }
    }
    if let Some((place, datum)) = row.place {
        let moved = (Some(e7(place.latitude)), Some(e7(place.longitude)));
        // An export gives WGS-84; where it comes back, what the place was measured in is still true.
        if moved != (present.latitude_e7, present.longitude_e7) {
            (present.latitude_e7, present.longitude_e7) = moved;
            present.source_datum = Some(datum.name().to_owned());
        }
    }
    present
}

/// Whether a code is the known one without its leading zeros: what a spreadsheet makes of it.
pub(super) fn has_lost_zeros(known: &str, code: &str) -> bool {
    let digits = known.bytes().all(|byte| byte.is_ascii_digit());
    digits && known.len() > code.len() && !code.is_empty() && known.trim_start_matches('0') == code
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_import::{Datum, Place};

    fn row(name: &str, phone: &str, latitude: f64) -> Subject {
        Subject {
            row: 2,
            name: name.into(),
            phone: phone.into(),
            place: Some((Place { latitude, longitude: 116.4 }, Datum::Gcj02)),
            ..Subject::default()
        }
    }

    #[test]
    fn empty_cells_change_nothing_and_a_place_that_stays_keeps_its_datum() {
        let first = merged(empty("d"), row("甲", "1", 39.9));
        assert_eq!((first.latitude_e7, first.source_datum.as_deref()), (Some(399_000_000), Some("GCJ-02")));
        let place = Some((Place { latitude: 39.9, longitude: 116.4 }, Datum::Wgs84));
        let again = merged(first.clone(), Subject { name: "甲".into(), place, ..Subject::default() });
        assert_eq!(again, first);
        assert_eq!(merged(first, row("甲", "2", 39.8)).phone, "2");
    }

    #[test]
    fn a_code_whose_zeros_a_spreadsheet_dropped_does_not_replace_the_whole_one() {
        let coded = |code: &str| Subject { code: code.into(), name: "甲".into(), ..Subject::default() };
        let known = merged(empty("d"), coded("0065464"));
        for (code, after) in [("65464", "0065464"), ("00065464", "00065464"), ("5464", "5464")] {
            assert_eq!(merged(known.clone(), coded(code)).code, after);
        }
        let plan = Plan::of(vec![known], vec![coded("65464")], "d").outline();
        assert_eq!((plan.counts.new, plan.counts.unchanged), (0, 1));
    }

    #[test]
    fn the_outline_counts_and_shows_what_differs() {
        let known = merged(empty("d"), row("甲", "1", 39.9));
        let rows = vec![row("甲", "2", 39.9), row("乙", "", 39.7)];
        let plan = Plan::of(vec![known.clone()], rows, "d");
        let outline = plan.outline();
        assert_eq!((outline.counts.rows, outline.counts.new, outline.counts.changed), (2, 1, 1));
        let fields: Vec<_> =
            outline.changes[0].fields.iter().map(|it| (it.field, it.after.as_str())).collect();
        assert_eq!(fields, [(Field::Phone, "2")]);
        let (new, changed) = plan.into_rows();
        assert_eq!((new.len(), changed.len(), changed[0].0 == known), (1, 1, true));
        let same = Plan::of(vec![known], vec![row("甲", "1", 39.9)], "d").outline();
        assert_eq!((same.counts.unchanged, same.changes.len()), (1, 0));
    }
}
