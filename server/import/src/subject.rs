//! Rows of a table as parties of the register, and what is to be said of each.

use crate::{
    coordinates::{Datum, Place, parse_degrees},
    credit_code, limits,
    mapping::{Field, Mapping},
    messages::{Finding, Severity},
    normalise,
    table::{Cell, Row, Table},
};
use std::collections::BTreeMap;

/// One row. A field without a column or with an empty cell is empty: the register keeps what it has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subject {
    /// As the file counts them, from 1.
    pub row: u32,
    pub code: String,
    pub name: String,
    pub address: String,
    pub legal_representative: String,
    pub phone: String,
    pub category: String,
    /// In WGS-84, and what it was given in.
    pub place: Option<(Place, Datum)>,
}

/// All rows that could be read, and the report. With an error in it nothing is to be taken over.
#[derive(Debug, Default)]
pub struct Subjects {
    pub subjects: Vec<Subject>,
    pub findings: Vec<Finding>,
}

/// A text as the import reads it in a field: what the register has is the same where it reads the same.
pub fn as_read(field: Field, text: &str) -> String {
    let line = normalise::line(text);
    match field {
        Field::Code => code(&unquoted(&line)),
        Field::Phone => unquoted(&line),
        Field::Address => normalise::half_width_digits(&line),
        Field::Name
        | Field::LegalRepresentative
        | Field::Category
        | Field::Longitude
        | Field::Latitude
        | Field::Datum => line,
    }
}

/// A number without the quotation marks by which people keep it a text.
fn unquoted(line: &str) -> String {
    let half = normalise::half_width(line);
    half.trim_matches(|it: char| it.is_whitespace() || "'\"`‘’“”".contains(it)).to_owned()
}

/// Blanks and dashes within a credit code are there for reading it.
fn code(text: &str) -> String {
    let joined: String = text.chars().filter(|it| !matches!(it, ' ' | '-')).collect();
    if credit_code::is_shaped(&joined) { joined.to_ascii_uppercase() } else { text.to_owned() }
}

/// Reads every row. `datum` is what coordinates are given in where no column says so.
pub fn subjects(table: &Table, mapping: &Mapping, datum: Option<Datum>) -> Subjects {
    let mut read = Subjects::default();
    if !table.source.other_sheets.is_empty() {
        let names = table.source.other_sheets.join("、");
        read.findings.push(Finding::note("import.other_sheets", names));
    }
    let has_places = mapping.column(Field::Latitude).and(mapping.column(Field::Longitude)).is_some();
    if has_places && datum.is_none() && mapping.column(Field::Datum).is_none() {
        read.findings.push(Finding::note("subject.datum_missing", ""));
    }
    for row in &table.rows {
        let mut reader = RowReader { row, mapping, datum, findings: &mut read.findings };
        let subject = reader.subject();
        read.subjects.push(subject);
    }
    read.set_duplicates_apart();
    read
}

struct RowReader<'a> {
    row: &'a Row,
    mapping: &'a Mapping,
    datum: Option<Datum>,
    findings: &'a mut Vec<Finding>,
}

