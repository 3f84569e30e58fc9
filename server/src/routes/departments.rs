//! Departments.

use super::extract::{Json, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::access::departments::{self, NewDepartment},
    views::{
        departments::{self as views, DepartmentView},
        paging::{List, Paging},
    },
};
use axum::{extract::State, http::StatusCode};

/// One's own department and those below it; auditors read all.
#[utoipa::path(
    get,
    path = "/departments",
    operation_id = "list_departments",
    params(Paging),
    responses((status = 200, body = List<DepartmentView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<DepartmentView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &actor, &paging).await.map(axum::Json)
}

/// Founds a department below one that the actor administers.
#[utoipa::path(
    post,
    path = "/departments",
    operation_id = "create_department",
    request_body = NewDepartment,
    responses((status = 201, body = DepartmentView))
)]
pub async fn create(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(new): Json<NewDepartment>,
) -> Result<(StatusCode, axum::Json<DepartmentView>), ApiError> {
    let row = departments::create(&state, &actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}
