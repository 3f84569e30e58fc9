//! Enrolment: a person signs in once, the device's key signs the server's challenge, and the grant
//! that comes back is pinned together with the deployment's keys. The access token is not kept.

use super::{
    Client,
    link::{Server, Traffic, deliver, problem},
};
use crate::{
    Error, Result,
    records::{Enrolment, NewEnrolment},
    store::{
        events::NewEvent,
        identity::{self, Identity},
        progress,
    },
    transport::{HttpRequest, Method},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use liuhen_trace::{
    Canonical, DeviceId, PublicKey, Refusal, SignedGrant, Suite, request::EnrolmentStatement,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// What a server says to a device that it never enrolled, or whose enrolment a restore lost.
const FORGOTTEN_CODE: &str = "device.unknown";

#[derive(Deserialize)]
struct Session {
    access_token: String,
}

#[derive(Deserialize)]
struct Challenge {
    challenge: String,
    origin: String,
}

#[derive(Deserialize)]
struct Granted {
    grant: String,
    origin: String,
    log_key: String,
    deployment_key: String,
}

impl Client {
    /// Signs in, enrols this device, and remembers the deployment. An enrolled folder stays with its
    /// deployment: its outbox belongs there. Where that was restored from before this enrolment and says
    /// that it does not know the device, the same person enrols it again, and goes on with everything.
    ///
    /// An account with a second factor needs the code: the server refuses with `session.code_required`
    /// without one, and with `session.wrong_code` where code or password is wrong or the code was used.
    pub fn enrol(&self, new: NewEnrolment<'_>) -> Result<Enrolment> {
        let known = self.read(|db, _| Ok((identity::read(db)?, progress::read(db)?.error)))?;
        let known = match known {
            (Some(known), Some((code, _))) if code == FORGOTTEN_CODE => Some(known),
            (Some(known), _) => return Err(Error::refused("device.already_enrolled", known.server)),
            (None, _) => None,
        };
        let address = Server::parse(new.server)?;
        let credentials = json!({ "login": new.login, "password": new.password, "code": new.code });
        let session: Session = self.ask(&address, None, "/api/v1/sessions", credentials)?;
        let token = Some(session.access_token.as_str());
        let identity = self.enrol_device(&address, token, new.device_name);
        // The session has served; should the server not hear this, it ends by itself.
        let _ = self.end_session(&address, &session.access_token);
        let identity = Identity { server: new.server.trim().trim_end_matches('/').to_owned(), ..identity? };
        if let Some(known) = &known {
            check_same(known, &identity)?;
        }
        self.write(|desk| {
            match known {
                Some(_) => identity::set_grant(&desk.tx, &identity.grant)?,
                None => identity::insert(&desk.tx, &identity)?,
            }
            progress::set_error(&desk.tx, None)?;
            desk.event(NewEvent {
                kind: "device.enrolled",
                detail: identity.origin.clone(),
                ..NewEvent::default()
            })
        })?;
        enrolment(identity)
    }

    /// `None` before [`Client::enrol`].
    pub fn enrolment(&self) -> Result<Option<Enrolment>> {
        self.read(|db, _| identity::read(db)?.map(enrolment).transpose())
    }

    fn enrol_device(&self, server: &Server, token: Option<&str>, device_name: &str) -> Result<Identity> {
        let key = self.shared.signer.public_key();
        let asked: Challenge = self.ask(server, token, "/api/v1/devices/challenge", json!({}))?;
        let challenge = URL_SAFE_NO_PAD.decode(&asked.challenge).ok().and_then(|bytes| bytes.try_into().ok());
        let challenge = challenge.ok_or_else(|| malformed("challenge"))?;
        let statement = EnrolmentStatement { origin: &asked.origin, challenge, key: key.clone() };
        let signature = self.shared.signer.sign(&statement.message())?;
        let form = json!({
            "suite": suite_name(key.suite),
            "public_key": URL_SAFE_NO_PAD.encode(&key.bytes),
            "name": device_name,
            "challenge": asked.challenge,
            "signature": URL_SAFE_NO_PAD.encode(&signature.0),
        });
        let granted: Granted = self.ask(server, token, "/api/v1/devices", form)?;
        if granted.origin != asked.origin {
            return Err(malformed("the origin changed"));
        }
        pinned(granted, &key, device_name, self.shared.parts.clock.now().wall_ms)
    }

    fn ask<T: DeserializeOwned>(
        &self,
        server: &Server,
        token: Option<&str>,
        path: &str,
        form: Value,
    ) -> Result<T> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
        let url = server.url(&server.path(path));
        let request = HttpRequest { method: Method::Post, url, headers, body: form.to_string().into_bytes() };
        let answer = deliver(&self.shared, request, &mut Traffic::default())?;
        if !answer.is_success() {
            return Err(problem(&answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| malformed(&error.to_string()))
    }

    fn end_session(&self, server: &Server, token: &str) -> Result<()> {
        let headers = vec![("authorization", format!("Bearer {token}"))];
        let url = server.url(&server.path("/api/v1/sessions/current"));
        let request = HttpRequest { method: Method::Delete, url, headers, body: Vec::new() };
        deliver(&self.shared, request, &mut Traffic::default()).map(drop)
    }
}

/// Entries that were signed under the old grant count for the person of the new one.
fn check_same(known: &Identity, identity: &Identity) -> Result<()> {
    let deployment = |of: &Identity| (of.origin.clone(), of.log_key.clone(), of.deployment_key.clone());
    if deployment(known) != deployment(identity) || known.device != identity.device {
        let detail = "another deployment answers at this address".to_owned();
        return Err(Error::Untrusted(Refusal::new("grant.other_deployment", detail)));
    }
    let (before, now) = (known.grant()?, identity.grant()?);
    if (&before.person, &before.certificate_no) != (&now.person, &now.certificate_no) {
        return Err(Error::refused("device.other_person", before.person));
    }
    Ok(())
}

fn suite_name(suite: Suite) -> &'static str {
    match suite {
        Suite::Ed25519 => "ed25519",
        Suite::Es256 => "es256",
    }
}

/// What is believed from here on. Trust begins here: the keys are those of whoever answered.
fn pinned(granted: Granted, key: &PublicKey, device_name: &str, enrolled_ms: i64) -> Result<Identity> {
    let deployment_key = public_key(&granted.deployment_key)?;
    let log_key = public_key(&granted.log_key)?;
    let bytes = STANDARD.decode(&granted.grant).map_err(|_| malformed("grant"))?;
    let signed = SignedGrant::from_canonical(&bytes).map_err(Error::Untrusted)?;
    let grant = signed.check(&deployment_key).map_err(Error::Untrusted)?;
    if grant.device_key != *key || grant.origin != granted.origin || grant.log_key != log_key {
        return Err(Error::Untrusted(Refusal::new("grant.other_device", "not for this key and deployment")));
    }
    Ok(Identity {
        server: String::new(),
        origin: granted.origin,
        device: DeviceId::derive(key),
        device_name: device_name.to_owned(),
        grant: signed,
        log_key,
        deployment_key,
        enrolled_ms,
    })
}

fn public_key(text: &str) -> Result<PublicKey> {
    let bytes = STANDARD.decode(text).map_err(|_| malformed("key"))?;
    let key = PublicKey::from_canonical(&bytes).map_err(Error::Untrusted)?;
    PublicKey::parse(key.suite, &key.bytes).map_err(Error::Untrusted)
}

fn malformed(detail: &str) -> Error {
    Error::Network { code: "network.unexpected_answer", detail: format!("enrolment: {detail}") }
}

fn enrolment(identity: Identity) -> Result<Enrolment> {
    let grant = identity.grant()?;
    Ok(Enrolment {
        server: identity.server,
        origin: identity.origin,
        device: identity.device,
        device_name: identity.device_name,
        account: grant.account,
        person: grant.person,
        certificate_no: grant.certificate_no,
        department: grant.department,
        roles: grant.roles,
    })
}
