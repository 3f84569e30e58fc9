//! Signing in and out.

use super::extract::{Json, WithoutFactor};
use crate::{
    ApiError, AppState,
    acts::access::{
        second_factor::FactorState,
        sessions::{self, Credentials, Identity, Session},
    },
    views::accounts::AccountView,
};
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
pub struct SessionView {
    access_token: String,
    token_type: &'static str,
    /// Seconds the access token is good for.
    expires_in: i64,
    refresh_token: String,
    account: AccountView,
    /// While it is missing, nothing but setting it up is answered.
    second_factor: FactorState,
}

/// Who is signed in, with their present roles.
#[derive(Serialize, ToSchema)]
pub struct CurrentView {
    #[serde(flatten)]
    account: AccountView,
    second_factor: FactorState,
}

/// Signs in. The code is needed of accounts that have a second factor.
#[utoipa::path(
    post,
    path = "/sessions",
    operation_id = "sign_in",
    security(()),
    request_body = Credentials,
    responses((status = 201, body = SessionView), (status = 401), (status = 409), (status = 429))
)]
pub async fn sign_in(
    State(state): State<AppState>,
    Json(given): Json<Credentials>,
) -> Result<(StatusCode, axum::Json<SessionView>), ApiError> {
    let session = sessions::sign_in(&state, given).await?;
    Ok((StatusCode::CREATED, axum::Json(view(session))))
}

/// Exchanges a refresh token for a new pair. Each is good once: its second use ends the sign-in.
#[utoipa::path(
    post,
    path = "/sessions/refresh",
    operation_id = "refresh_session",
    security(()),
    request_body = Refresh,
    responses((status = 200, body = SessionView), (status = 401))
)]
pub async fn refresh(
    State(state): State<AppState>,
    Json(given): Json<Refresh>,
) -> Result<axum::Json<SessionView>, ApiError> {
    sessions::refresh(&state, &given.refresh_token).await.map(view).map(axum::Json)
}

/// Ends the sign-in that the request came with.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "sign_out", responses((status = 204)))]
pub async fn sign_out(
    State(state): State<AppState>,
    WithoutFactor(identity): WithoutFactor,
) -> Result<StatusCode, ApiError> {
    sessions::sign_out(&state, identity.family).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is signed in, with their present roles.
#[utoipa::path(
    get,
    path = "/sessions/current",
    operation_id = "show_session",
    responses((status = 200, body = CurrentView))
)]
pub async fn current(
    WithoutFactor(Identity { actor, factor, .. }): WithoutFactor,
) -> axum::Json<CurrentView> {
    axum::Json(CurrentView { account: actor.account.into(), second_factor: factor })
}

fn view(session: Session) -> SessionView {
    SessionView {
        access_token: session.access_token,
        token_type: "Bearer",
        expires_in: session.access_seconds,
        refresh_token: session.refresh_token,
        account: session.account.into(),
        second_factor: session.factor,
    }
}
