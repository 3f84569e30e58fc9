//! Accounts.

use super::extract::{Json, Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::access::{
        accounts::{self, AccountChange, NewAccount},
        own_password::{self, PasswordChange},
    },
    views::{
        accounts::{self as views, AccountView},
        paging::{List, Paging},
    },
};
use axum::{extract::State, http::StatusCode};

/// Accounts of the departments that the actor administers or supervises; auditors read all.
#[utoipa::path(
    get,
    path = "/accounts",
    operation_id = "list_accounts",
    params(Paging),
    responses((status = 200, body = List<AccountView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<AccountView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &actor, &paging).await.map(axum::Json)
}

/// One account. Everybody sees their own.
#[utoipa::path(
    get,
    path = "/accounts/{account}",
    operation_id = "show_account",
    responses((status = 200, body = AccountView))
)]
pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<AccountView>, ApiError> {
    let mut conn = state.store.read().await?;
    views::show(&mut conn, &actor, &id).await.map(axum::Json)
}

/// Creates an account in a department that the actor administers.
#[utoipa::path(
    post,
    path = "/accounts",
    operation_id = "create_account",
    request_body = NewAccount,
    responses((status = 201, body = AccountView))
)]
pub async fn create(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<AccountView>), ApiError> {
    let row = accounts::create(&state, &actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}

/// Changes an account. A new password, other roles or the end of the account end its sign-ins.
#[utoipa::path(
    patch,
    path = "/accounts/{account}",
    operation_id = "change_account",
    request_body = AccountChange,
    responses((status = 200, body = AccountView))
)]
pub async fn change(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(change): Json<AccountChange>,
) -> Result<axum::Json<AccountView>, ApiError> {
    Ok(axum::Json(accounts::change(&state, &actor, &id, change).await?.into()))
}

/// Changes one's own password. One's other sign-ins end.
#[utoipa::path(
    post,
    path = "/accounts/current/password",
    operation_id = "change_own_password",
    request_body = PasswordChange,
    responses((status = 204), (status = 403, description = "The present password is another one"), (status = 429))
)]
pub async fn change_own_password(
    State(state): State<AppState>,
    SignedIn { actor, family }: SignedIn,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    own_password::change(&state, &actor, &family, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
