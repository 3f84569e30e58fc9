//! Tables to take away: the register, tasks, and what was found. Each holds what its reader may read.

use super::{
    imports::text_of,
    paging::List,
    subjects::{self, dossier},
    tasks::{self, TaskQuery, TaskView},
};
use crate::{
    ApiError, AppState,
    acts::access::Actor,
    store::{self, subjects::SubjectRow},
};
use liuhen_import::{Datum, Field};
use liuhen_inspection::{
    task::ReviewOutcome,
    visit::{Value, view::FindingView},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Rows of one file: some 100 MiB while it is made. Narrowed by a search, more can be had in parts.
const ROWS_MAX: usize = 50_000;
/// Tasks of one file: each is read with its people and its visit, which takes a millisecond.
const TASKS_MAX: usize = 10_000;
/// Read at a time; between pages others have their turn.
const PAGE: i64 = 500;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// UTF-8 with a byte order mark.
    Csv,
    #[default]
    Xlsx,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `xlsx` when absent.
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// Part of the party's name or code; of the register, of its address too.
    #[param(max_length = 64)]
    pub q: Option<String>,
}

/// A file.
pub struct Export {
    pub file_name: &'static str,
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

struct Sheet {
    /// Without its ending.
    file_name: (&'static str, &'static str),
    title: &'static str,
    headers: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Where a count of a visit would stand that cannot be read.
const DAMAGED: &str = "数据损坏";

const TASK_HEADERS: &[&str] = &[
    "任务编号",
    "检查对象",
    "统一社会信用代码",
    "地址",
    "检查清单",
    "版本",
    "状态",
    "检查人员",
    "截止日期",
    "已答",
    "应答",
    "问题数",
    "证据",
    "未决分歧",
    "已签章",
    "复核结果",
];
const FINDING_HEADERS: &[&str] = &[
    "任务编号",
    "检查对象",
    "统一社会信用代码",
    "地址",
    "检查内容",
    "问题编号",
    "部位",
    "问题",
    "整改天数",
    "整改期限",
    "是否整改",
    "整改日期",
    "整改情况",
    "待整改",
];

/// The register, with the columns that an import reads: it comes back unchanged.
pub async fn subjects(state: &AppState, actor: &Actor, query: ExportQuery) -> Result<Export, ApiError> {
    let filter = subjects::visible_to(actor, query.q.as_deref())?;
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let mut conn = state.store.read().await?;
        let page = store::subjects::page_filtered(&mut conn, &filter, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id.clone();
        rows.extend(page.iter().map(|row| Field::ALL.map(|field| exported(field, row)).to_vec()));
        bounded(rows.len(), ROWS_MAX)?;
    }
    let headers = Field::ALL.map(|field| field.titles().0).to_vec();
    let names = ("subjects.csv", "subjects.xlsx");
    Sheet { file_name: names, title: "监管对象", headers, rows }.write(query.format).await
}

/// Coordinates leave in WGS-84, whatever they were given in.
fn exported(field: Field, row: &SubjectRow) -> String {
    match field {
        Field::Datum if row.latitude_e7.is_some() => Datum::Wgs84.name().to_owned(),
        _ => text_of(field, row),
    }
}

/// Tasks with how far they are.
pub async fn tasks(state: &AppState, actor: &Actor, query: ExportQuery) -> Result<Export, ApiError> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = page_of_tasks(state, actor, &query, cursor).await?;
        rows.extend(page.items.iter().map(task_row));
        bounded(rows.len(), TASKS_MAX)?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let (names, headers) = (("tasks.csv", "tasks.xlsx"), TASK_HEADERS.to_vec());
    Sheet { file_name: names, title: "检查任务", headers, rows }.write(query.format).await
}

/// What was found, with what became of it.
pub async fn findings(state: &AppState, actor: &Actor, query: ExportQuery) -> Result<Export, ApiError> {
    let (mut rows, mut cursor, mut read) = (Vec::new(), None, 0);
    loop {
        let page = page_of_tasks(state, actor, &query, cursor).await?;
        read += page.items.len();
        bounded(read, TASKS_MAX)?;
        let mut conn = state.store.read().await?;
        for task in &page.items {
            let findings = dossier::findings(&mut conn, task).await?;
            match findings {
                Some(findings) => rows.extend(findings.iter().map(|finding| finding_row(task, finding))),
                None => rows.push(damaged_row(task)),
            }
        }
        bounded(rows.len(), ROWS_MAX)?;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let (names, headers) = (("findings.csv", "findings.xlsx"), FINDING_HEADERS.to_vec());
    Sheet { file_name: names, title: "问题", headers, rows }.write(query.format).await
}

async fn page_of_tasks(
    state: &AppState,
    actor: &Actor,
    query: &ExportQuery,
    cursor: Option<String>,
) -> Result<List<TaskView>, ApiError> {
    let query = TaskQuery { q: query.q.clone(), cursor, limit: Some(PAGE), ..TaskQuery::default() };
    let mut conn = state.store.read().await?;
    tasks::list(&mut conn, actor, query).await
}

fn task_row(view: &TaskView) -> Vec<String> {
    let (task, progress) = (&view.task, &view.progress);
    let people: Vec<&str> = task.assignees.iter().map(|person| person.name.as_str()).collect();
    let review = task.review.as_ref().map(|review| match review.outcome {
        ReviewOutcome::Accepted => "通过",
        ReviewOutcome::Returned => "退回",
    });
    let counted = |count: String| if progress.damaged { DAMAGED.to_owned() } else { count };
    let mut row = about(view);
    row.extend([
        task.checklist.title.clone(),
        task.checklist.version.to_string(),
        task.state.to_string(),
        people.join("、"),
        task.due_on.as_ref().map(ToString::to_string).unwrap_or_default(),
        counted(progress.answered.to_string()),
        progress.items.to_string(),
        counted(progress.findings.to_string()),
        format!("{}/{}", progress.evidence_held, progress.evidence_announced),
        progress.open_conflicts.to_string(),
        counted(yes_or_no(progress.sealed)),
        review.unwrap_or_default().to_owned(),
    ]);
    row
}

fn finding_row(view: &TaskView, finding: &FindingView) -> Vec<String> {
    let mut row = about(view);
    row.extend([
        shown(&finding.item),
        shown(&finding.code),
        shown(&finding.place),
        shown(&finding.text),
        shown(&finding.days_to_correct),
        shown(&finding.due_on),
        shown(&finding.corrected),
        shown(&finding.corrected_on),
        shown(&finding.correction),
        yes_or_no(dossier::is_open(finding)),
    ]);
    row
}

/// In place of the findings that nobody can read: a table without it would say that there are none.
fn damaged_row(view: &TaskView) -> Vec<String> {
    let mut row = about(view);
    row.resize(FINDING_HEADERS.len(), String::new());
    let text = FINDING_HEADERS.iter().position(|header| *header == "问题");
    row[text.expect("the column is there")] = DAMAGED.to_owned();
    row
}

/// Which task, and where.
fn about(view: &TaskView) -> Vec<String> {
    let subject = &view.task.subject;
    vec![
        view.task.id.0.clone(),
        subject.name.clone(),
        subject.code.clone().unwrap_or_default(),
        subject.address.clone(),
    ]
}

fn shown(value: &Value) -> String {
    match (value.as_bool(), value.as_int(), value.as_text()) {
        (Some(yes), ..) => yes_or_no(yes),
        (_, Some(number), _) => number.to_string(),
        (.., Some(text)) => text.to_owned(),
        (None, None, None) => String::new(),
    }
}

fn yes_or_no(yes: bool) -> String {
    (if yes { "是" } else { "否" }).to_owned()
}

fn bounded(rows: usize, rows_max: usize) -> Result<(), ApiError> {
    match rows <= rows_max {
        true => Ok(()),
        false => {
            Err(ApiError::conflict("export.too_many_rows", format!("at most {rows_max}; narrow it by q")))
        }
    }
}

impl Sheet {
    /// Off the threads that serve requests: a large workbook takes a second to compress.
    async fn write(self, format: Option<ExportFormat>) -> Result<Export, ApiError> {
        tokio::task::spawn_blocking(move || self.written(format.unwrap_or_default())).await?
    }

    fn written(self, format: ExportFormat) -> Result<Export, ApiError> {
        let rows = self.rows.iter().map(|row| row.iter().map(String::as_str));
        let (csv, xlsx) = self.file_name;
        Ok(match format {
            ExportFormat::Csv => Export {
                file_name: csv,
                media_type: "text/csv; charset=utf-8",
                bytes: liuhen_import::csv(&self.headers, rows),
            },
            ExportFormat::Xlsx => Export {
                file_name: xlsx,
                media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                bytes: liuhen_import::xlsx(self.title, &self.headers, rows).map_err(ApiError::internal)?,
            },
        })
    }
}
