//! A grant: the server's word that a device acts for a person, in a role, within a scope.

use crate::{Canonical, DeviceId, PublicKey, Refusal, Signature, SoftwareKey, Suite, digest::signed_message};
use minicbor::{Decode, Encode};

/// Stands among the roles of a device whose key the server itself holds: it signs what somebody does
/// at the console. No account has this role, so no phone's grant names it.
pub const DESK_ROLE: &str = "desk";

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    #[n(0)]
    pub suite: Suite,
    /// The deployment that grants, as its checkpoints name it.
    #[n(1)]
    pub origin: String,
    #[n(2)]
    pub account: String,
    /// Real name.
    #[n(3)]
    pub person: String,
    #[n(4)]
    pub certificate_no: String,
    #[n(5)]
    pub department: String,
    #[n(6)]
    pub roles: Vec<String>,
    #[n(7)]
    pub device_key: PublicKey,
    /// How long the device may record without having met the server.
    #[n(8)]
    pub offline_hours: u32,
    /// Key of the ledger's checkpoints, pinned at enrolment.
    #[n(9)]
    pub log_key: PublicKey,
    /// The server's wall clock, for display; the enrolment's leaf says when.
    #[n(10)]
    pub issued_at_ms: i64,
}

impl Grant {
    pub fn device(&self) -> DeviceId {
        DeviceId::derive(&self.device_key)
    }

    /// Whether the server holds the device's key.
    pub fn is_desk(&self) -> bool {
        self.roles.iter().any(|role| role == DESK_ROLE)
    }

    pub fn sign(self, deployment: &SoftwareKey) -> SignedGrant {
        let bytes = self.to_canonical();
        let signature = deployment.sign_now(&signed_message("liuhen/grant/1", &bytes));
        SignedGrant { bytes, signature }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedGrant {
    /// Canonical [`Grant`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    #[n(1)]
    pub signature: Signature,
}

impl SignedGrant {
    pub fn check(&self, deployment: &PublicKey) -> Result<Grant, Refusal> {
        deployment.verify(&signed_message("liuhen/grant/1", &self.bytes), &self.signature)?;
        let grant = Grant::from_canonical(&self.bytes)?;
        PublicKey::parse(grant.device_key.suite, &grant.device_key.bytes)?;
        Ok(grant)
    }
}
