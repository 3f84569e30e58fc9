//! Taking over a table of inspected parties: choose a file, look at the report, confirm.
//!
//! Nothing is kept on the server between the steps. The report's page carries a small file itself and
//! sends it back with what was confirmed; a larger one has to be chosen again, and is only taken over when
//! it is, by its digest, the one that was looked at.

use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, authorise},
        registry::import::{self, ImportOptions},
    },
    console::{
        Fields, Lang, Page, SignedIn,
        form::{self, Faults},
        page::{new_once, render},
        people::Departments,
        upload::Upload,
        words::Badge,
    },
    views::imports::{ImportReport, Outcome, RowKind, Severity},
};
use askama::Template;
use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use liuhen_import::{Datum, Field, Overrides};
use liuhen_trace::digest;

/// A page with such a file in it still opens at once; the lists people hand in are far below.
const KEPT_BYTES_MAX: usize = 1024 * 1024;
/// Findings on the page: who has more corrects these first.
const FINDINGS_MAX: usize = 300;

#[derive(Template)]
#[template(path = "register/import.html")]
struct ImportPage {
    p: Page,
    departments: Departments,
    department: String,
    datum: String,
    datums: [Datum; 4],
    faults: Faults,
    report: Option<Report>,
    once: String,
}

/// A report in words, with what the next step sends back.
struct Report {
    view: ImportReport,
    file_name: String,
    outcome: Badge,
    fields: Vec<FieldChoice>,
    findings: Vec<Finding>,
    changes: Vec<Change>,
    /// The file for the next step, where it is small.
    kept: Option<String>,
    digest: String,
    may_confirm: bool,
    imported: bool,
}

/// A field with the columns it may be in.
struct FieldChoice {
    /// As the form names it.
    name: String,
    title: &'static str,
    /// From 1; 0 where the field is left out.
    chosen: u32,
}

struct Finding {
    row: String,
    field: &'static str,
    text: String,
    value: String,
    error: bool,
}

struct Change {
    row: u32,
    new: bool,
    name: String,
    fields: Vec<(&'static str, String, String)>,
}

pub async fn choose(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response, ApiError> {
    authorise(signed_in.actor(), Action::ManageRegister, &signed_in.actor().account.department)?;
    page(&state, signed_in, &Fields::default(), None, Faults::none()).await
}

/// A dry run, or the import of what a dry run showed.
pub async fn import(
    State(state): State<AppState>,
    signed_in: SignedIn,
    upload: Upload,
) -> Result<Response, ApiError> {
    let (lang, fields) = (signed_in.page.lang, upload.fields);
    let file = match upload.file.is_empty() {
        true => Bytes::from(STANDARD.decode(fields.get("kept")).unwrap_or_default()),
        false => upload.file,
    };
    let file_name =
        if upload.file_name.is_empty() { fields.get("file_name").to_owned() } else { upload.file_name };
    if file.is_empty() {
        let mut faults = Faults::none();
        faults.at("file", lang.t("请选择文件", "Choose a file"));
        return page(&state, signed_in, &fields, None, faults).await;
    }
    let digest = hex::encode(digest::sha256(&file));
    let confirmed = fields.has("step", "confirm");
    let same = fields.get("digest") == digest;
    let options = ImportOptions {
        dry_run: !(confirmed && same),
        department: fields.given("department"),
        columns: overrides(&fields),
        datum: fields.given("datum").as_deref().and_then(Datum::parse),
    };
    // A dry run writes nothing, however often it is asked for.
    let actor = match options.dry_run {
        true => signed_in.actor().clone(),
        false => {
            let asked = Fields::from([
                (form::ONCE, fields.get(form::ONCE).to_owned()),
                ("digest", digest.clone()),
                ("options", format!("{options:?}")),
            ]);
            asked.once_actor(signed_in.actor(), "POST /console/subjects/import")?
        }
    };
    let view = match import::subjects(&state, &actor, file.clone(), options).await {
        Ok(view) => view,
        Err(error) if form::belongs_to_form(&error) => {
            return page(&state, signed_in, &fields, None, Faults::of(lang, &error, &[])).await;
        }
        Err(error) => return Err(error),
    };
    let mut faults = Faults::none();
    if confirmed && !same {
        faults.at(
            "file",
            lang.t(
                "这不是刚才核对的文件，请重新核对",
                "This is not the file that was checked; check it again",
            ),
        );
    }
    let report = report(lang, view, file_name, &file, digest);
    page(&state, signed_in, &fields, Some(report), faults).await
}

/// What was chosen for each field; what was never asked is left to the header.
fn overrides(fields: &Fields) -> Overrides {
    let chosen = Field::ALL.into_iter().filter_map(|field| {
        let column = fields.given(&field_key(field))?.parse().ok()?;
        Some((field, column))
    });
    chosen.collect()
}

fn field_key(field: Field) -> String {
    format!("column_{}", field.name())
}

async fn page(
    state: &AppState,
    signed_in: SignedIn,
    fields: &Fields,
    report: Option<Report>,
    faults: Faults,
) -> Result<Response, ApiError> {
    let mut conn = state.store.read().await?;
    let departments = Departments::load(&mut conn, signed_in.actor()).await?;
    let own = &signed_in.actor().account.department;
    render(&ImportPage {
        department: fields.given("department").unwrap_or_else(|| own.clone()),
        datum: fields.get("datum").to_owned(),
        datums: Datum::ALL,
        p: signed_in.page,
        departments,
        faults,
        report,
        once: new_once(),
    })
}

fn report(lang: Lang, view: ImportReport, file_name: String, file: &Bytes, digest: String) -> Report {
    let title = |field: Field| {
        let (zh, en) = field.titles();
        lang.t(zh, en)
    };
    let column_of = |field| view.columns.iter().find(|column| column.field == Some(field));
    let choices = Field::ALL.into_iter().map(|field| FieldChoice {
        name: field_key(field),
        title: title(field),
        chosen: column_of(field).map_or(0, |column| column.number),
    });
    let findings = view.findings.iter().take(FINDINGS_MAX).map(|known| Finding {
        row: known.row.map(|row| row.to_string()).unwrap_or_default(),
        field: known.field.map(title).unwrap_or_default(),
        text: if lang.is_english() { known.en.clone() } else { known.zh.clone() },
        value: known.value.clone(),
        error: known.severity == Severity::Error,
    });
    let changes = view.changes.iter().map(|change| Change {
        row: change.row,
        new: change.kind == RowKind::New,
        name: change.name.clone(),
        fields: change
            .fields
            .iter()
            .map(|field| (title(field.field), field.before.clone(), field.after.clone()))
            .collect(),
    });
    Report {
        outcome: outcome(lang, view.outcome),
        fields: choices.collect(),
        findings: findings.collect(),
        changes: changes.collect(),
        kept: (file.len() <= KEPT_BYTES_MAX).then(|| STANDARD.encode(file)),
        may_confirm: view.outcome == Outcome::DryRun && view.counts.new + view.counts.changed > 0,
        imported: view.outcome == Outcome::Imported,
        view,
        file_name,
        digest,
    }
}

fn outcome(lang: Lang, outcome: Outcome) -> Badge {
    let (tone, text) = match outcome {
        Outcome::DryRun => ("info", lang.t("核对结果：可以导入", "Checked: it can be imported")),
        Outcome::HasErrors => {
            ("bad", lang.t("有错误，没有导入任何内容", "It has errors; nothing was imported"))
        }
        Outcome::Unreadable => ("bad", lang.t("文件无法读取", "The file cannot be read")),
        Outcome::Imported => ("good", lang.t("已导入", "Imported")),
    };
    Badge { tone, text }
}
