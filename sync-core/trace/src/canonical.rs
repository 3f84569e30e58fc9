//! Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, and only that one is accepted.

use crate::Refusal;
use minicbor::{Decode, Encode};

/// A structure that is hashed or signed. Implemented by every type that encodes and decodes.
pub trait Canonical: Sized + Encode<()> + for<'b> Decode<'b, ()> {
    fn to_canonical(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a Vec cannot fail")
    }

    /// Refuses every encoding but the one [`Canonical::to_canonical`] gives: no longer integers, no
    /// unknown fields, nothing behind the value.
    fn from_canonical(bytes: &[u8]) -> Result<Self, Refusal> {
        let value: Self =
            minicbor::decode(bytes).map_err(|error| Refusal::new("cbor.malformed", error.to_string()))?;
        if value.to_canonical() != bytes {
            return Err(Refusal::new("cbor.not_canonical", "another encoding of the same value"));
        }
        Ok(value)
    }
}

impl<T: Sized + Encode<()> + for<'b> Decode<'b, ()>> Canonical for T {}
