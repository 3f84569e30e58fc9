//! Who can be given a task.

use super::extract::SignedIn;
use crate::{
    ApiError, AppState,
    views::{
        inspectors::{self as views, InspectorView},
        paging::List,
    },
};
use axum::extract::State;

/// Active inspectors with how many tasks they hold: those of one's own departments first.
#[utoipa::path(
    get,
    path = "/inspectors",
    operation_id = "list_inspectors",
    responses((status = 200, body = List<InspectorView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
) -> Result<axum::Json<List<InspectorView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let items = views::list(&mut conn, &actor).await?;
    Ok(axum::Json(List { items, next: None }))
}
