//! Visits: what was found, how it came about, where people disagree, and the reviews.

use super::{
    extract::{Json, Path, Query, SignedIn},
    paging::{List, Paging},
    tasks::authorise_reading,
};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise},
        casework::{self, NewReview},
        tasks,
    },
    store::{self, Connection, reviews::ReviewRow, tasks::TaskRow},
};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use liuhen_inspection::{conflict::Conflict, visit::VisitView};
use liuhen_trace::DocumentId;
use serde::{Deserialize, Serialize};

mod trace;

pub use trace::trace;

#[derive(Serialize)]
pub struct ReviewView {
    id: String,
    visit: String,
    task: String,
    reviewer: String,
    outcome: String,
    opinion: String,
    reviewed_at_ms: i64,
}

impl From<ReviewRow> for ReviewView {
    fn from(row: ReviewRow) -> Self {
        Self {
            id: row.id,
            visit: row.visit,
            task: row.task,
            reviewer: row.reviewer,
            outcome: row.outcome,
            opinion: row.opinion,
            reviewed_at_ms: row.reviewed_at_ms,
        }
    }
}

/// A disagreement with the visit it is in.
#[derive(Serialize)]
pub struct ConflictView {
    visit: String,
    task: String,
    subject: String,
    department: String,
    #[serde(flatten)]
    conflict: Conflict,
}

/// The part of a stored view that conflicts are listed from.
#[derive(Deserialize)]
struct Conflicts {
    conflicts: Vec<Conflict>,
}

/// [`VisitView`] as JSON, as it was stored when the last entry was admitted.
pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
) -> Result<impl IntoResponse, ApiError> {
    let mut conn = state.store.read().await?;
    let (visit, task) = find(&mut conn, &actor, &visit).await?;
    let json = match store::visits::view(&mut conn, visit).await? {
        Some(json) => json,
        None => serde_json::to_string(&untouched(&mut conn, visit, &task).await?)?,
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], json))
}

pub async fn reviews(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
) -> Result<axum::Json<List<ReviewView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let (visit, _) = find(&mut conn, &actor, &visit).await?;
    let rows = store::reviews::of_visit(&mut conn, &visit.to_string()).await?;
    Ok(axum::Json(List { items: rows.into_iter().map(ReviewView::from).collect(), next: None }))
}

pub async fn review(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
    Json(new): Json<NewReview>,
) -> Result<(StatusCode, axum::Json<ReviewView>), ApiError> {
    let row = casework::review(&state, &actor, parse(&visit)?, new).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}

/// All disagreements, open and decided, in visits the actor may read. The limit counts visits.
pub async fn conflicts(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<ConflictView>>, ApiError> {
    authorise(&actor, Action::ReadCasework, &actor.account.department)?;
    let forged = |_| ApiError::bad_request("request.wrong_query", "cursor: not one of this list");
    let after = paging.cursor.as_deref().map(|cursor| cursor.parse().map_err(forged)).transpose()?;
    let mut conn = state.store.read().await?;
    let rows = store::visits::with_conflicts(&mut conn, after, paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, |(visit, _)| visit.clone())?;
    let mut items = Vec::new();
    for (visit, view) in rows {
        let Some(task) = store::tasks::by_visit(&mut conn, &visit).await? else { continue };
        if authorise(&actor, Action::ReadCasework, &task.department).is_err() {
            continue;
        }
        let Conflicts { conflicts } = serde_json::from_str(&view)?;
        items.extend(conflicts.into_iter().map(|conflict| ConflictView {
            visit: visit.clone(),
            task: task.id.clone(),
            subject: task.subject.clone(),
            department: task.department.clone(),
            conflict,
        }));
    }
    Ok(axum::Json(List { items, next }))
}

/// A visit that the actor may read.
async fn find(conn: &mut Connection, actor: &Actor, visit: &str) -> Result<(DocumentId, TaskRow), ApiError> {
    let visit = parse(visit)?;
    let task = tasks::find_by_visit(conn, visit).await?;
    authorise_reading(conn, actor, &task).await?;
    Ok((visit, task))
}

fn parse(visit: &str) -> Result<DocumentId, ApiError> {
    visit.parse().map_err(|_| ApiError::not_found("visit.unknown", format!("no visit {visit}")))
}

/// What a visit looks like that nothing was handed in for.
async fn untouched(conn: &mut Connection, visit: DocumentId, task: &TaskRow) -> Result<VisitView, ApiError> {
    let missing = || ApiError::internal(format!("checklist {} is not there", task.checklist));
    let row = store::checklists::by_hash(conn, &task.checklist).await?.ok_or_else(missing)?;
    casework::untouched(visit, &row.bytes)
}
