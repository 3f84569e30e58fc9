//! Visits: what was found, who disagrees, how it came about, the files, and the reviews.
//!
//! - [`visit`]: the page of one visit, put together from [`sheet`] and the lists below.
//! - [`disputes`]: disagreements, in a visit and as a worklist over all.
//! - [`trace`]: everything about a visit in the order of the ledger, verified.
//! - [`evidence`]: the files one by one.

mod disputes;
mod evidence;
mod sheet;
mod trace;
mod visit;
pub mod words;

use super::page_above;
use crate::AppState;
use axum::{Router, routing::get};

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/visits/{visit}", get(visit::show))
        .route("/visits/{visit}/trace", get(trace::show))
        .route("/visits/{visit}/reviews", get(page_above).post(visit::review))
        .route("/visits/{visit}/resolutions", get(page_above).post(disputes::resolve))
        .route("/visits/{visit}/evidence/{hash}", get(evidence::show))
        .route("/conflicts", get(disputes::worklist))
        .route("/evidence/{hash}", get(evidence::in_its_visit))
        .route("/evidence/{hash}/original", get(evidence::original))
        .route("/evidence/{hash}/thumbnail", get(evidence::thumbnail))
        .route("/evidence/{hash}/preview", get(evidence::preview))
}
