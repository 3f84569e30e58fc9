//! Whether anything happened, for those who show what goes on.

use crate::{ApiError, AppState};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Many clients give up a request after ten seconds.
pub const WAIT_SECONDS_MAX: u64 = 5;
/// For our own pages, which know that they wait: shorter than gateways keep an idle request open.
pub const PAGE_WAIT_SECONDS_MAX: u64 = 25;

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The `at` of the answer before; without it the present one comes at once.
    #[param(maximum = 9223372036854775807_i64)]
    pub after: Option<u64>,
    /// How long to wait for something to happen; 5 at most.
    #[serde(default)]
    #[param(maximum = 5)]
    pub wait_seconds: Option<u64>,
}

/// How far the ledger is judged. It says that something happened and not what: lists are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changes {
    /// Leaves below this one have verdicts, and the views show them.
    pub at: u64,
}

/// Waits until the ledger is judged beyond what the caller knows, or for as long as they say.
pub async fn wait(state: &AppState, query: &ChangesQuery, seconds_max: u64) -> Result<Changes, ApiError> {
    let seconds = query.wait_seconds.unwrap_or_default();
    if seconds > seconds_max {
        let detail = format!("wait_seconds: at most {seconds_max}");
        return Err(ApiError::bad_request("request.wrong_query", detail));
    }
    if query.after.is_some_and(|after| i64::try_from(after).is_err()) {
        return Err(ApiError::bad_request("request.wrong_query", "after: no log is that long"));
    }
    let mut judged = state.judged.clone();
    if let Some(after) = query.after {
        let mut stopping = state.stopping.subscribe();
        // Whichever comes first: the present place is the answer.
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            _ = judged.wait_for(|at| *at > after) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
    let at = *judged.borrow();
    Ok(Changes { at })
}
