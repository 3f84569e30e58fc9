//! Newtypes for identifiers and hashes. All are fixed-size byte strings, shown as lower-case hex.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::{fmt, str::FromStr};

/// The text is not the hex form of this identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hex digits")]
pub struct IdError {
    pub expected: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            pub const LEN: usize = $len;

            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// `None` when the slice has another length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $len];
                parse_hex(text, &mut bytes).ok_or(IdError { expected: 2 * $len })?;
                Ok(Self(bytes))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::from_slice(d.bytes()?)
                    .ok_or_else(|| decode::Error::message(concat!("length of ", stringify!($name))))
            }
        }
    };
}

id!(
    /// SHA-256 over a tagged structure, or a node of the Merkle tree.
    Hash, 32
);
id!(
    /// SHA-256 of an evidence file's bytes.
    BlobHash, 32
);
id!(
    /// The hash automerge gives a change: SHA-256 over its chunk.
    ChangeHash, 32
);
id!(
    /// One incarnation of one enrolled device; see [`ChainId::derive`].
    ChainId, 16
);
id!(
    /// A device's signing key; see [`DeviceId::derive`].
    DeviceId, 16
);
id!(
    /// One visit document.
    DocumentId, 16
);
id!(
    /// One boot of a device, so that monotonic times are only compared within it.
    BootId, 8
);

impl DeviceId {
    /// The id is derived from the key, so nobody can register a device under another's id.
    pub fn derive(key: &crate::PublicKey) -> Self {
        let hash = crate::digest::tagged("liuhen/device/1", &[&[key.suite as u8], &key.bytes]);
        Self(hash.0[..16].try_into().expect("16 of 32 bytes"))
    }
}

impl ChainId {
    /// Derived from the device and its incarnation, so a chain cannot be claimed by another device,
    /// not even by one that carried its segments.
    pub fn derive(device: DeviceId, incarnation: u64) -> Self {
        let hash = crate::digest::tagged("liuhen/chain/1", &[device.as_bytes(), &incarnation.to_be_bytes()]);
        Self(hash.0[..16].try_into().expect("16 of 32 bytes"))
    }
}

fn parse_hex(text: &str, out: &mut [u8]) -> Option<()> {
    if text.len() != out.len() * 2 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(pair).ok()?;
        if digits.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints_and_refuses_other_text() {
        let id = ChainId(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "00", "+0000000000000000000000000000000", "zz0102030405060708090a0b0c0d0e0f"] {
            assert_eq!(bad.parse::<ChainId>(), Err(IdError { expected: 32 }), "{bad:?}");
        }
    }
}
