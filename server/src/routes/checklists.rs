//! Checklists. Everybody who is signed in may read them: visits join departments.

use super::extract::{JsonText, Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::registry::checklists,
    views::{
        checklists::{self as views, ChecklistFile, ChecklistView},
        paging::{List, Paging},
    },
};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use liuhen_inspection::checklist::Checklist;

/// All checklists, without their items.
#[utoipa::path(
    get,
    path = "/checklists",
    operation_id = "list_checklists",
    params(Paging),
    responses((status = 200, body = List<ChecklistView>))
)]
pub async fn list(
    State(state): State<AppState>,
    _: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<ChecklistView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &paging).await.map(axum::Json)
}

/// One version of a checklist, with its items.
#[utoipa::path(
    get,
    path = "/checklists/{checklist}",
    operation_id = "show_checklist",
    responses((status = 200, body = ChecklistView))
)]
pub async fn show(
    State(state): State<AppState>,
    _: SignedIn,
    Path(hash): Path,
) -> Result<axum::Json<ChecklistView>, ApiError> {
    let mut conn = state.store.read().await?;
    views::show(&mut conn, &hash).await.map(axum::Json)
}

/// One version as the JSON that registers it, for a file.
#[utoipa::path(
    get,
    path = "/checklists/{checklist}/file",
    operation_id = "download_checklist",
    responses((status = 200, body = Checklist, headers(
        ("Content-Disposition" = String, description = "A name for the file"),
    )))
)]
pub async fn download(
    State(state): State<AppState>,
    _: SignedIn,
    Path(hash): Path,
) -> Result<ChecklistFile, ApiError> {
    let mut conn = state.store.read().await?;
    views::file(&mut conn, &hash).await
}

impl IntoResponse for ChecklistFile {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        let headers = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ];
        (headers, self.json).into_response()
    }
}

/// Registers one version. The same version with the same content again is the one registered before.
#[utoipa::path(
    post,
    path = "/checklists",
    operation_id = "register_checklist",
    request_body = Checklist,
    responses((status = 201, body = ChecklistView))
)]
pub async fn register(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    JsonText(json): JsonText,
) -> Result<(StatusCode, axum::Json<ChecklistView>), ApiError> {
    let row = checklists::register(&state, &actor, &json).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}
