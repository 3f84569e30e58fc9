//! Which device is calling: requests of phones are signed by the device key, so they need neither
//! a session nor a password, and a gateway on the way cannot change them.

use crate::{
    AppState,
    acts::access::accounts::ACTIVE,
    error::ApiError,
    store::{self, Connection, devices::DeviceRow},
};
use axum::http::{HeaderMap, Method, Uri};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liuhen_trace::{
    Canonical, DeviceId, PublicKey, Signature, Suite, digest,
    request::{DEVICE_HEADER, SIGNATURE_HEADER, SignedRequest},
};

/// A device that signed its request and may be heard.
#[derive(Debug, Clone)]
pub struct Caller {
    pub device: DeviceId,
    pub row: DeviceRow,
}

/// Whether the request carries a device's signature at all.
pub fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key(DEVICE_HEADER)
}

/// Checks the signature over method, path and body. `uri` is the one that was sent.
pub async fn authenticate(
    state: &AppState,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Caller, ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let unsigned = || ApiError::unauthorized("device.unsigned", "the request is not signed by a device");
    let bad =
        || ApiError::unauthorized("device.bad_signature", "the signature does not fit device and request");
    let device = text(DEVICE_HEADER).ok_or_else(unsigned)?.parse().map_err(|_| bad())?;
    let signature = text(SIGNATURE_HEADER).ok_or_else(unsigned)?;
    let signature = Signature(URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad())?);
    let mut conn = state.store.read().await?;
    let row = known(&mut conn, device).await?;
    let account = store::accounts::by_id(&mut conn, &row.account).await?;
    drop(conn);
    let origin = state.ledger.origin();
    let request = SignedRequest {
        origin: &origin,
        device,
        method: method.as_str(),
        path: uri.path_and_query().map_or("/", |path| path.as_str()),
        body_sha256: digest::sha256(body),
    };
    key(&row)?.verify(&request.message(), &signature).map_err(|_| bad())?;
    if row.is_desk() {
        let detail = "this key signs nothing that comes over the network";
        return Err(ApiError::forbidden("device.desk", detail));
    }
    if row.revoked_at_ms.is_some() {
        return Err(revoked());
    }
    if account.is_none_or(|account| account.state != ACTIVE) {
        return Err(ApiError::forbidden("account.inactive", "the device's account has been deactivated"));
    }
    Ok(Caller { device, row })
}

async fn known(conn: &mut Connection, device: DeviceId) -> Result<DeviceRow, ApiError> {
    let unknown = || ApiError::unauthorized("device.unknown", "this device is not enrolled here");
    store::devices::by_id(conn, &device.to_string()).await?.ok_or_else(unknown)
}

fn revoked() -> ApiError {
    ApiError::forbidden("device.revoked", "this device's enrolment was revoked")
}

/// The key an enrolled device signs with.
pub fn key(row: &DeviceRow) -> Result<PublicKey, ApiError> {
    let damaged = || ApiError::internal("device: the stored key cannot be read");
    let suite = u8::try_from(row.suite).map_err(|_| damaged())?;
    let suite = minicbor::to_vec(suite).map_err(|_| damaged())?;
    let suite = Suite::from_canonical(&suite).map_err(|_| damaged())?;
    Ok(PublicKey { suite, bytes: row.public_key.clone() })
}
