//! Guessing has to wait: failed sign-ins are counted by login, whether it exists or not.

use crate::{
    ApiError, AppState,
    ledger::{Tx, clock},
    store::{self, credentials::LoginGuardRow},
};
use axum::http::StatusCode;
use futures::FutureExt;

/// Guessing beyond this many failures in a row has to wait; a person mistypes a few times.
const FAILURES_MAX: i64 = 10;
/// How long each further try has to wait after the last failure.
const LOCK_SECONDS: i64 = 60;
/// Failures older than this are forgotten.
const FAILURE_MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

/// Whether somebody may try now.
pub async fn admit(state: &AppState, login: &str) -> Result<(), ApiError> {
    let mut conn = state.store.read().await?;
    judge(store::credentials::login_guard(&mut conn, login).await?, clock::now_ms())
}

/// The same, for what is about to be committed.
pub async fn admit_in(tx: &mut Tx, login: &str) -> Result<(), ApiError> {
    let now_ms = tx.now_ms();
    judge(store::credentials::login_guard(tx.conn(), login).await?, now_ms)
}

/// Counts a failure, and gives what the caller is told of it.
///
/// Guesses sent side by side all pass the guard before the first of them is counted, so it is asked
/// again when an answer would tell something.
pub async fn refuse(state: &AppState, login: &str, refusal: ApiError) -> ApiError {
    let login = login.to_owned();
    let counted = state.ledger.commit(move |tx| {
        async move {
            admit_in(tx, &login).await?;
            count(tx, &login).await
        }
        .boxed()
    });
    counted.await.err().unwrap_or(refusal)
}

pub async fn count(tx: &mut Tx, login: &str) -> Result<(), ApiError> {
    let now_ms = tx.now_ms();
    Ok(store::credentials::count_failure(tx.conn(), login, now_ms, now_ms - FAILURE_MEMORY_MS).await?)
}

fn judge(guard: Option<LoginGuardRow>, now_ms: i64) -> Result<(), ApiError> {
    let Some(guard) = guard.filter(|guard| guard.failures >= FAILURES_MAX) else { return Ok(()) };
    let wait_ms = guard.last_failed_at_ms + LOCK_SECONDS * 1000 - now_ms;
    if wait_ms <= 0 {
        return Ok(());
    }
    let detail = "too many failed sign-ins under this name; wait a minute";
    let seconds = u64::try_from(wait_ms / 1000 + 1).unwrap_or(1);
    Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "session.locked", detail).retry_after(seconds))
}
