//! A city's set: four CSV files, read whole and checked before anything starts.

use super::{
    dates,
    table::{BrokenCsv, RowRef, Table},
};
use std::{collections::BTreeMap, path::Path};
use time::Date;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Establishment {
    pub id: String,
    pub name: String,
    pub address: String,
    pub license_number: String,
    /// Establishment type and risk category, as far as there are any.
    pub category: String,
    /// Degrees × 10⁷, latitude first. Some establishments have none.
    pub place_e7: Option<(i64, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    pub id: String,
    pub establishment: String,
    pub date: Date,
    pub kind: String,
    pub inspector: String,
    /// In the order of [`COUNTS`].
    pub counts: [i64; COUNTS.len()],
    pub in_compliance: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub code: String,
    pub kind: String,
    pub legal_text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub code: String,
    pub location: String,
    pub sub_location: String,
    /// Item and problem, each with its sub-field.
    pub text: String,
    pub days_to_correct: Option<i64>,
    /// `Yes`, `No`, `Not required`, or whatever the set says.
    pub corrected: String,
    pub corrected_on: Option<Date>,
    pub correction: String,
}

/// The counts an inspector fills in at the end of a visit.
pub const COUNTS: [&str; 6] =
    ["pcount", "pfcount", "ccount", "criticalcount", "noncritical", "correctedcritical"];

const ESTABLISHMENT_COLUMNS: &[&str] = &[
    "establishmentid",
    "name",
    "address",
    "license_number",
    "establishment_type",
    "risk_category",
    "latitude",
    "longitude",
];
const INSPECTION_COLUMNS: &[&str] = &[
    "inspectionid",
    "establishmentid",
    "inspection_date",
    "inspection_type",
    "inspectorid",
    "pcount",
    "pfcount",
    "ccount",
    "criticalcount",
    "noncritical",
    "correctedcritical",
    "in_compliance",
];
const CODE_COLUMNS: &[&str] = &["violation_code", "violation_type", "violation_description"];
const VIOLATION_COLUMNS: &[&str] = &[
    "inspectionid",
    "violation_code",
    "item_description",
    "sub_item",
    "problem_description",
    "sub_problem",
    "location",
    "sub_location",
    "corrected",
    "days_to_correct",
    "corrected_date",
    "correction_description",
];

/// The set in its own order, without what cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CitySet {
    pub establishments: Vec<Establishment>,
    pub inspections: Vec<Inspection>,
    pub codes: Vec<Code>,
    /// By inspection.
    pub violations: BTreeMap<String, Vec<Violation>>,
    /// Rows that were passed over, and why: as in life, a set refers to what it lacks.
    pub notices: Vec<String>,
}

impl CitySet {
    pub fn read(folder: &Path) -> Result<Self, BrokenCsv> {
        let mut set = Self::default();
        set.read_establishments(&Table::read(folder, "establishments.csv", ESTABLISHMENT_COLUMNS)?)?;
        set.read_inspections(&Table::read(folder, "inspections.csv", INSPECTION_COLUMNS)?)?;
        set.read_codes(&Table::read(folder, "violation_codes.csv", CODE_COLUMNS)?);
        set.read_violations(&Table::read(folder, "violations.csv", VIOLATION_COLUMNS)?)?;
        Ok(set)
    }

    /// Leaves the inspections of these days, with their violations and establishments.
    pub fn between(mut self, from: Option<Date>, to: Option<Date>) -> Self {
        self.inspections.retain(|inspection| {
            from.is_none_or(|from| inspection.date >= from) && to.is_none_or(|to| inspection.date <= to)
        });
        let ids: std::collections::BTreeSet<_> = self.inspections.iter().map(|row| row.id.clone()).collect();
        self.violations.retain(|inspection, _| ids.contains(inspection));
        self
    }

    fn read_establishments(&mut self, table: &Table) -> Result<(), BrokenCsv> {
        let mut seen = BTreeMap::new();
        for row in table.rows() {
            let id = row.required("establishmentid", some_text)?;
            if self.is_repeated(&mut seen, &id, row) {
                continue;
            }
            let latitude = row.optional("latitude", degrees_e7)?;
            let longitude = row.optional("longitude", degrees_e7)?;
            self.establishments.push(Establishment {
                id,
                name: row.required("name", some_text)?,
                address: row.text("address").to_owned(),
                license_number: row.text("license_number").to_owned(),
                category: joined(&[row.text("establishment_type"), row.text("risk_category")], ", "),
                place_e7: latitude.zip(longitude),
            });
        }
        Ok(())
    }

