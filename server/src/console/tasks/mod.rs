//! Tasks: the list with its filters, one task, and what a supervisor does with it.

mod change;
mod dispatch;
mod list;
mod people;
mod show;

pub use list::Row;

use crate::AppState;
use axum::{Router, routing::get};

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/tasks", get(list::page))
        .route("/tasks/new", get(dispatch::page).post(dispatch::issue))
        .route("/tasks/{task}", get(show::page))
        .route("/tasks/{task}/assignment", get(change::assignment).post(change::reassign))
        .route("/tasks/{task}/recall", get(change::recall_page).post(change::recall))
}
