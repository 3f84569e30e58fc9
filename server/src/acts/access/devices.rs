//! Enrolling a device ends in a grant; revoking it ends what the device may do.

use super::{Action, Actor, authorise, commit_as};
use crate::{
    ApiError, AppState,
    acts::text,
    ledger::{NewAct, Tx, clock, random},
    store::{self, CommittedRow as _, Connection, devices::DeviceRow},
};
use futures::FutureExt;
use liuhen_trace::{
    Canonical as _, DeviceId, Grant, PublicKey, Refusal, Signature, SignedGrant, Suite,
    request::EnrolmentStatement,
};
use serde_json::json;

/// Time to unlock the phone's key and send one request over a bad line.
pub const CHALLENGE_SECONDS: i64 = 10 * 60;

/// What a phone hands in to be enrolled.
pub struct Enrolment {
    pub suite: Suite,
    pub public_key: Vec<u8>,
    /// What people call the device.
    pub name: String,
    pub challenge: [u8; 32],
    pub signature: Signature,
}

/// Gives out a challenge, good for one enrolment by this account.
pub async fn challenge(state: &AppState, actor: &Actor) -> Result<[u8; 32], ApiError> {
    authorise(actor, Action::EnrolDevice, &actor.account.department)?;
    let (challenge, account) = (random::<32>(), actor.id().to_owned());
    let stored = state.ledger.commit(move |tx| {
        async move {
            let now_ms = tx.now_ms();
            let expires_at_ms = now_ms + CHALLENGE_SECONDS * 1000;
            Ok(store::devices::insert_challenge(tx.conn(), &challenge, &account, now_ms, expires_at_ms)
                .await?)
        }
        .boxed()
    });
    stored.await?;
    Ok(challenge)
}

/// Enrols the key that signed the challenge for the account that asked for it. A phone that lost
/// the answer enrols again and gets the same grant.
pub async fn enrol(state: &AppState, actor: &Actor, enrolment: Enrolment) -> Result<SignedGrant, ApiError> {
    authorise(actor, Action::EnrolDevice, &actor.account.department)?;
    // Bytes that are no key sign nothing.
    let no_key = |refusal: Refusal| ApiError::forbidden(refusal.code, refusal.detail);
    let key = PublicKey::parse(enrolment.suite, &enrolment.public_key).map_err(no_key)?;
    let origin = state.ledger.origin();
    let statement = EnrolmentStatement { origin: &origin, challenge: enrolment.challenge, key: key.clone() };
    key.verify(&statement.message(), &enrolment.signature).map_err(|_| {
        ApiError::forbidden("device.wrong_signature", "the signature over the challenge does not verify")
    })?;
    let name = text::line("name", &enrolment.name)?;
    let mut conn = state.store.read().await?;
    let grant = plan_grant(state, &mut conn, actor, &key).await?;
    drop(conn);
    let device = plan_row(actor, &key, name, &state.ledger.sign_grant(grant));
    let challenge = enrolment.challenge;
    let committed = commit_as(state, actor, move |tx| apply_enrolment(tx, device, challenge).boxed());
    SignedGrant::from_canonical(&committed.await?.output)
        .map_err(|refusal| ApiError::internal(refusal.to_string()))
}

/// Ends a device's rights. Its holder may do so, and whoever administers their department.
pub async fn revoke(state: &AppState, actor: &Actor, id: &str, reason: &str) -> Result<DeviceRow, ApiError> {
    let reason = text::line("reason", reason)?;
    let mut conn = state.store.read().await?;
    let device = store::devices::by_id(&mut conn, id).await?.ok_or_else(|| unknown(id))?;
    let holder = store::accounts::by_id(&mut conn, &device.account).await?;
    drop(conn);
    if device.account != actor.id() {
        let department = holder.map(|holder| holder.department).unwrap_or_default();
        authorise(actor, Action::ManageDevices, &department)?;
    }
    let (by, id) = (actor.id().to_owned(), device.id);
    let committed = commit_as(state, actor, move |tx| apply_revocation(tx, by, id, reason).boxed());
    Ok(committed.await?.output)
}

