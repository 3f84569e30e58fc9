//! Signature suites. A suite id stands in every signed structure, so that another suite (SM2 with
//! SM3, say) is an addition and not a migration.

use crate::Refusal;
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _, VerifyingKey};
use minicbor::{Decode, Encode};
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
#[repr(u8)]
pub enum Suite {
    /// Ed25519 (RFC 8032) with SHA-256. Public key 32 bytes, signature 64 bytes.
    #[n(1)]
    Ed25519 = 1,
    /// ECDSA on P-256 with SHA-256. Public key 33 bytes (SEC 1 compressed), signature 64 bytes r‖s.
    #[n(2)]
    Es256 = 2,
}

/// A public key in the one form its suite allows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PublicKey {
    #[n(0)]
    pub suite: Suite,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Signature(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

impl PublicKey {
    /// Accepts P-256 points in compressed and uncompressed form and keeps the compressed one, so
    /// that one key has one [`crate::DeviceId`].
    pub fn parse(suite: Suite, bytes: &[u8]) -> Result<Self, Refusal> {
        let bytes = match suite {
            Suite::Ed25519 => ed25519(bytes)?.to_bytes().to_vec(),
            Suite::Es256 => p256(bytes)?.to_sec1_point(true).as_bytes().to_vec(),
        };
        Ok(Self { suite, bytes })
    }

    /// The signature may be DER or r‖s for ES256: hardware differs.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Refusal> {
        let refused = |_| Refusal::new("signature.invalid", "the signature does not fit key and bytes");
        match self.suite {
            Suite::Ed25519 => {
                let parsed = ed25519_dalek::Signature::from_slice(&signature.0).map_err(refused)?;
                ed25519(&self.bytes)?.verify_strict(message, &parsed).map_err(refused)
            }
            Suite::Es256 => {
                let parsed = P256Signature::from_slice(&signature.0)
                    .or_else(|_| P256Signature::from_der(&signature.0))
                    .map_err(refused)?;
                p256(&self.bytes)?.verify(message, &parsed).map_err(refused)
            }
        }
    }
}

fn ed25519(bytes: &[u8]) -> Result<VerifyingKey, Refusal> {
    let key = bytes.try_into().ok().and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
    match key {
        Some(key) if !key.is_weak() => Ok(key),
        _ => Err(Refusal::new("key.malformed", "not an Ed25519 public key")),
    }
}

fn p256(bytes: &[u8]) -> Result<P256Key, Refusal> {
    P256Key::from_sec1_bytes(bytes).map_err(|_| Refusal::new("key.malformed", "not a P-256 public key"))
}

/// Why a signer gave no signature: the hardware is gone, or a prompt was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the device key did not sign: {0}")]
pub struct SignerError(pub String);

/// A device's signing key. The platform implements it over its key store; it signs the message
/// itself, not a digest.
pub trait DeviceSigner: Send + Sync {
    fn public_key(&self) -> PublicKey;
    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;
}

/// An Ed25519 key in memory, for software devices and for the server's own keys.
pub struct SoftwareKey(SigningKey);

impl SoftwareKey {
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    pub fn sign_now(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes().to_vec())
    }

    pub fn public(&self) -> PublicKey {
        PublicKey { suite: Suite::Ed25519, bytes: self.0.verifying_key().to_bytes().to_vec() }
    }
}

impl DeviceSigner for SoftwareKey {
    fn public_key(&self) -> PublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Ok(self.sign_now(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::SigningKey as P256SigningKey;

    #[test]
    fn ed25519_signs_what_it_verifies_and_nothing_else() {
        let key = SoftwareKey::from_seed([7; 32]);
        let signature = key.sign_now(b"message");
        assert_eq!(key.public().verify(b"message", &signature), Ok(()));
        assert!(key.public().verify(b"massage", &signature).is_err());
        assert!(SoftwareKey::from_seed([8; 32]).public().verify(b"message", &signature).is_err());
        assert!(key.public().verify(b"message", &Signature(vec![0; 64])).is_err());
        assert!(key.public().verify(b"message", &Signature(vec![])).is_err());
    }

    #[test]
    fn es256_accepts_der_and_raw_and_both_point_forms() {
        let secret = P256SigningKey::from_slice(&[9; 32]).expect("a scalar below the order");
        let signature: P256Signature = secret.sign(b"message");
        let point = secret.verifying_key();
        let key = PublicKey::parse(Suite::Es256, point.to_sec1_point(false).as_bytes()).expect("a point");
        let same = PublicKey::parse(Suite::Es256, point.to_sec1_point(true).as_bytes()).expect("a point");
        assert_eq!(key, same);
        let raw = Signature(signature.to_bytes().to_vec());
        let der = Signature(signature.to_der().as_bytes().to_vec());
        assert_eq!(key.verify(b"message", &raw), Ok(()));
        assert_eq!(key.verify(b"message", &der), Ok(()));
        assert!(key.verify(b"massage", &raw).is_err());
    }

    #[test]
    fn a_weak_or_malformed_key_is_refused() {
        assert!(PublicKey::parse(Suite::Ed25519, &[0; 32]).is_err());
        assert!(PublicKey::parse(Suite::Ed25519, &[1; 31]).is_err());
        assert!(PublicKey::parse(Suite::Es256, &[0; 33]).is_err());
    }
}
