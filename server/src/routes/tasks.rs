//! Tasks.

use super::extract::{Json, Many, OneOrManySchema, Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::tasks::{
        issue::{self, NewTask},
        reassign::{self, Reassignment},
        recall::{self, Recall},
    },
    views::{
        paging::List,
        tasks::{self as views, StepView, TaskFigures, TaskQuery, TaskView},
    },
};
use axum::{extract::State, http::StatusCode};

/// Tasks. Supervisors see those of their departments, auditors all, inspectors those they hold.
#[utoipa::path(
    get,
    path = "/tasks",
    operation_id = "list_tasks",
    params(TaskQuery),
    responses((status = 200, body = List<TaskView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<TaskQuery>,
) -> Result<axum::Json<List<TaskView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &actor, query).await.map(axum::Json)
}

/// One task, with everybody who holds or held it.
#[utoipa::path(
    get,
    path = "/tasks/{task}",
    operation_id = "show_task",
    responses((status = 200, body = TaskView))
)]
pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<TaskView>, ApiError> {
    let mut conn = state.store.read().await?;
    views::show(&mut conn, &actor, &id).await.map(axum::Json)
}

/// How many tasks there are, by state and by what they want from the desk.
#[utoipa::path(
    get,
    path = "/tasks/figures",
    operation_id = "count_tasks",
    responses((status = 200, body = TaskFigures))
)]
pub async fn figures(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
) -> Result<axum::Json<TaskFigures>, ApiError> {
    let mut conn = state.store.read().await?;
    views::figures(&mut conn, &actor).await.map(axum::Json)
}

/// The steps that people took on a task and signed, in the order of the log.
#[utoipa::path(
    get,
    path = "/tasks/{task}/steps",
    operation_id = "list_task_steps",
    responses((status = 200, body = List<StepView>))
)]
pub async fn steps(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<List<StepView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let items = views::steps(&mut conn, &actor, &id).await?;
    Ok(axum::Json(List { items, next: None }))
}

/// Issues one or many, all or none; they come back in the order given.
#[utoipa::path(
    post,
    path = "/tasks",
    operation_id = "issue_tasks",
    request_body = OneOrManySchema<NewTask>,
    responses((status = 201, body = List<TaskView>), (status = 404))
)]
pub async fn issue(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Many(new): Many<NewTask>,
) -> Result<(StatusCode, axum::Json<List<TaskView>>), ApiError> {
    let rows = issue::issue(&state, &actor, new).await?;
    let mut conn = state.store.read().await?;
    let items = views::of_rows(&mut conn, rows).await?;
    Ok((StatusCode::CREATED, axum::Json(List { items, next: None })))
}

/// Gives a task to other people. Who stays keeps their progress.
#[utoipa::path(
    post,
    path = "/tasks/{task}/assignment",
    operation_id = "reassign_task",
    request_body = Reassignment,
    responses((status = 200, body = TaskView))
)]
pub async fn reassign(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(reassignment): Json<Reassignment>,
) -> Result<axum::Json<TaskView>, ApiError> {
    let row = reassign::reassign(&state, &actor, &id, reassignment).await?;
    let mut conn = state.store.read().await?;
    views::of_row(&mut conn, row).await.map(axum::Json)
}

/// Takes a task back that is not done. Those who held it lose it.
#[utoipa::path(
    post,
    path = "/tasks/{task}/recall",
    operation_id = "recall_task",
    request_body = Recall,
    responses((status = 200, body = TaskView))
)]
pub async fn recall(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(recall): Json<Recall>,
) -> Result<axum::Json<TaskView>, ApiError> {
    let row = recall::recall(&state, &actor, &id, recall).await?;
    let mut conn = state.store.read().await?;
    views::of_row(&mut conn, row).await.map(axum::Json)
}
