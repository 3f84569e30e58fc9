//! Issuing tasks, one or thousands at once, all or none.

use super::{assignees, tell, visit_of};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise, commit_as},
        new_id, text,
    },
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, Connection, task_assignees::TaskAssigneeRow, tasks::TaskRow},
};
use futures::FutureExt;
use liuhen_inspection::{Date, task::TaskState};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A season's plan of a city in one request.
pub const TASKS_MAX: usize = 5_000;
/// A phone receives what one leaf gives it whole: more would not fit an answer.
const TASKS_PER_LEAF_MAX: usize = 100;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    pub subject: String,
    /// The checklist's hash.
    pub checklist: String,
    /// Accounts; the first leads.
    #[schema(min_items = 1, max_items = 64)]
    pub assignees: Vec<String>,
    #[serde(default)]
    #[schema(value_type = text::OptionalParagraphs)]
    pub instructions: String,
    #[serde(default)]
    #[schema(value_type = Option<Date>)]
    pub due_on: Option<String>,
}

/// A task ready to be written.
struct Plan {
    task: TaskRow,
    assignees: Vec<String>,
}

/// Issues all of them or none, and returns them in the order given.
pub async fn issue(state: &AppState, actor: &Actor, tasks: Vec<NewTask>) -> Result<Vec<TaskRow>, ApiError> {
    if tasks.is_empty() || tasks.len() > TASKS_MAX {
        let detail = format!("1 to {TASKS_MAX} tasks at a time");
        return Err(ApiError::unprocessable("task.wrong_count", detail));
    }
    let mut conn = state.store.read().await?;
    let mut plans = Vec::with_capacity(tasks.len());
    for (at, task) in tasks.into_iter().enumerate() {
        plans.push(plan(&mut conn, actor, task).await.map_err(|error| error.at(format!("tasks[{at}]")))?);
    }
    drop(conn);
    let by = actor.id().to_owned();
    let committed = commit_as(state, actor, move |tx| insert(tx, by, plans).boxed());
    Ok(committed.await?.output)
}

async fn plan(conn: &mut Connection, actor: &Actor, new: NewTask) -> Result<Plan, ApiError> {
    let unknown = |code, what: &str| ApiError::not_found(code, format!("no such {what}"));
    let subject = store::subjects::by_id(conn, &new.subject).await?;
    let subject = subject.ok_or_else(|| unknown("task.unknown_subject", "subject"))?;
    authorise(actor, Action::DispatchTasks, &subject.department)?;
    let checklist = store::checklists::by_hash(conn, &new.checklist).await?;
    let checklist = checklist.ok_or_else(|| unknown("task.unknown_checklist", "checklist"))?;
    assignees::check_list(&new.assignees)?;
    let due_on: Option<Date> = new.due_on.map(|day| day.parse()).transpose()?;
    let task = TaskRow {
        id: new_id(),
        visit: new_id(),
        department: subject.department,
        subject: subject.id,
        checklist: checklist.hash,
        instructions: text::optional_paragraphs("instructions", &new.instructions)?,
        due_on: due_on.map(|day| day.to_string()),
        state: TaskState::Issued.to_string(),
        issued_by: actor.id().to_owned(),
        issued_at_ms: 0,
        ended_at_ms: None,
        recall_reason: None,
    };
    Ok(Plan { task, assignees: new.assignees })
}

async fn insert(tx: &mut Tx, actor: String, mut plans: Vec<Plan>) -> Result<Vec<TaskRow>, ApiError> {
    let people: BTreeSet<&String> = plans.iter().flat_map(|plan| &plan.assignees).collect();
    for account in people {
        assignees::check(tx.conn(), account).await?;
    }
    for batch in plans.chunks_mut(TASKS_PER_LEAF_MAX) {
        insert_batch(tx, &actor, batch).await?;
    }
    Ok(plans.into_iter().map(|plan| plan.task).collect())
}

async fn insert_batch(tx: &mut Tx, actor: &str, plans: &mut [Plan]) -> Result<(), ApiError> {
    let (issued_at_ms, leaf) = (tx.now_ms(), tx.next_leaf());
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for plan in plans.iter_mut() {
        plan.task.issued_at_ms = issued_at_ms;
        store::tasks::insert(tx.conn(), &plan.task).await?;
        rows.push(plan.task.commitment());
        let assignees = assignee_rows(plan, leaf);
        for assignee in &assignees {
            store::task_assignees::save(tx.conn(), assignee).await?;
            rows.push(assignee.commitment());
        }
        tell(tx.conn(), leaf, visit_of(&plan.task.visit)?, &assignees).await?;
        told.push(json!({ "task": plan.task.id, "subject": plan.task.subject, "assignees": plan.assignees }));
    }
    let detail = json!({ "tasks": told });
    tx.act(NewAct { kind: "task.issued", actor: Some(actor.to_owned()), detail, rows, blobs: Vec::new() })
        .await?;
    Ok(())
}

fn assignee_rows(plan: &Plan, leaf: u64) -> Vec<TaskAssigneeRow> {
    let row = |(ordinal, account): (i64, &String)| TaskAssigneeRow {
        task: plan.task.id.clone(),
        account: account.clone(),
        visit: plan.task.visit.clone(),
        ordinal,
        state: TaskState::Issued.to_string(),
        assigned_leaf: leaf as i64,
        left_leaf: None,
    };
    (0..).zip(&plan.assignees).map(row).collect()
}
