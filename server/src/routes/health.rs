//! For those who run the server.

use crate::{ApiError, AppState, store};
use axum::{extract::State, http::header, response::IntoResponse};
use futures::FutureExt;
use std::time::Duration;

/// Probes ask every few seconds and give up about as fast.
const READY_TIME_MAX: Duration = Duration::from_secs(5);
/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The database can be written.
pub async fn ready(State(state): State<AppState>) -> Result<&'static str, ApiError> {
    let written = state.ledger.commit(|tx| {
        async move {
            let now_ms = tx.now_ms();
            Ok(store::readiness::note(tx.conn(), now_ms).await?)
        }
        .boxed()
    });
    match tokio::time::timeout(READY_TIME_MAX, written).await {
        Ok(Ok(_)) => Ok("ready\n"),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ApiError::unavailable("storage.unavailable", "the database does not answer")),
    }
}

pub async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    metrics::gauge!("liuhen_ledger_leaves").set(state.ledger.latest().state.size as f64);
    state.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, METRICS_TYPE)], state.metrics.render())
}
