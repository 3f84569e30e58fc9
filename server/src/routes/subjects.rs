//! Inspected parties.

use super::extract::{Json, Many, OneOrManySchema, Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::registry::subjects::{self, NewSubject, SubjectChange},
    views::{
        paging::List,
        subjects::{self as views, Dossier, SubjectQuery, SubjectView},
    },
};
use axum::{extract::State, http::StatusCode};

/// Inspected parties of one's own department and those below it; auditors read all.
#[utoipa::path(
    get,
    path = "/subjects",
    operation_id = "list_subjects",
    params(SubjectQuery),
    responses((status = 200, body = List<SubjectView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<SubjectQuery>,
) -> Result<axum::Json<List<SubjectView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &actor, query).await.map(axum::Json)
}

/// One inspected party.
#[utoipa::path(
    get,
    path = "/subjects/{subject}",
    operation_id = "show_subject",
    responses((status = 200, body = SubjectView))
)]
pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<SubjectView>, ApiError> {
    let mut conn = state.store.read().await?;
    views::show(&mut conn, &actor, &id).await.map(axum::Json)
}

/// What the register says of a party and said before, and what was found there: as much of it as one
/// may read.
#[utoipa::path(
    get,
    path = "/subjects/{subject}/dossier",
    operation_id = "show_dossier",
    responses((status = 200, body = Dossier))
)]
pub async fn dossier(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<Dossier>, ApiError> {
    let mut conn = state.store.read().await?;
    views::dossier(&mut conn, &actor, &id).await.map(axum::Json)
}

/// Changes what is given and leaves the rest; what it was before stays in the dossier.
#[utoipa::path(
    patch,
    path = "/subjects/{subject}",
    operation_id = "change_subject",
    request_body = SubjectChange,
    responses((status = 200, body = SubjectView))
)]
pub async fn change(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(change): Json<SubjectChange>,
) -> Result<axum::Json<SubjectView>, ApiError> {
    let row = subjects::change(&state, &actor, &id, change).await?;
    Ok(axum::Json(row.into()))
}

/// Registers one or many, all or none; they come back in the order given.
#[utoipa::path(
    post,
    path = "/subjects",
    operation_id = "register_subjects",
    request_body = OneOrManySchema<NewSubject>,
    responses((status = 201, body = List<SubjectView>))
)]
pub async fn register(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Many(subjects): Many<NewSubject>,
) -> Result<(StatusCode, axum::Json<List<SubjectView>>), ApiError> {
    let rows = subjects::register(&state, &actor, subjects).await?;
    let items = rows.into_iter().map(SubjectView::from).collect();
    Ok((StatusCode::CREATED, axum::Json(List { items, next: None })))
}
