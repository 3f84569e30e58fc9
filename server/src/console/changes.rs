//! What the script waits for before it reads a list again.

use super::page::SignedIn;
use crate::{
    ApiError, AppState,
    routes::extract::Query,
    views::changes::{self, Changes, ChangesQuery, PAGE_WAIT_SECONDS_MAX},
};
use axum::{Json, extract::State};

pub async fn wait(
    State(state): State<AppState>,
    _: SignedIn,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<Changes>, ApiError> {
    changes::wait(&state, &query, PAGE_WAIT_SECONDS_MAX).await.map(Json)
}
