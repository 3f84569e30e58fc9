//! Waiting for something to happen.

use super::extract::{Query, SignedIn};
use crate::{
    ApiError, AppState,
    views::changes::{self, Changes, ChangesQuery, WAIT_SECONDS_MAX},
};
use axum::extract::State;

/// How far the ledger is judged; waits for more where asked to. What changed is read from the lists.
#[utoipa::path(
    get,
    path = "/changes",
    operation_id = "wait_for_changes",
    params(ChangesQuery),
    responses((status = 200, body = Changes))
)]
pub async fn wait(
    State(state): State<AppState>,
    SignedIn { .. }: SignedIn,
    Query(query): Query<ChangesQuery>,
) -> Result<axum::Json<Changes>, ApiError> {
    changes::wait(&state, &query, WAIT_SECONDS_MAX).await.map(axum::Json)
}
