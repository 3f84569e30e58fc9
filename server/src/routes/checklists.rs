//! Checklists. Everybody who is signed in may read them: visits join departments.

use super::{
    extract::{Bytes, Path, Query, SignedIn},
    paging::{List, Paging},
};
use crate::{
    ApiError, AppState,
    acts::registry::checklists,
    store::{self, checklists::ChecklistRow},
};
use axum::{extract::State, http::StatusCode};
use liuhen_inspection::checklist::Checklist;
use serde::Serialize;

#[derive(Serialize)]
pub struct ChecklistView {
    hash: String,
    department: String,
    code: String,
    version: i64,
    title: String,
    registered_at_ms: i64,
    /// Absent from lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    checklist: Option<Checklist>,
}

impl From<ChecklistRow> for ChecklistView {
    fn from(row: ChecklistRow) -> Self {
        Self {
            hash: row.hash,
            department: row.department,
            code: row.code,
            version: row.version,
            title: row.title,
            registered_at_ms: row.registered_at_ms,
            checklist: None,
        }
    }
}

pub async fn list(
    State(state): State<AppState>,
    _: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<ChecklistView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let rows = store::checklists::page(&mut conn, paging.after(), paging.fetch()?).await?;
    Ok(axum::Json(paging.list(rows, |row| row.hash.clone(), ChecklistView::from)?))
}

pub async fn show(
    State(state): State<AppState>,
    _: SignedIn,
    Path(hash): Path,
) -> Result<axum::Json<ChecklistView>, ApiError> {
    let mut conn = state.store.read().await?;
    let unknown = || ApiError::not_found("checklist.unknown", format!("no checklist {hash}"));
    let row = store::checklists::by_hash(&mut conn, &hash).await?.ok_or_else(unknown)?;
    let checklist =
        Checklist::from_bytes(&row.bytes).map_err(|refusal| ApiError::internal(refusal.to_string()))?;
    Ok(axum::Json(ChecklistView { checklist: Some(checklist), ..row.into() }))
}

pub async fn register(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Bytes(json): Bytes,
) -> Result<(StatusCode, axum::Json<ChecklistView>), ApiError> {
    let row = checklists::register(&state, &actor, &json).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}
