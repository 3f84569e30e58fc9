//! A device made by hand from the trace crate alone: what a program of somebody else's would send.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liuhen_tests::harness::supervisor::{Api, Reply};
use liuhen_trace::{
    DeviceId, Signature, SoftwareKey, digest,
    request::{DEVICE_HEADER, EnrolmentStatement, SIGNATURE_HEADER, SignedRequest},
};
use serde_json::json;

pub const EXCHANGE: &str = "/sync/v1/exchange";

pub struct HandmadeDevice {
    key: SoftwareKey,
    pub origin: String,
}

impl HandmadeDevice {
    /// A key the server never heard of.
    pub fn unknown(origin: &str) -> Self {
        Self { key: SoftwareKey::from_seed([9; 32]), origin: origin.to_owned() }
    }

    /// Enrolled for the person who is signed in.
    pub fn enrolled(api: &Api) -> Self {
        let key = SoftwareKey::from_seed([5; 32]);
        let challenge = api.post("/api/v1/devices/challenge", &json!({})).expect("a challenge");
        let origin = challenge["origin"].as_str().expect("an origin").to_owned();
        let bytes =
            URL_SAFE_NO_PAD.decode(challenge["challenge"].as_str().expect("a challenge")).expect("base64");
        let statement = EnrolmentStatement {
            origin: &origin,
            challenge: bytes.try_into().expect("32 bytes"),
            key: key.public(),
        };
        let Signature(signature) = key.sign_now(&statement.message());
        let new = json!({
            "suite": "ed25519",
            "public_key": URL_SAFE_NO_PAD.encode(&key.public().bytes),
            "name": "a program",
            "challenge": challenge["challenge"],
            "signature": URL_SAFE_NO_PAD.encode(signature),
        });
        api.post("/api/v1/devices", &new).expect("an enrolment");
        Self { key, origin }
    }

    pub fn send(&self, api: &Api, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_send(api, method, path, headers, body).expect("an answer")
    }

    /// An error when the server hangs up without an answer.
    pub fn try_send(
        &self,
        api: &Api,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Reply> {
        let device = DeviceId::derive(&self.key.public());
        let body_sha256 = digest::sha256(body);
        let request = SignedRequest { origin: &self.origin, device, method, path, body_sha256 };
        let Signature(signature) = self.key.sign_now(&request.message());
        let (device, signature) = (device.to_string(), URL_SAFE_NO_PAD.encode(signature));
        let signed = [(DEVICE_HEADER, device.as_str()), (SIGNATURE_HEADER, signature.as_str())];
        api.send(method, path, &[headers, &signed].concat(), body)
    }
}