impl RowReader<'_> {
    fn subject(&mut self) -> Subject {
        let name = self.text(Field::Name);
        if name.is_empty() {
            self.error(Field::Name, "subject.name_missing", "");
        }
        if is_total(&name) {
            self.warning(Field::Name, "subject.seems_total", &name);
        }
        let code = self.number(Field::Code);
        if credit_code::is_shaped(&code) && !credit_code::is_sound(&code) {
            self.warning(Field::Code, "subject.code_check_digit", &code);
        }
        let phone = self.number(Field::Phone);
        let address = as_read(Field::Address, &self.text(Field::Address));
        Subject {
            row: self.row.number,
            code,
            name,
            address,
            legal_representative: self.text(Field::LegalRepresentative),
            phone,
            category: self.text(Field::Category),
            place: self.place(),
        }
    }

    fn cell(&self, field: Field) -> Option<&Cell> {
        self.mapping.column(field).and_then(|column| self.row.cells.get(column))
    }

    fn error(&mut self, field: Field, code: &'static str, value: &str) {
        self.findings.push(Finding::error(self.row.number, field, code, value));
    }

    fn warning(&mut self, field: Field, code: &'static str, value: &str) {
        self.findings.push(Finding::warning(self.row.number, field, code, value));
    }

    /// What stands in the cell, empty where it cannot be taken over.
    fn text(&mut self, field: Field) -> String {
        let Some(text) = self.cell(field).map(|cell| cell.text.clone()) else { return String::new() };
        if is_error(&text) {
            self.error(field, "import.cell_error", &text);
            return String::new();
        }
        if text.chars().count() > limits::FIELD_CHARS_MAX {
            self.error(field, "subject.text_too_long", &text);
            return String::new();
        }
        text
    }

    /// Digits that must not be rounded.
    fn number(&mut self, field: Field) -> String {
        let text = as_read(field, &self.text(field));
        let inexact = self.cell(field).is_some_and(|cell| cell.inexact);
        if inexact || is_scientific(&text) {
            self.error(field, "subject.digits_lost", &text);
        }
        text
    }

    fn place(&mut self) -> Option<(Place, Datum)> {
        let (latitude, longitude) = (self.text(Field::Latitude), self.text(Field::Longitude));
        if latitude.is_empty() && longitude.is_empty() {
            return None;
        }
        if latitude.is_empty() || longitude.is_empty() {
            self.warning(Field::Latitude, "subject.place_incomplete", &format!("{latitude}{longitude}"));
            return None;
        }
        let datum = self.stated_datum()?;
        let latitude = self.degrees(Field::Latitude, &latitude);
        let longitude = self.degrees(Field::Longitude, &longitude);
        let place = self.sensible(Place { latitude: latitude?, longitude: longitude? })?;
        Some((datum.to_wgs84(place), datum))
    }

    fn stated_datum(&mut self) -> Option<Datum> {
        let stated = self.text(Field::Datum);
        if stated.is_empty() {
            return Some(self.datum.unwrap_or(Datum::Wgs84));
        }
        let datum = Datum::parse(&normalise::half_width(&stated));
        if datum.is_none() {
            self.error(Field::Datum, "subject.datum_unknown", &stated);
        }
        datum
    }

    fn degrees(&mut self, field: Field, text: &str) -> Option<f64> {
        let degrees = parse_degrees(&normalise::half_width(text));
        if degrees.is_none() {
            self.error(field, "subject.place_malformed", text);
        }
        degrees
    }

    fn sensible(&mut self, place: Place) -> Option<Place> {
        let shown = format!("{}, {}", place.latitude, place.longitude);
        if place == (Place { latitude: 0.0, longitude: 0.0 }) {
            self.warning(Field::Latitude, "subject.place_zero", &shown);
            return None;
        }
        if place.seems_swapped() {
            self.warning(Field::Latitude, "subject.place_swapped", &shown);
            return Some(place.swapped());
        }
        if !place.is_on_earth() {
            self.error(Field::Latitude, "subject.place_out_of_range", &shown);
            return None;
        }
        Some(place)
    }
}

/// What stands at the foot of a table.
fn is_total(name: &str) -> bool {
    let name = normalise::folded(name);
    matches!(name.trim_end_matches([':', '：']), "合计" | "总计" | "小计" | "共计" | "total" | "sum")
}

/// What a spreadsheet shows for a formula that failed.
fn is_error(text: &str) -> bool {
    matches!(text, "#N/A" | "#REF!" | "#VALUE!" | "#DIV/0!" | "#NAME?" | "#NULL!" | "#NUM!" | "#GETTING_DATA")
        || !text.is_empty() && text.bytes().all(|byte| byte == b'#')
}

/// `1.38E+10`: how a spreadsheet writes a long number into a CSV file.
fn is_scientific(text: &str) -> bool {
    let Some((digits, exponent)) = text.split_once(['E', 'e']) else { return false };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    exponent.strip_prefix('+').is_some_and(all_digits) && digits.split('.').all(all_digits)
}

impl Subjects {
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// A row that says the same again is left out; one that contradicts an earlier row is an error.
    fn set_duplicates_apart(&mut self) {
        let mut by_identity: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        let mut by_code: BTreeMap<String, u32> = BTreeMap::new();
        let mut kept: Vec<Subject> = Vec::with_capacity(self.subjects.len());
        for subject in std::mem::take(&mut self.subjects) {
            let row = subject.row;
            let identity = (subject.code.clone(), subject.name.clone(), subject.address.clone());
            let known = by_identity.get(&identity).copied().filter(|_| !subject.name.is_empty());
            if let Some(first) = known.map(|at| &kept[at]) {
                let same = Subject { row: first.row, ..subject } == *first;
                let first = first.row.to_string();
                self.findings.push(match same {
                    true => Finding::warning(row, Field::Name, "subject.duplicate_row", first),
                    false => Finding::error(row, Field::Name, "subject.same_place_twice", first),
                });
                continue;
            }
            if !subject.code.is_empty() {
                if let Some(first) = by_code.get(&subject.code) {
                    let first = first.to_string();
                    self.findings.push(Finding::warning(row, Field::Code, "subject.same_code", first));
                }
                by_code.entry(subject.code.clone()).or_insert(row);
            }
            by_identity.insert(identity, kept.len());
            kept.push(subject);
        }
        self.subjects = kept;
        self.findings.sort_by_key(|finding| finding.row);
    }
}

#[cfg(test)]
mod tests;
