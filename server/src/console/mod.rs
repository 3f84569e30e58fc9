//! The console (`/console`): pages for people at a desk, rendered here and complete without script.
//!
//! A handler takes a [`SignedIn`] and what the address or form says, asks [`crate::views`] or calls an
//! act, and answers with a template of `server/templates`, or with a redirect. It holds no rule and no
//! SQL. What it refuses it returns as an [`ApiError`]: [`layers`] makes a page of it.
//!
//! - [`page`]: who looks at it, in which language; what every page begins with.
//! - [`layers`]: sign-in, same origin, security headers, error pages.
//! - [`form`]: what a form sent, kept for showing it again.
//! - [`beginning`]: what a new deployment lacks before its first task.
//! - [`show`], [`words`]: times, states and roles as people read them.

pub mod assets;
pub mod form;
pub mod layers;
pub mod page;
pub mod show;
pub mod upload;
pub mod words;

mod account;
mod beginning;
mod casework;
mod changes;
mod errors;
mod home;
mod people;
mod register;
mod session;
mod tasks;

pub use form::{Fields, Listing};
pub use page::{Lang, Page, SignedIn, render};

use crate::{ApiError, AppState};
use axum::{
    Router,
    extract::{DefaultBodyLimit, OriginalUri},
    middleware,
    response::Redirect,
    routing::get,
};

/// A form of text fields; what takes files sets its own.
const FORM_BYTES_MAX: usize = 1_000_000;

/// Everything below `/console`.
pub fn router(state: &AppState) -> Router<AppState> {
    let open = Router::new()
        .route("/static/{file}", get(assets::serve))
        .route("/language", get(page::choose_language))
        .route("/sign-in", get(session::page).post(session::sign_in));
    let signed_in = Router::new()
        .route("/", get(home::show))
        .route("/sign-out", get(page_above).post(session::sign_out))
        .route("/account", get(account::show))
        .route("/account/password", get(account::show).post(account::change_password))
        .route("/account/second-factor", get(account::second_factor).post(account::confirm_second_factor))
        .merge(casework::routes())
        .route("/changes", get(changes::wait))
        .merge(tasks::routes())
        .merge(people::routes())
        .merge(register::routes())
        .fallback(unknown_page)
        .layer(middleware::from_fn(layers::signed_in));
    let pages = open.merge(signed_in).layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
    Router::new()
        .nest("/console", layers::dress(state, pages))
        .route("/console/", get(|| async { Redirect::permanent("/console") }))
        .route("/", get(|| async { Redirect::to("/console") }))
}

/// Where only forms go, somebody comes who reloads, goes back or changes the language: to the page that the
/// form stands on.
async fn page_above(OriginalUri(uri): OriginalUri) -> Redirect {
    let above = uri.path().rsplit_once('/').map_or("/console", |(above, _)| above);
    Redirect::to(above)
}

async fn unknown_page(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found("request.unknown_path", uri.path().to_owned())
}
