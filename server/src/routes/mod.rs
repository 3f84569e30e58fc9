//! The whole HTTP surface on one screen.

mod accounts;
mod checklists;
mod departments;
mod devices;
mod evidence;
pub mod extract;
mod health;
mod layers;
mod ledger;
mod paging;
mod sessions;
mod subjects;
mod tasks;
mod visits;

use crate::{ApiError, AppState};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, Uri},
    middleware,
    routing::{delete, get, post},
};

/// Gateways on the way cap bodies at 1 MB.
const BODY_BYTES_MAX: usize = 1_000_000;
/// Thousands of subjects or tasks in one request, from a desk and not from a phone.
const BULK_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything the server answers.
pub fn router(state: AppState) -> Router {
    let api = api().layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let timed = Router::new()
        .nest("/api/v1", api)
        .merge(crate::exchange::router())
        .layer(middleware::from_fn_with_state(state.clone(), layers::within_time));
    let in_time = middleware::from_fn_with_state(state.clone(), layers::body_within_time);
    Router::new()
        .merge(timed)
        // Checking a whole file takes as long as it takes; only its pieces have to come in time.
        .merge(crate::evidence::router().layer(in_time))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(layers::measured))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn(layers::identified))
        .with_state(state)
}

fn api() -> Router<AppState> {
    let bulk = || DefaultBodyLimit::max(BULK_BODY_BYTES_MAX);
    Router::new()
        .route("/sessions", post(sessions::sign_in))
        .route("/sessions/refresh", post(sessions::refresh))
        .route("/sessions/current", delete(sessions::sign_out).get(sessions::current))
        .route("/departments", get(departments::list).post(departments::create))
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route("/accounts/{account}", get(accounts::show).patch(accounts::change))
        .route("/devices", get(devices::list).post(devices::enrol))
        .route("/devices/challenge", post(devices::challenge))
        .route("/devices/{device}/revocation", post(devices::revoke))
        .route("/subjects", get(subjects::list).post(subjects::register).layer(bulk()))
        .route("/subjects/{subject}", get(subjects::show))
        .route("/checklists", get(checklists::list).post(checklists::register))
        .route("/checklists/{hash}", get(checklists::show))
        .route("/tasks", get(tasks::list).post(tasks::issue).layer(bulk()))
        .route("/tasks/{task}", get(tasks::show))
        .route("/tasks/{task}/assignment", post(tasks::reassign))
        .route("/tasks/{task}/recall", post(tasks::recall))
        .route("/visits/{visit}", get(visits::show))
        .route("/visits/{visit}/trace", get(visits::trace))
        .route("/visits/{visit}/reviews", get(visits::reviews).post(visits::review))
        .route("/conflicts", get(visits::conflicts))
        .route("/evidence", get(evidence::list))
        .route("/evidence/{hash}", get(evidence::download))
        .route("/ledger/checkpoint", get(ledger::checkpoint))
}

async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::not_found("request.unknown_path", uri.path().to_owned())
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    ApiError::new(status, "request.wrong_method", format!("{method} {}", uri.path()))
}
