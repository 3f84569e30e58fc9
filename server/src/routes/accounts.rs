//! Accounts.

use super::{
    extract::{Json, Path, Query, SignedIn},
    paging::{List, Paging},
};
use crate::{
    ApiError, AppState,
    acts::access::{
        Action, Roles,
        accounts::{self, AccountChange, NewAccount},
        authorise,
    },
    store::{self, accounts::AccountRow},
};
use axum::{extract::State, http::StatusCode};
use serde::Serialize;

#[derive(Serialize)]
pub struct AccountView {
    id: String,
    login: String,
    name: String,
    certificate_no: String,
    department: String,
    roles: Roles,
    state: String,
    created_at_ms: i64,
    changed_at_ms: i64,
}

impl From<AccountRow> for AccountView {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            login: row.login,
            name: row.name,
            certificate_no: row.certificate_no,
            department: row.department,
            roles: Roles::parse(&row.roles),
            state: row.state,
            created_at_ms: row.created_at_ms,
            changed_at_ms: row.changed_at_ms,
        }
    }
}

pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<AccountView>>, ApiError> {
    authorise(&actor, Action::ReadAccounts, &actor.account.department)?;
    let mut conn = state.store.read().await?;
    let below = actor.reads_below();
    let rows = store::accounts::page_below(&mut conn, below, paging.after(), paging.fetch()?).await?;
    Ok(axum::Json(paging.list(rows, |row| row.id.clone(), AccountView::from)?))
}

/// Everybody sees their own account.
pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<AccountView>, ApiError> {
    if id == actor.id() {
        return Ok(axum::Json(actor.account.into()));
    }
    let mut conn = state.store.read().await?;
    let row = store::accounts::by_id(&mut conn, &id).await?.ok_or_else(|| accounts::unknown(&id))?;
    authorise(&actor, Action::ReadAccounts, &row.department)?;
    Ok(axum::Json(row.into()))
}

pub async fn create(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<AccountView>), ApiError> {
    let row = accounts::create(&state, &actor, new).await?;
    Ok((StatusCode::CREATED, axum::Json(row.into())))
}

pub async fn change(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(change): Json<AccountChange>,
) -> Result<axum::Json<AccountView>, ApiError> {
    Ok(axum::Json(accounts::change(&state, &actor, &id, change).await?.into()))
}
