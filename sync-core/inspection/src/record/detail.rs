//! What entries of the kinds seal and refusal say beyond their body.

use crate::{AccountId, Refusal, as_text, conflict::Writer, limits};
use liuhen_trace::{BlobHash, Canonical, ChangeHash, EntryKind, Hash};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The detail of an entry of kind seal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealDetail {
    /// [`super::SealedRecord::hash`].
    #[n(0)]
    pub record: Hash,
    /// The state that was signed; ascending.
    #[n(1)]
    pub heads: Vec<ChangeHash>,
    #[n(2)]
    pub signers: Vec<Signer>,
}

/// Somebody who signs on the screen. What binds is the device's signature over the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cbor(map)]
pub struct Signer {
    #[n(0)]
    pub role: SignerRole,
    /// Real name.
    #[n(1)]
    pub name: String,
    /// Absent for people without an account.
    #[n(2)]
    pub account: Option<AccountId>,
    #[n(3)]
    pub certificate_no: Option<String>,
    /// The picture of the signature, announced as evidence before.
    #[n(4)]
    #[serde(default, with = "signature_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub signature: Option<BlobHash>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum SignerRole {
    #[n(0)]
    Inspector,
    /// For the inspected party.
    #[n(1)]
    Party,
    #[n(2)]
    Recorder,
    #[n(3)]
    Witness,
}

/// The detail of an entry of kind refusal: the inspected party does not sign.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RefusalDetail {
    /// The record that was shown, sealed by the inspectors.
    #[n(0)]
    pub record: Hash,
    /// Who refuses, and why, in the party's words.
    #[n(1)]
    pub party: String,
    #[n(2)]
    pub reason: String,
    #[n(3)]
    pub witnesses: Vec<String>,
}

impl SealDetail {
    pub fn to_detail(&self) -> Vec<u8> {
        self.to_canonical()
    }

    pub fn from_detail(detail: &[u8]) -> Result<Self, Refusal> {
        let detail = Self::from_canonical(detail)
            .map_err(|refusal| Refusal::new("seal.malformed", refusal.to_string()))?;
        detail.check_form()?;
        Ok(detail)
    }

    pub(super) fn check_form(&self) -> Result<(), Refusal> {
        if self.heads.is_empty()
            || self.heads.len() > limits::SEAL_HEADS_MAX
            || !self.heads.is_sorted_by(|a, b| a < b)
        {
            return Err(Refusal::new("seal.malformed", "heads: 1 to 64, ascending"));
        }
        check_signers(&self.signers)
    }
}

pub(super) fn check_signers(signers: &[Signer]) -> Result<(), Refusal> {
    if signers.len() > limits::SIGNERS_MAX {
        return Err(Refusal::new("seal.too_many_signers", format!("at most {}", limits::SIGNERS_MAX)));
    }
    if !signers.iter().any(|signer| signer.role == SignerRole::Inspector) {
        return Err(Refusal::new("seal.no_inspector", "at least one inspector signs"));
    }
    for signer in signers {
        check_line(&signer.name)?;
        signer.certificate_no.as_deref().map_or(Ok(()), check_line)?;
    }
    Ok(())
}

fn check_line(text: &str) -> Result<(), Refusal> {
    match text.trim().is_empty() || text.len() > limits::NAME_BYTES_MAX {
        true => Err(Refusal::new("seal.bad_name", format!("1 to {} bytes", limits::NAME_BYTES_MAX))),
        false => Ok(()),
    }
}

impl RefusalDetail {
    pub fn to_detail(&self) -> Result<Vec<u8>, Refusal> {
        self.check_form()?;
        Ok(self.to_canonical())
    }

    pub fn from_detail(detail: &[u8]) -> Result<Self, Refusal> {
        let detail = Self::from_canonical(detail)
            .map_err(|refusal| Refusal::new("refusal.malformed", refusal.to_string()))?;
        detail.check_form()?;
        Ok(detail)
    }

    fn check_form(&self) -> Result<(), Refusal> {
        let malformed = |detail: String| Refusal::new("refusal.malformed", detail);
        if self.witnesses.len() > limits::SIGNERS_MAX {
            return Err(malformed(format!("at most {} witnesses", limits::SIGNERS_MAX)));
        }
        if self.reason.len() > limits::REASON_BYTES_MAX {
            return Err(malformed(format!("reason: at most {} bytes", limits::REASON_BYTES_MAX)));
        }
        let mut lines = self.witnesses.iter().chain([&self.party]);
        lines.try_for_each(|line| check_line(line)).map_err(|refusal| malformed(refusal.detail))
    }
}

/// A seal or a refusal to sign, with the person whose device signed the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    pub by: Writer,
    pub act: SigningAct,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningAct {
    Seal(SealDetail),
    Refusal(RefusalDetail),
}

impl Signing {
    /// Reads an entry's detail; `None` for entries of other kinds.
    pub fn read(kind: EntryKind, detail: &[u8], by: Writer) -> Result<Option<Self>, Refusal> {
        let act = match kind {
            EntryKind::Seal => SigningAct::Seal(SealDetail::from_detail(detail)?),
            EntryKind::Refusal => SigningAct::Refusal(RefusalDetail::from_detail(detail)?),
            EntryKind::Edit
            | EntryKind::Capture
            | EntryKind::Receipt
            | EntryKind::Gate
            | EntryKind::CheckIn
            | EntryKind::Resolution
            | EntryKind::Note
            | EntryKind::Epoch => return Ok(None),
        };
        Ok(Some(Self { by, act }))
    }
}

/// An optional blob hash as hex or `null`.
mod signature_text {
    use super::{BlobHash, Deserialize, as_text};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(hash: &Option<BlobHash>, serializer: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => as_text::serialize(hash, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BlobHash>, D::Error> {
        #[derive(Deserialize)]
        struct Hex(#[serde(with = "as_text")] BlobHash);
        Ok(Option::<Hex>::deserialize(deserializer)?.map(|hex| hex.0))
    }
}
