//! Registers: inspected parties with their dossiers, their import, and checklists.

mod checklists;
mod imports;
mod subjects;

use crate::AppState;
use axum::{Router, extract::DefaultBodyLimit, routing::get};

/// A checklist of 512 kB, once as a file and once as text, with what a form adds.
const CHECKLIST_FORM_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A table, with what a form adds.
const IMPORT_FORM_BYTES_MAX: usize = liuhen_import::limits::BYTES_MAX + 64 * 1024;

pub fn routes() -> Router<AppState> {
    let import_form = DefaultBodyLimit::max(IMPORT_FORM_BYTES_MAX);
    let checklist_form = DefaultBodyLimit::max(CHECKLIST_FORM_BYTES_MAX);
    Router::new()
        .route("/subjects", get(subjects::list))
        .route("/subjects/new", get(subjects::new).post(subjects::register))
        .route("/subjects/export", get(subjects::export))
        .route("/subjects/{subject}", get(subjects::show))
        .route("/subjects/{subject}/edit", get(subjects::edit).post(subjects::change))
        .route("/subjects/import", get(imports::choose).post(imports::import).layer(import_form))
        .route("/checklists", get(checklists::list))
        .route("/checklists/new", get(checklists::new).post(checklists::register).layer(checklist_form))
        .route("/checklists/{hash}", get(checklists::show))
        .route("/checklists/{hash}/json", get(checklists::download))
}
