//! Departments.

use super::{
    extract::{Json, Query, SignedIn},
    paging::{List, Paging},
};
use crate::{
    ApiError, AppState,
    acts::access::departments::{self, NewDepartment},
    store::{self, departments::DepartmentRow},
};
use axum::{extract::State, http::StatusCode};
use serde::Serialize;

#[derive(Serialize)]
pub struct DepartmentView {
    id: String,
    parent: Option<String>,
    name: String,
    created_at_ms: i64,
}

impl From<DepartmentRow> for DepartmentView {
    fn from(row: DepartmentRow) -> Self {
        Self { id: row.id, parent: row.parent, name: row.name, created_at_ms: row.created_at_ms }
    }
}

/// One's own department and those below it.
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<DepartmentView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let below = actor.reads_below();
    let rows = store::departments::page_below(&mut conn, below, paging.after(), paging.fetch()?).await?;
    Ok(axum::Json(paging.list(rows, |row| row.id.clone(), DepartmentView::from)?))
}

pub async fn create(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(new): Json<NewDepartment>,
) -> Result<(StatusCode, axum::Json<DepartmentView>), ApiError> {
    let row = departments::create(&state, &actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}
