//! Tasks.

use super::{
    extract::{Json, OneOrMany, Path, Query, SignedIn},
    paging::{List, Paging},
};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise},
        tasks::{
            self,
            issue::{self, NewTask},
            matter::Matters,
            reassign::{self, Reassignment},
            recall::{self, Recall},
        },
    },
    store::{
        self, Connection,
        tasks::{TaskFilter, TaskRow},
    },
};
use axum::{extract::State, http::StatusCode};
use liuhen_inspection::task::{Assignee, Task, TaskState};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub struct TaskView {
    #[serde(flatten)]
    task: Task,
    department: String,
    issued_by: String,
    ended_at_ms: Option<i64>,
    recall_reason: Option<String>,
    /// Everybody who holds or held the task, and how far they are.
    assignments: Vec<AssignmentView>,
}

#[derive(Serialize)]
pub struct AssignmentView {
    #[serde(flatten)]
    person: Assignee,
    state: String,
    assigned_leaf: i64,
    left_leaf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskQuery {
    state: Option<TaskState>,
    assignee: Option<String>,
    subject: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

/// Supervisors see the tasks of their departments, auditors all, inspectors those they hold.
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<TaskQuery>,
) -> Result<axum::Json<List<TaskView>>, ApiError> {
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let narrowed = TaskFilter {
        state: query.state.map(|state| state.to_string()),
        assignee: query.assignee,
        subject: query.subject,
        below: None,
    };
    let filter = visible_to(&actor, narrowed)?;
    let mut conn = state.store.read().await?;
    let rows = store::tasks::page_filtered(&mut conn, &filter, paging.after(), paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, |row| row.id.clone())?;
    let mut matters = Matters::default();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(view(&mut conn, &mut matters, row).await?);
    }
    Ok(axum::Json(List { items, next }))
}

pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<TaskView>, ApiError> {
    let mut conn = state.store.read().await?;
    let row = tasks::find(&mut conn, &id).await?;
    authorise_reading(&mut conn, &actor, &row).await?;
    Ok(axum::Json(view(&mut conn, &mut Matters::default(), row).await?))
}

/// Issues one or many, all or none; they come back in the order given.
pub async fn issue(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(OneOrMany(new)): Json<OneOrMany<NewTask>>,
) -> Result<(StatusCode, axum::Json<List<TaskView>>), ApiError> {
    let rows = issue::issue(&state, &actor, new).await?;
    let mut conn = state.store.read().await?;
    let mut matters = Matters::default();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(view(&mut conn, &mut matters, row).await?);
    }
    Ok((StatusCode::CREATED, axum::Json(List { items, next: None })))
}

pub async fn reassign(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(reassignment): Json<Reassignment>,
) -> Result<axum::Json<TaskView>, ApiError> {
    let row = reassign::reassign(&state, &actor, &id, reassignment).await?;
    let mut conn = state.store.read().await?;
    Ok(axum::Json(view(&mut conn, &mut Matters::default(), row).await?))
}

pub async fn recall(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(recall): Json<Recall>,
) -> Result<axum::Json<TaskView>, ApiError> {
    let row = recall::recall(&state, &actor, &id, recall).await?;
    let mut conn = state.store.read().await?;
    Ok(axum::Json(view(&mut conn, &mut Matters::default(), row).await?))
}

/// Whoever may read casework of the department may read the task, and those who hold it.
pub async fn authorise_reading(conn: &mut Connection, actor: &Actor, task: &TaskRow) -> Result<(), ApiError> {
    let denied = match authorise(actor, Action::ReadCasework, &task.department) {
        Ok(()) => return Ok(()),
        Err(denied) => denied,
    };
    let own = store::task_assignees::of_visit_and_account(conn, &task.visit, actor.id()).await?;
    match own.is_some_and(|own| own.left_leaf.is_none()) {
        true => Ok(()),
        false => Err(denied),
    }
}

fn visible_to(actor: &Actor, narrowed: TaskFilter) -> Result<TaskFilter, ApiError> {
    let denied = match authorise(actor, Action::ReadCasework, &actor.account.department) {
        Ok(()) => return Ok(TaskFilter { below: actor.reads_below().map(str::to_owned), ..narrowed }),
        Err(denied) => denied,
    };
    match narrowed.assignee.as_deref().is_none_or(|assignee| assignee == actor.id()) {
        true => Ok(TaskFilter { assignee: Some(actor.id().to_owned()), ..narrowed }),
        false => Err(denied),
    }
}

async fn view(conn: &mut Connection, matters: &mut Matters, row: TaskRow) -> Result<TaskView, ApiError> {
    let mut assignments = Vec::new();
    for assignee in store::task_assignees::of_task(conn, &row.id).await? {
        assignments.push(AssignmentView {
            person: matters.assignee(conn, &assignee.account).await?,
            state: assignee.state,
            assigned_leaf: assignee.assigned_leaf,
            left_leaf: assignee.left_leaf,
        });
    }
    Ok(TaskView {
        task: matters.task(conn, &row).await?,
        department: row.department,
        issued_by: row.issued_by,
        ended_at_ms: row.ended_at_ms,
        recall_reason: row.recall_reason,
        assignments,
    })
}
