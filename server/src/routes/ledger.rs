//! The log's newest signed state, open to everybody: that is what witnesses compare.

use crate::{ApiError, AppState};
use axum::extract::State;
use serde::Serialize;

#[derive(Serialize)]
pub struct CheckpointView {
    origin: String,
    epoch: u64,
    size: u64,
    /// Hex.
    root: String,
    /// C2SP signed note.
    note: String,
    /// C2SP verifier key of the note.
    verifier_key: String,
}

pub async fn checkpoint(State(state): State<AppState>) -> Result<axum::Json<CheckpointView>, ApiError> {
    let latest = state.ledger.latest();
    Ok(axum::Json(CheckpointView {
        origin: state.ledger.origin(),
        epoch: latest.state.epoch,
        size: latest.state.size,
        root: latest.state.root.to_string(),
        note: latest.note.to_string(),
        verifier_key: state.ledger.note_key().to_string(),
    }))
}
