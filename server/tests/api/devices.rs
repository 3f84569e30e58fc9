//! Enrolment and revocation.

use crate::deployment::{Answer, Deployment};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use liuhen_trace::{
    Canonical as _, DeviceId, PublicKey, SignedGrant, SoftwareKey, request::EnrolmentStatement,
};
use serde_json::{Value, json};

async fn challenge(deployment: &Deployment, login: &str) -> Value {
    deployment.post(login, "/api/v1/devices/challenge", &json!({})).await.created()
}

fn statement(key: &SoftwareKey, challenge: &Value) -> Value {
    let text = challenge["challenge"].as_str().expect("a challenge");
    let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).expect("base64").try_into().expect("32 bytes");
    let origin = challenge["origin"].as_str().expect("an origin");
    let message = EnrolmentStatement { origin, challenge: bytes, key: key.public() }.message();
    json!({
        "suite": "ed25519", "name": "张伟的手机", "challenge": text,
        "public_key": URL_SAFE_NO_PAD.encode(&key.public().bytes),
        "signature": URL_SAFE_NO_PAD.encode(&key.sign_now(&message).0),
    })
}

pub async fn enrol(deployment: &Deployment, login: &str, key: &SoftwareKey) -> Answer {
    let challenge = challenge(deployment, login).await;
    deployment.post(login, "/api/v1/devices", &statement(key, &challenge)).await
}

fn grant(enrolled: &Value) -> (SignedGrant, PublicKey) {
    let bytes = |key: &str| STANDARD.decode(enrolled[key].as_str().expect("text")).expect("base64");
    let grant = SignedGrant::from_canonical(&bytes("grant")).expect("a signed grant");
    (grant, PublicKey::from_canonical(&bytes("deployment_key")).expect("a key"))
}

#[tokio::test]
async fn enrolling_gives_a_grant_that_verifies_and_again_the_same_one() {
    let deployment = Deployment::staffed().await;
    let key = SoftwareKey::from_seed([7; 32]);
    let enrolled = enrol(&deployment, "zhang", &key).await.created();
    let (signed, deployment_key) = grant(&enrolled);
    let granted = signed.check(&deployment_key).expect("a grant of this deployment");
    assert_eq!(granted.account, deployment.account("zhang").await);
    assert_eq!((granted.person.as_str(), granted.certificate_no.as_str()), ("zhang 同志", "GA-1"));
    assert_eq!(
        (granted.department.as_str(), granted.roles.as_slice()),
        ("市局", &["inspector".to_owned()][..])
    );
    assert_eq!(enrolled["device"], DeviceId::derive(&key.public()).to_string());
    assert_eq!(enrolled["origin"], granted.origin);

    let again = enrol(&deployment, "zhang", &key).await.created();
    assert_eq!(again["grant"], enrolled["grant"]);
    let listed = deployment.get("zhang", "/api/v1/devices").await.ok();
    assert_eq!(listed["items"].as_array().expect("a list").len(), 1);
    assert_eq!(deployment.get("li", "/api/v1/devices").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_challenge_is_good_once_for_whom_it_was_given_to() {
    let deployment = Deployment::staffed().await;
    let (key, other) = (SoftwareKey::from_seed([7; 32]), SoftwareKey::from_seed([8; 32]));
    let given = challenge(&deployment, "zhang").await;
    let stolen = deployment.post("li", "/api/v1/devices", &statement(&key, &given)).await;
    assert_eq!(stolen.problem(404), "device.challenge_unknown");
    deployment.post("zhang", "/api/v1/devices", &statement(&key, &given)).await.created();
    let twice = deployment.post("zhang", "/api/v1/devices", &statement(&other, &given)).await;
    assert_eq!(twice.problem(404), "device.challenge_unknown");
    assert_eq!(enrol(&deployment, "li", &key).await.problem(409), "device.other_account");
}

#[tokio::test]
async fn a_wrong_signature_or_key_is_refused() {
    let deployment = Deployment::staffed().await;
    let (key, other) = (SoftwareKey::from_seed([7; 32]), SoftwareKey::from_seed([8; 32]));
    let given = challenge(&deployment, "zhang").await;
    let mut forged = statement(&key, &given);
    forged["signature"] = statement(&other, &given)["signature"].clone();
    let answer = deployment.post("zhang", "/api/v1/devices", &forged).await;
    assert_eq!(answer.problem(403), "device.wrong_signature");
    let mut weak = statement(&key, &given);
    weak["public_key"] = json!(URL_SAFE_NO_PAD.encode([0; 32]));
    assert_eq!(deployment.post("zhang", "/api/v1/devices", &weak).await.problem(403), "key.malformed");
    weak["public_key"] = json!("not base64!");
    assert_eq!(deployment.post("zhang", "/api/v1/devices", &weak).await.problem(422), "device.malformed");
}

#[tokio::test]
async fn a_revoked_key_is_not_enrolled_again() {
    let deployment = Deployment::staffed().await;
    let key = SoftwareKey::from_seed([7; 32]);
    let device = enrol(&deployment, "zhang", &key).await.created();
    let path = format!("/api/v1/devices/{}/revocation", device["device"].as_str().expect("an id"));
    let lost = json!({ "reason": "手机遗失" });
    assert_eq!(deployment.post("li", &path, &lost).await.problem(403), "access.denied");
    assert_eq!(deployment.post("admin", &path, &json!({ "reason": " " })).await.problem(422), "text.empty");
    let revoked = deployment.post("admin", &path, &lost).await.ok();
    assert_eq!(revoked["revoked_reason"], "手机遗失");
    assert_eq!(deployment.post("admin", &path, &lost).await.problem(409), "device.revoked");
    assert_eq!(enrol(&deployment, "zhang", &key).await.problem(409), "device.revoked");
    let unknown = deployment.post("admin", "/api/v1/devices/00/revocation", &lost).await;
    assert_eq!(unknown.problem(404), "device.unknown");
}
