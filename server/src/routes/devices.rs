//! Enrolment and revocation of devices.

use super::{
    extract::{Json, Path, Query, SignedIn},
    paging::{List, Paging},
};
use crate::{
    ApiError, AppState,
    acts::access::{
        Action, authorise,
        devices::{self, CHALLENGE_SECONDS, Enrolment},
    },
    store::{self, devices::DeviceRow},
};
use axum::{extract::State, http::StatusCode};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use liuhen_trace::{Canonical as _, Grant, Signature, Suite};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
pub struct ChallengeView {
    /// URL-safe base64 of 32 bytes.
    challenge: String,
    /// The deployment's name, which the signed statement holds.
    origin: String,
    expires_in: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    suite: SuiteName,
    /// This and what follows: URL-safe base64 without padding.
    public_key: String,
    name: String,
    challenge: String,
    /// Over `liuhen_trace::request::EnrolmentStatement`.
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SuiteName {
    Ed25519,
    Es256,
}

#[derive(Serialize)]
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

#[derive(Serialize)]
pub struct DeviceView {
    id: String,
    account: String,
    name: String,
    enrolled_at_ms: i64,
    revoked_at_ms: Option<i64>,
    revoked_reason: Option<String>,
}

impl From<DeviceRow> for DeviceView {
    fn from(row: DeviceRow) -> Self {
        Self {
            id: row.id,
            account: row.account,
            name: row.name,
            enrolled_at_ms: row.enrolled_at_ms,
            revoked_at_ms: row.revoked_at_ms,
            revoked_reason: row.revoked_reason,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    reason: String,
}

pub async fn challenge(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
) -> Result<(StatusCode, axum::Json<ChallengeView>), ApiError> {
    let challenge = URL_SAFE_NO_PAD.encode(devices::challenge(&state, &actor).await?);
    let view = ChallengeView { challenge, origin: state.ledger.origin(), expires_in: CHALLENGE_SECONDS };
    Ok((StatusCode::CREATED, axum::Json(view)))
}

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

/// Those who keep devices see all of them; everybody sees their own.
pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<DeviceView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let (after, fetch) = (paging.after(), paging.fetch()?);
    let rows = match authorise(&actor, Action::ReadDevices, &actor.account.department) {
        Ok(()) => store::devices::page_below(&mut conn, actor.reads_below(), after, fetch).await?,
        Err(_) => store::devices::page_of_account(&mut conn, actor.id(), after, fetch).await?,
    };
    Ok(axum::Json(paging.list(rows, |row| row.id.clone(), DeviceView::from)?))
}

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
