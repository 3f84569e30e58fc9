//! The ledger, as witnesses see it.

use crate::{
    AppState,
    views::ledger::{self as views, CheckpointView},
};
use axum::extract::State;

/// The log's newest signed state, open to everybody: that is what witnesses compare.
#[utoipa::path(
    get,
    path = "/ledger/checkpoint",
    operation_id = "show_checkpoint",
    security(()),
    responses((status = 200, body = CheckpointView))
)]
pub async fn checkpoint(State(state): State<AppState>) -> axum::Json<CheckpointView> {
    axum::Json(views::checkpoint(&state))
}
