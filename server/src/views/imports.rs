//! The report on a table that was handed in: what was read, what is to be said of it, what it changes.

use crate::store::subjects::{SubjectRow, degrees};
use liuhen_import::{Field, Finding, Mapping, Table};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// Nobody reads more; errors go first.
const FINDINGS_MAX: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    pub outcome: Outcome,
    /// `xlsx` or `csv`; absent where it is neither.
    pub format: Option<String>,
    /// Of a text, as it was recognised.
    pub encoding: Option<String>,
    pub sheet: Option<String>,
    /// As the file counts its rows, from 1.
    pub header_row: Option<u32>,
    pub columns: Vec<ColumnView>,
    pub counts: Counts,
    /// By row, those on the whole file first.
    pub findings: Vec<FindingView>,
    pub findings_left_out: u32,
    /// New and changed rows, as many as fit on a screen or two.
    pub changes: Vec<RowChange>,
    pub changes_left_out: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was written; it could be.
    DryRun,
    /// Nothing was written: see the findings.
    HasErrors,
    /// Nothing was written: this is no table that can be read.
    Unreadable,
    Imported,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ColumnView {
    /// From 1.
    pub number: u32,
    pub header: String,
    /// What it is taken for; absent where it is not used.
    #[schema(value_type = Option<FieldName>)]
    pub field: Option<Field>,
    /// Its first filled cell.
    pub example: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Without rows that only repeat an earlier one.
    pub rows: u32,
    pub new: u32,
    pub changed: u32,
    pub unchanged: u32,
    pub errors: u32,
    pub warnings: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportFinding)]
pub struct FindingView {
    /// As the file counts its rows, from 1; absent for the whole file.
    pub row: Option<u32>,
    #[schema(value_type = Option<FieldName>)]
    pub field: Option<Field>,
    /// Stable and dotted.
    pub code: String,
    pub severity: Severity,
    pub zh: String,
    pub en: String,
    /// The text of the cell, or the other row.
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// With one of these nothing is written.
    Error,
    Warning,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RowChange {
    pub row: u32,
    pub kind: RowKind,
    /// The subject that is changed; absent for a new one.
    pub subject: Option<String>,
    pub name: String,
    pub fields: Vec<FieldChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    New,
    Changed,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    #[schema(value_type = FieldName)]
    pub field: Field,
    pub before: String,
    pub after: String,
}

/// How a [`Field`] is described.
pub struct FieldName;

impl PartialSchema for FieldName {
    fn schema() -> RefOr<Schema> {
        let names = Field::ALL.map(Field::name);
        let described = ObjectBuilder::new().description(Some("What a column may hold of a subject."));
        described.schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for FieldName {}

/// What a plan comes to.
#[derive(Debug, Default)]
pub struct Outline {
    pub counts: Counts,
    pub changes: Vec<RowChange>,
    pub changes_left_out: u32,
}

/// What the register has in a field, as text.
pub fn text_of(field: Field, row: &SubjectRow) -> String {
    let shown = |e7: Option<i64>| e7.map(|e7| format!("{:.7}", degrees(e7))).unwrap_or_default();
    match field {
        Field::Code => row.code.clone(),
        Field::Name => row.name.clone(),
        Field::Address => row.address.clone(),
        Field::LegalRepresentative => row.legal_representative.clone(),
        Field::Phone => row.phone.clone(),
        Field::Category => row.category.clone(),
        Field::Longitude => shown(row.longitude_e7),
        Field::Latitude => shown(row.latitude_e7),
        Field::Datum => row.source_datum.clone().unwrap_or_default(),
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            row: finding.row,
            field: finding.field,
            code: finding.code.to_owned(),
            severity: match finding.severity {
                liuhen_import::Severity::Error => Severity::Error,
                liuhen_import::Severity::Warning => Severity::Warning,
            },
            zh: finding.chinese(),
            en: finding.english(),
            value: finding.value.clone(),
        }
    }
}

impl ImportReport {
    /// No table at all.
    pub fn unreadable(finding: &Finding) -> Self {
        Self {
            outcome: Outcome::Unreadable,
            format: None,
            encoding: None,
            sheet: None,
            header_row: None,
            columns: Vec::new(),
            counts: Counts { errors: 1, ..Counts::default() },
            findings: vec![finding.into()],
            findings_left_out: 0,
            changes: Vec::new(),
            changes_left_out: 0,
        }
    }

    /// A table whose columns are not known well enough.
    pub fn of_table(table: &Table, mapping: &Mapping, finding: &Finding) -> Self {
        Self { outcome: Outcome::HasErrors, ..Self::unreadable(finding) }.read_from(table, mapping)
    }

    /// What was planned. With an error among the findings it is not carried out.
    pub fn of_plan(
        table: &Table,
        mapping: &Mapping,
        mut findings: Vec<Finding>,
        outline: Outline,
        outcome: Outcome,
    ) -> Self {
        let errors = findings.iter().filter(|it| it.severity == liuhen_import::Severity::Error).count();
        let counts =
            Counts { errors: whole(errors), warnings: whole(findings.len() - errors), ..outline.counts };
        findings.sort_by_key(|finding| finding.severity);
        let left_out = findings.len().saturating_sub(FINDINGS_MAX);
        findings.truncate(FINDINGS_MAX);
        findings.sort_by_key(|finding| finding.row);
        let report = Self {
            outcome: if errors > 0 { Outcome::HasErrors } else { outcome },
            format: None,
            encoding: None,
            sheet: None,
            header_row: None,
            columns: Vec::new(),
            counts,
            findings: findings.iter().map(FindingView::from).collect(),
            findings_left_out: whole(left_out),
            changes: outline.changes,
            changes_left_out: outline.changes_left_out,
        };
        report.read_from(table, mapping)
    }

    fn read_from(self, table: &Table, mapping: &Mapping) -> Self {
        let column = |(at, header): (usize, &String)| ColumnView {
            number: whole(at + 1),
            header: header.clone(),
            field: mapping.field(at),
            example: table.example(at).to_owned(),
        };
        Self {
            format: table.source.format.map(str::to_owned),
            encoding: table.source.encoding.map(str::to_owned),
            sheet: table.source.sheet.clone(),
            header_row: Some(table.header_row),
            columns: table.headers.iter().enumerate().map(column).collect(),
            ..self
        }
    }
}

fn whole(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