    fn read_inspections(&mut self, table: &Table) -> Result<(), BrokenCsv> {
        let known: std::collections::BTreeSet<_> =
            self.establishments.iter().map(|row| row.id.clone()).collect();
        let mut seen = BTreeMap::new();
        for row in table.rows() {
            let inspection = read_inspection(row)?;
            if self.is_repeated(&mut seen, &inspection.id, row) {
                continue;
            }
            if !known.contains(&inspection.establishment) {
                let establishment = &inspection.establishment;
                self.pass_over(
                    row,
                    format!("establishment {establishment} is in no row of establishments.csv"),
                );
                continue;
            }
            self.inspections.push(inspection);
        }
        Ok(())
    }

    fn read_codes(&mut self, table: &Table) {
        let mut seen = BTreeMap::new();
        for row in table.rows() {
            let code = row.text("violation_code").to_owned();
            if code.is_empty() || self.is_repeated(&mut seen, &code, row) {
                continue;
            }
            self.codes.push(Code {
                code,
                kind: row.text("violation_type").to_owned(),
                legal_text: row.text("violation_description").to_owned(),
            });
        }
    }

    /// Identical rows stay: two broken lamps in one kitchen are two findings.
    fn read_violations(&mut self, table: &Table) -> Result<(), BrokenCsv> {
        let known: std::collections::BTreeSet<_> =
            self.inspections.iter().map(|row| row.id.clone()).collect();
        for row in table.rows() {
            let inspection = row.required("inspectionid", some_text)?;
            let violation = read_violation(row)?;
            if known.contains(&inspection) {
                self.violations.entry(inspection).or_default().push(violation);
            } else {
                self.pass_over(row, format!("inspection {inspection} is in no row of inspections.csv"));
            }
        }
        Ok(())
    }

    /// The first row under an id counts.
    fn is_repeated(&mut self, seen: &mut BTreeMap<String, u64>, id: &str, row: RowRef) -> bool {
        let first = *seen.entry(id.to_owned()).or_insert(row.line());
        let repeated = first != row.line();
        if repeated {
            self.pass_over(row, format!("{id:?} was given on line {first} already"));
        }
        repeated
    }

    fn pass_over(&mut self, row: RowRef, why: String) {
        self.notices.push(format!("{}, line {}: passed over: {why}", row.file(), row.line()));
    }
}

fn read_inspection(row: RowRef) -> Result<Inspection, BrokenCsv> {
    let mut counts = [0; COUNTS.len()];
    for (count, column) in counts.iter_mut().zip(COUNTS) {
        *count = row.required(column, whole_number)?;
    }
    Ok(Inspection {
        id: row.required("inspectionid", some_text)?,
        establishment: row.required("establishmentid", some_text)?,
        date: row.required("inspection_date", dates::parse)?,
        kind: row.text("inspection_type").to_owned(),
        inspector: row.required("inspectorid", some_text)?,
        counts,
        in_compliance: row.required("in_compliance", yes_or_no)?,
    })
}

fn read_violation(row: RowRef) -> Result<Violation, BrokenCsv> {
    let item = joined(&[row.text("item_description"), row.text("sub_item")], ", ");
    let problem = joined(&[row.text("problem_description"), row.text("sub_problem")], ", ");
    Ok(Violation {
        code: row.text("violation_code").to_owned(),
        location: row.text("location").to_owned(),
        sub_location: row.text("sub_location").to_owned(),
        text: joined(&[&item, &problem], ": "),
        days_to_correct: row.optional("days_to_correct", whole_number)?,
        corrected: row.text("corrected").to_owned(),
        corrected_on: row.optional("corrected_date", dates::parse)?,
        correction: row.text("correction_description").to_owned(),
    })
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `30` or, as exported from a spreadsheet, `30.0`.
fn whole_number(text: &str) -> Option<i64> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "Yes" => Some(true),
        "No" => Some(false),
        _ => None,
    }
}

fn degrees_e7(text: &str) -> Option<i64> {
    let degrees: f64 = text.parse().ok()?;
    (degrees.abs() <= 180.0).then(|| (degrees * 1e7).round() as i64)
}

fn joined(parts: &[&str], separator: &str) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(separator)
}
