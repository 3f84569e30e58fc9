//! How far a visit is, from what was admitted of it.

use super::{authorise_reading, tasks};
use crate::{
    ApiError,
    acts::{access::Actor, tasks::matter::Matters},
    store::{self, Connection, tasks::ProgressRow},
};
use liuhen_inspection::{
    checklist::Checklist,
    task::{Step, TaskState},
};
use liuhen_trace::{Body, Canonical as _, EntryKind};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How far the visit of a task is. What is counted of a damaged one is 0, and not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Progress {
    /// Items of the checklist that have an answer.
    pub answered: i64,
    /// Items of the checklist.
    pub items: i64,
    pub findings: i64,
    /// Files that entries name, and those of them that the server holds.
    pub evidence_announced: i64,
    pub evidence_held: i64,
    pub open_conflicts: i64,
    /// Somebody's seal counts.
    pub sealed: bool,
    /// When the newest entry was made, by the clock of the device that made it.
    pub last_entry_ms: Option<i64>,
    /// What is stored of the visit cannot be read; `liuhen verify-ledger` names it.
    pub damaged: bool,
}

/// A step that somebody took on their phone, and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepView {
    pub account: String,
    pub state: TaskState,
    /// By the clock of the device.
    pub wall_ms: i64,
    /// Where the log has it.
    pub leaf: i64,
}

/// Reads tasks and keeps what many of them share.
#[derive(Default)]
pub(super) struct Reader {
    pub matters: Matters,
    items: BTreeMap<String, i64>,
}

impl Reader {
    /// How many items the checklist has.
    pub async fn items_of(&mut self, conn: &mut Connection, checklist: &str) -> Result<i64, ApiError> {
        if let Some(items) = self.items.get(checklist) {
            return Ok(*items);
        }
        let row = store::checklists::by_hash(conn, checklist).await?;
        let row = row.ok_or_else(|| ApiError::internal(format!("checklist {checklist} is not there")))?;
        let items = Checklist::from_bytes(&row.bytes).map_err(ApiError::internal)?.items.len();
        let items = i64::try_from(items).map_err(ApiError::internal)?;
        self.items.insert(checklist.to_owned(), items);
        Ok(items)
    }
}

/// What is counted of a stored view.
#[derive(Default, Deserialize)]
struct Counted {
    responses: Vec<Answer>,
    findings: Vec<IgnoredAny>,
    seal: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Answer {
    /// `null` where it was retracted.
    value: Option<IgnoredAny>,
}

pub(super) fn of(row: ProgressRow, items: i64) -> Result<Progress, ApiError> {
    let counted = row.view.map(|view| serde_json::from_slice::<Counted>(&view.0)).transpose();
    let damaged = counted.is_err();
    let counted = counted.unwrap_or_default().unwrap_or_default();
    let answered = counted.responses.iter().filter(|answer| answer.value.is_some()).count();
    // An entry that was tampered with is the trace's to tell, and keeps nobody from the list of tasks.
    let last = row.last_body.as_deref().and_then(|body| Body::from_canonical(body).ok());
    Ok(Progress {
        answered: i64::try_from(answered).map_err(ApiError::internal)?,
        items,
        findings: i64::try_from(counted.findings.len()).map_err(ApiError::internal)?,
        evidence_announced: row.evidence_announced,
        evidence_held: row.evidence_held,
        open_conflicts: row.open_conflicts.unwrap_or_default(),
        sealed: counted.seal.is_some(),
        last_entry_ms: last.map(|body| body.at.wall_ms),
        damaged,
    })
}

/// The steps people took on a task, in the order of the log.
pub async fn steps(conn: &mut Connection, actor: &Actor, task: &str) -> Result<Vec<StepView>, ApiError> {
    let row = tasks::find(conn, task).await?;
    authorise_reading(conn, actor, &row).await?;
    let (receipt, seal) = (EntryKind::Receipt as i64, EntryKind::Seal as i64);
    let mut steps = Vec::new();
    for row in store::tasks::steps(conn, &row.visit, (receipt, seal)).await? {
        // Neither does a step that was tampered with keep anybody from the others.
        let Ok(body) = Body::from_canonical(&row.body) else { continue };
        let state = match row.kind == seal {
            true => TaskState::Done,
            false => match body.detail.as_deref().map(Step::from_detail) {
                Some(Ok(Step::Delivered)) => TaskState::Delivered,
                Some(Ok(Step::Opened)) => TaskState::Opened,
                Some(Ok(Step::Claimed)) => TaskState::Claimed,
                // A step of a later version: a fact of the log that this one has no word for.
                Some(Err(_)) | None => continue,
            },
        };
        steps.push(StepView { account: row.account, state, wall_ms: body.at.wall_ms, leaf: row.leaf });
    }
    Ok(steps)
}
