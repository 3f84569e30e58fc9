//! What a device signs to be heard by the server.

use crate::{DeviceId, PublicKey, digest};
use minicbor::{Decode, Encode};

/// Header that names the device, as hex.
pub const DEVICE_HEADER: &str = "liuhen-device";
/// Header with the signature, as unpadded URL-safe base64.
pub const SIGNATURE_HEADER: &str = "liuhen-signature";

/// One HTTP request. Naming the deployment keeps a request from being replayed to another one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRequest<'a> {
    #[b(0)]
    pub origin: &'a str,
    #[n(1)]
    pub device: DeviceId,
    #[b(2)]
    pub method: &'a str,
    /// Path and query as sent.
    #[b(3)]
    pub path: &'a str,
    /// SHA-256 of the body as sent.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub body_sha256: [u8; 32],
}

impl SignedRequest<'_> {
    pub fn message(&self) -> Vec<u8> {
        digest::signed_message("liuhen/request/1", &to_vec(self))
    }
}

/// What a device signs to be enrolled: the server's challenge, bound to the deployment and the key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EnrolmentStatement<'a> {
    #[b(0)]
    pub origin: &'a str,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub challenge: [u8; 32],
    #[n(2)]
    pub key: PublicKey,
}

impl EnrolmentStatement<'_> {
    pub fn message(&self) -> Vec<u8> {
        digest::signed_message("liuhen/enrolment/1", &to_vec(self))
    }
}

fn to_vec(statement: &impl Encode<()>) -> Vec<u8> {
    minicbor::to_vec(statement).expect("writing to a Vec cannot fail")
}
