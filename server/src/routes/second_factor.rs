//! One's own second factor, and resetting somebody's.

use super::extract::{Json, Path, SignedIn, WithoutFactor};
use crate::{
    ApiError, AppState,
    acts::access::second_factor::{self, NewFactor},
};
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an authenticator is told, once.
#[derive(Serialize, ToSchema)]
pub struct NewFactorView {
    /// Base32, for typing.
    secret: String,
    /// `otpauth://totp/…`, for a QR code.
    uri: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The code that the authenticator shows now; blanks are passed over.
    code: String,
}

/// Begins to set up one's own second factor (TOTP, RFC 6238).
#[utoipa::path(
    post,
    path = "/second-factor",
    operation_id = "begin_second_factor",
    responses((status = 201, body = NewFactorView))
)]
pub async fn begin(
    State(state): State<AppState>,
    WithoutFactor(identity): WithoutFactor,
) -> Result<(StatusCode, axum::Json<NewFactorView>), ApiError> {
    let NewFactor { secret, uri } = second_factor::begin(&state, &identity.actor, &identity.family).await?;
    Ok((StatusCode::CREATED, axum::Json(NewFactorView { secret, uri })))
}

/// Confirms it by a code that the authenticator shows. One's other sign-ins end.
#[utoipa::path(
    post,
    path = "/second-factor/confirmation",
    operation_id = "confirm_second_factor",
    request_body = Confirmation,
    responses((status = 204))
)]
pub async fn confirm(
    State(state): State<AppState>,
    WithoutFactor(identity): WithoutFactor,
    Json(given): Json<Confirmation>,
) -> Result<StatusCode, ApiError> {
    second_factor::confirm(&state, &identity.actor, &identity.family, &given.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the second factor off an account whose holder lost it, and ends its sign-ins.
#[utoipa::path(
    delete,
    path = "/accounts/{account}/second-factor",
    operation_id = "remove_second_factor",
    responses((status = 204))
)]
pub async fn remove(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(account): Path,
) -> Result<StatusCode, ApiError> {
    second_factor::remove(&state, &actor, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}
