//! The log's newest signed state, open to everybody: that is what witnesses compare.

use crate::AppState;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct CheckpointView {
    pub origin: String,
    pub epoch: u64,
    pub size: u64,
    /// Hex.
    pub root: String,
    /// C2SP signed note.
    pub note: String,
    /// C2SP verifier key of the note.
    pub verifier_key: String,
}

pub fn checkpoint(state: &AppState) -> CheckpointView {
    let latest = state.ledger.latest();
    CheckpointView {
        origin: state.ledger.origin(),
        epoch: latest.state.epoch,
        size: latest.state.size,
        root: latest.state.root.to_string(),
        note: latest.note.to_string(),
        verifier_key: state.ledger.note_key().to_string(),
    }
}
