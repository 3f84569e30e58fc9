//! Enrolment and revocation of devices.

use super::extract::{Json, Path, Query, SignedIn};
use crate::{
    ApiError, AppState,
    acts::{
        access::devices::{self, CHALLENGE_SECONDS, Enrolment},
        text,
    },
    views::{
        devices::{self as views, DeviceView},
        paging::{List, Paging},
    },
};
use axum::{extract::State, http::StatusCode};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use liuhen_trace::{Canonical as _, Grant, Signature, Suite};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ChallengeView {
    /// URL-safe base64 of 32 bytes.
    challenge: String,
    /// The deployment's name, which the signed statement holds.
    origin: String,
    expires_in: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    suite: SuiteName,
    /// This and what follows: URL-safe base64 without padding.
    #[schema(pattern = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$")]
    public_key: String,
    #[schema(value_type = text::Line)]
    name: String,
    #[schema(pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    challenge: String,
    /// Over `liuhen_trace::request::EnrolmentStatement`.
    #[schema(pattern = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$")]
    signature: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SuiteName {
    Ed25519,
    Es256,
}

#[derive(Serialize, ToSchema)]
pub struct EnrolmentView {
    device: String,
    /// Base64 of the canonical signed grant.
    grant: String,
    origin: String,
    /// Base64 of the canonical public key that signs checkpoints.
    log_key: String,
    /// Base64 of the canonical public key that signs grants.
    deployment_key: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    #[schema(value_type = text::Line)]
    reason: String,
}

/// Gives out a challenge, good for one enrolment by this account.
#[utoipa::path(
    post,
    path = "/devices/challenge",
    operation_id = "challenge_device",
    responses((status = 201, body = ChallengeView))
)]
pub async fn challenge(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
) -> Result<(StatusCode, axum::Json<ChallengeView>), ApiError> {
    let challenge = URL_SAFE_NO_PAD.encode(devices::challenge(&state, &actor).await?);
    let view = ChallengeView { challenge, origin: state.ledger.origin(), expires_in: CHALLENGE_SECONDS };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// Enrols the key that signed the challenge. A phone that lost the answer enrols again and gets the same grant.
#[utoipa::path(
    post,
    path = "/devices",
    operation_id = "enrol_device",
    request_body = NewDevice,
    responses((status = 201, body = EnrolmentView), (status = 404))
)]
pub async fn enrol(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(new): Json<NewDevice>,
) -> Result<(StatusCode, axum::Json<EnrolmentView>), ApiError> {
    let suite = match new.suite {
        SuiteName::Ed25519 => Suite::Ed25519,
        SuiteName::Es256 => Suite::Es256,
    };
    let challenge = decode("challenge", &new.challenge)?;
    let enrolment = Enrolment {
        suite,
        public_key: decode("public_key", &new.public_key)?,
        name: new.name,
        challenge: challenge.try_into().map_err(|_| bad_base64("challenge"))?,
        signature: Signature(decode("signature", &new.signature)?),
    };
    let signed = devices::enrol(&state, &actor, enrolment).await?;
    let view = EnrolmentView {
        device: Grant::from_canonical(&signed.bytes)?.device().to_string(),
        grant: STANDARD.encode(signed.to_canonical()),
        origin: state.ledger.origin(),
        log_key: STANDARD.encode(state.ledger.note_key().key.to_canonical()),
        deployment_key: STANDARD.encode(state.ledger.deployment_key().to_canonical()),
    };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

/// Devices. Those who keep them see all of their departments; everybody sees their own.
#[utoipa::path(
    get,
    path = "/devices",
    operation_id = "list_devices",
    params(Paging),
    responses((status = 200, body = List<DeviceView>))
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<DeviceView>>, ApiError> {
    let mut conn = state.store.read().await?;
    views::list(&mut conn, &actor, &paging).await.map(axum::Json)
}

/// Ends a device's rights. Its holder may do so, and whoever administers their department.
#[utoipa::path(
    post,
    path = "/devices/{device}/revocation",
    operation_id = "revoke_device",
    request_body = Revocation,
    responses((status = 200, body = DeviceView))
)]
pub async fn revoke(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
    Json(revocation): Json<Revocation>,
) -> Result<axum::Json<DeviceView>, ApiError> {
    Ok(axum::Json(devices::revoke(&state, &actor, &id, &revocation.reason).await?.into()))
}

fn decode(field: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| bad_base64(field))
}

fn bad_base64(field: &str) -> ApiError {
    let detail = format!("{field} must be URL-safe base64 without padding, of the right length");
    ApiError::unprocessable("device.malformed", detail)
}
