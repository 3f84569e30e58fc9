//! Visits: what was found, how it came about, where people disagree, and the reviews.

use super::extract::{Json, Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::casework::{self, NewReview},
    views::{
        paging::List,
        trace::{self, TracePage, TraceQuery},
        visits::{self as views, ConflictList, ConflictQuery, ReviewView},
    },
};
use axum::{extract::State, http::StatusCode};
use liuhen_inspection::visit::VisitView;

/// The visit as it was when the last entry was admitted.
#[utoipa::path(
    get,
    path = "/visits/{visit}",
    operation_id = "show_visit",
    responses((status = 200, body = VisitView))
)]
pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
) -> Result<axum::Json<VisitView>, ApiError> {
    let mut conn = state.store.read().await?;
    views::show(&mut conn, &actor, &visit).await.map(axum::Json)
}

/// How the visit came about: every entry of every device and every act about it, in the order of the log,
/// each verified up to the newest signed checkpoint as it is read.
#[utoipa::path(
    get,
    path = "/visits/{visit}/trace",
    operation_id = "trace_visit",
    params(TraceQuery),
    responses((status = 200, body = TracePage))
)]
pub async fn trace(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
    Query(query): Query<TraceQuery>,
) -> Result<axum::Json<TracePage>, ApiError> {
    trace::page(&state, &actor, &visit, query).await.map(axum::Json)
}

/// The reviews of a visit, oldest first.
#[utoipa::path(
    get,
    path = "/visits/{visit}/reviews",
    operation_id = "list_reviews",
    responses((status = 200, body = List<ReviewView>))
)]
pub async fn reviews(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
) -> Result<axum::Json<List<ReviewView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::reviews(&mut conn, &actor, &visit).await.map(axum::Json)
}

/// Reviews a visit whose record is sealed. A later review stands beside the earlier ones.
#[utoipa::path(
    post,
    path = "/visits/{visit}/reviews",
    operation_id = "review_visit",
    request_body = NewReview,
    responses((status = 201, body = ReviewView))
)]
pub async fn review(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
    Json(new): Json<NewReview>,
) -> Result<(StatusCode, axum::Json<ReviewView>), ApiError> {
    let row = casework::review(&state, &actor, views::parse(&visit)?, new).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}

/// Disagreements in visits the actor may read: all, or those in one state. The limit counts visits.
#[utoipa::path(
    get,
    path = "/conflicts",
    operation_id = "list_conflicts",
    params(ConflictQuery),
    responses((status = 200, body = ConflictList))
)]
pub async fn conflicts(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(query): Query<ConflictQuery>,
) -> Result<axum::Json<ConflictList>, ApiError> {
    let mut conn = state.store.read().await?;
    views::conflicts(&mut conn, &actor, query).await.map(axum::Json)
}
