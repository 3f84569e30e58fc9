//! Whether anything happened, for those who show what goes on.

use crate::{ApiError, AppState};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Shorter than gateways keep an idle request open.
const WAIT_SECONDS_MAX: u64 = 25;

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The `at` of the answer before; without it the present one comes at once.
    pub after: Option<u64>,
    /// How long to wait for something to happen; 25 at most.
    #[serde(default)]
    #[param(maximum = 25)]
    pub wait_seconds: Option<u64>,
}

/// How far the ledger is judged. It says that something happened and not what: lists are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changes {
    /// Leaves below this one have verdicts, and the views show them.
    pub at: u64,
}

/// Waits until the ledger is judged beyond what the caller knows, or for as long as they say.
pub async fn wait(state: &AppState, query: &ChangesQuery) -> Result<Changes, ApiError> {
    let seconds = query.wait_seconds.unwrap_or_default();
    if seconds > WAIT_SECONDS_MAX {
        let detail = format!("wait_seconds: at most {WAIT_SECONDS_MAX}");
        return Err(ApiError::bad_request("request.wrong_query", detail));
    }
    let mut judged = state.judged.clone();
    if let Some(after) = query.after {
        // Out of time: the present place is the answer. A stop waits for it as for any request.
        let _ = tokio::time::timeout(Duration::from_secs(seconds), judged.wait_for(|at| *at > after)).await;
    }
    let at = *judged.borrow();
    Ok(Changes { at })
}
