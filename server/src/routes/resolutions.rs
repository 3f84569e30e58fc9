//! Disagreements decided at the console.

use super::extract::{Json, Path, SignedIn};
use crate::{
    ApiError, AppState,
    acts::casework::resolution::{self, NewResolution, Resolution},
    views::visits::parse,
};
use axum::{extract::State, http::StatusCode};

/// Decides an open disagreement of a visit. The same decision by the same person again is that decision.
#[utoipa::path(
    post,
    path = "/visits/{visit}/resolutions",
    operation_id = "resolve_conflict",
    request_body = NewResolution,
    responses((status = 201, body = Resolution))
)]
pub async fn resolve(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(visit): Path,
    Json(new): Json<NewResolution>,
) -> Result<(StatusCode, axum::Json<Resolution>), ApiError> {
    let resolution = resolution::resolve(&state, &actor, parse(&visit)?, new).await?;
    Ok((StatusCode::CREATED, axum::Json(resolution)))
}
