//! Signing in and out.

use super::{
    accounts::AccountView,
    extract::{Json, SignedIn},
};
use crate::{
    ApiError, AppState,
    acts::access::sessions::{self, Session},
};
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    login: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: String,
}

#[derive(Serialize)]
pub struct SessionView {
    access_token: String,
    token_type: &'static str,
    /// Seconds the access token is good for.
    expires_in: i64,
    refresh_token: String,
    account: AccountView,
}

pub async fn sign_in(
    State(state): State<AppState>,
    Json(given): Json<Credentials>,
) -> Result<(StatusCode, axum::Json<SessionView>), ApiError> {
    let session = sessions::sign_in(&state, &given.login, given.password).await?;
    Ok((StatusCode::CREATED, axum::Json(view(session))))
}

pub async fn refresh(
    State(state): State<AppState>,
    Json(given): Json<Refresh>,
) -> Result<axum::Json<SessionView>, ApiError> {
    sessions::refresh(&state, &given.refresh_token).await.map(view).map(axum::Json)
}

pub async fn sign_out(State(state): State<AppState>, signed_in: SignedIn) -> Result<StatusCode, ApiError> {
    sessions::sign_out(&state, signed_in.family).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The account that is signed in, with its present roles.
pub async fn current(SignedIn { actor, .. }: SignedIn) -> axum::Json<AccountView> {
    axum::Json(actor.account.into())
}

fn view(session: Session) -> SessionView {
    SessionView {
        access_token: session.access_token,
        token_type: "Bearer",
        expires_in: session.access_seconds,
        refresh_token: session.refresh_token,
        account: session.account.into(),
    }
}