/// The error for a device that is not there.
pub fn unknown(id: &str) -> ApiError {
    ApiError::not_found("device.unknown", format!("no device {id}"))
}

/// What a phone's grant says; a desk's differs in its roles and in the time it may be offline.
pub(in crate::acts) async fn plan_grant(
    state: &AppState,
    conn: &mut Connection,
    actor: &Actor,
    key: &PublicKey,
) -> Result<Grant, ApiError> {
    let department = store::departments::by_id(conn, &actor.account.department).await?;
    Ok(Grant {
        suite: Suite::Ed25519,
        origin: state.ledger.origin(),
        account: actor.account.id.clone(),
        person: actor.account.name.clone(),
        certificate_no: actor.account.certificate_no.clone(),
        department: department.map(|department| department.name).unwrap_or_default(),
        roles: actor.roles.names(),
        device_key: key.clone(),
        offline_hours: state.config.offline_hours,
        log_key: state.ledger.note_key().key,
        issued_at_ms: clock::now_ms(),
    })
}

pub(in crate::acts) fn plan_row(
    actor: &Actor,
    key: &PublicKey,
    name: String,
    signed_grant: &SignedGrant,
) -> DeviceRow {
    DeviceRow {
        id: DeviceId::derive(key).to_string(),
        account: actor.account.id.clone(),
        name,
        suite: key.suite as i64,
        public_key: key.bytes.clone(),
        signed_grant: signed_grant.to_canonical(),
        enrolled_at_ms: 0,
        revoked_at_ms: None,
        revoked_reason: None,
    }
}

/// The canonical grant that holds afterwards.
async fn apply_enrolment(tx: &mut Tx, device: DeviceRow, challenge: [u8; 32]) -> Result<Vec<u8>, ApiError> {
    let now_ms = tx.now_ms();
    if !store::devices::take_challenge(tx.conn(), &challenge, &device.account, now_ms).await? {
        let detail = "the challenge was not given to you, was used, or is older than ten minutes";
        return Err(ApiError::not_found("device.challenge_unknown", detail));
    }
    if let Some(known) = store::devices::by_id(tx.conn(), &device.id).await? {
        return match (known.account == device.account, known.revoked_at_ms) {
            (true, None) => Ok(known.signed_grant),
            (true, Some(_)) => {
                Err(ApiError::conflict("device.revoked", "this key was revoked; make a new one"))
            }
            (false, _) => {
                Err(ApiError::conflict("device.other_account", "this key is enrolled for another account"))
            }
        };
    }
    let device = DeviceRow { enrolled_at_ms: now_ms, ..device };
    store::devices::insert(tx.conn(), &device).await?;
    tx.act(NewAct {
        kind: "device.enrolled",
        actor: Some(device.account.clone()),
        detail: json!({ "device": device.id, "account": device.account, "name": device.name }),
        rows: vec![device.commitment()],
        blobs: Vec::new(),
    })
    .await?;
    Ok(device.signed_grant)
}

async fn apply_revocation(
    tx: &mut Tx,
    actor: String,
    id: String,
    reason: String,
) -> Result<DeviceRow, ApiError> {
    let device = store::devices::by_id(tx.conn(), &id).await?.ok_or_else(|| unknown(&id))?;
    if device.revoked_at_ms.is_some() {
        return Err(ApiError::conflict("device.revoked", "this device was revoked before"));
    }
    let device = DeviceRow { revoked_at_ms: Some(tx.now_ms()), revoked_reason: Some(reason), ..device };
    store::devices::save_revocation(tx.conn(), &device).await?;
    tx.act(NewAct {
        kind: "device.revoked",
        actor: Some(actor),
        detail: json!({ "device": device.id, "account": device.account, "reason": device.revoked_reason }),
        rows: vec![device.commitment()],
        blobs: Vec::new(),
    })
    .await?;
    Ok(device)
}
