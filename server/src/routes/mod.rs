//! The whole HTTP surface on one screen.

mod accounts;
mod changes;
mod checklists;
mod departments;
mod devices;
mod docs;
mod evidence;
pub mod extract;
mod health;
mod imports;
mod inspectors;
pub mod layers;
mod ledger;
mod openapi;
mod resolutions;
mod second_factor;
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
    routing::get,
};
use serde_json::Value;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

/// Gateways on the way cap bodies at 1 MB.
const BODY_BYTES_MAX: usize = 1_000_000;
/// Thousands of subjects or tasks in one request, from a desk and not from a phone.
const BULK_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything the server answers.
pub fn router(state: AppState) -> Router {
    let (api, description) = described();
    let api = api
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(layers::keyed))
        .layer(middleware::from_fn(layers::kept_nowhere))
        .layer(middleware::from_fn(layers::heard_out));
    let timed = api
        .merge(docs::router(&description))
        .merge(crate::exchange::router())
        .layer(middleware::from_fn_with_state(state.clone(), layers::within_time));
    let in_time = middleware::from_fn_with_state(state.clone(), layers::body_within_time);
    Router::new()
        .merge(timed)
        // Checking a whole file takes as long as it takes; only its pieces have to come in time.
        .merge(crate::evidence::router().layer(in_time))
        .merge(crate::console::router(&state))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(layers::bounded))
        .layer(middleware::from_fn(layers::measured))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(layers::panicked))
        .layer(middleware::from_fn(layers::identified))
        .with_state(state)
}

/// The API's routes and its whole description.
fn described() -> (Router<AppState>, Value) {
    let (router, api) =
        OpenApiRouter::with_openapi(openapi::frame()).nest("/api/v1", api()).split_for_parts();
    (router, openapi::complete(&api))
}

/// The API. Each line shows what the handlers' own descriptions say; a test compares them.
fn api() -> OpenApiRouter<AppState> {
    let bulk = || DefaultBodyLimit::max(BULK_BODY_BYTES_MAX);
    OpenApiRouter::new()
        .routes(routes!(sessions::sign_in)) // POST /sessions
        .routes(routes!(sessions::refresh)) // POST /sessions/refresh
        .routes(routes!(sessions::current, sessions::sign_out)) // GET DELETE /sessions/current
        .routes(routes!(second_factor::begin)) // POST /second-factor
        .routes(routes!(second_factor::confirm)) // POST /second-factor/confirmation
        .routes(routes!(departments::list, departments::create)) // GET POST /departments
        .routes(routes!(accounts::list, accounts::create)) // GET POST /accounts
        .routes(routes!(accounts::show, accounts::change)) // GET PATCH /accounts/{account}
        .routes(routes!(accounts::change_own_password)) // POST /accounts/current/password
        .routes(routes!(second_factor::remove)) // DELETE /accounts/{account}/second-factor
        .routes(routes!(devices::list, devices::enrol)) // GET POST /devices
        .routes(routes!(devices::challenge)) // POST /devices/challenge
        .routes(routes!(devices::revoke)) // POST /devices/{device}/revocation
        .routes(routes!(subjects::list, subjects::register).layer(bulk())) // GET POST /subjects
        .routes(routes!(subjects::show, subjects::change)) // GET PATCH /subjects/{subject}
        .routes(routes!(subjects::dossier)) // GET /subjects/{subject}/dossier
        .routes(routes!(imports::subjects).layer(bulk())) // POST /imports/subjects
        .routes(routes!(imports::export_subjects)) // GET /exports/subjects
        .routes(routes!(imports::export_tasks)) // GET /exports/tasks
        .routes(routes!(imports::export_findings)) // GET /exports/findings
        .routes(routes!(checklists::list, checklists::register)) // GET POST /checklists
        .routes(routes!(checklists::show)) // GET /checklists/{checklist}
        .routes(routes!(checklists::download)) // GET /checklists/{checklist}/file
        .routes(routes!(tasks::list, tasks::issue).layer(bulk())) // GET POST /tasks
        .routes(routes!(tasks::figures)) // GET /tasks/figures
        .routes(routes!(tasks::show)) // GET /tasks/{task}
        .routes(routes!(tasks::steps)) // GET /tasks/{task}/steps
        .routes(routes!(tasks::reassign)) // POST /tasks/{task}/assignment
        .routes(routes!(tasks::recall)) // POST /tasks/{task}/recall
        .routes(routes!(visits::show)) // GET /visits/{visit}
        .routes(routes!(visits::trace)) // GET /visits/{visit}/trace
        .routes(routes!(visits::reviews, visits::review)) // GET POST /visits/{visit}/reviews
        .routes(routes!(resolutions::resolve)) // POST /visits/{visit}/resolutions
        .routes(routes!(evidence::of_visit)) // GET /visits/{visit}/evidence
        .routes(routes!(visits::conflicts)) // GET /conflicts
        .routes(routes!(evidence::list)) // GET /evidence
        .routes(routes!(evidence::download)) // GET /evidence/{evidence}
        .routes(routes!(evidence::thumbnail)) // GET /evidence/{evidence}/thumbnail
        .routes(routes!(evidence::preview)) // GET /evidence/{evidence}/preview
        .routes(routes!(inspectors::list)) // GET /inspectors
        .routes(routes!(changes::wait)) // GET /changes
        .routes(routes!(ledger::checkpoint)) // GET /ledger/checkpoint
}

async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::not_found("request.unknown_path", uri.path().to_owned())
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    ApiError::new(status, "request.wrong_method", format!("{method} {}", uri.path()))
}
