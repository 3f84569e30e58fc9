//! Domain-separated SHA-256.

use crate::Hash;
use sha2::{Digest, Sha256};

/// SHA-256 over `tag`, a zero byte, and `parts` one after another.
///
/// Parts are not length-prefixed: every caller passes parts of fixed length, at most the last one
/// excepted, so two different inputs never give the same bytes.
pub fn tagged(tag: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(tag.as_bytes());
    hasher.update([0]);
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// SHA-256 of plain bytes, as `sha256sum` gives it.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 while bytes pass by: evidence is hashed as it is written.
#[derive(Default, Clone)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The bytes a key signs: `tag`, a zero byte, then the structure.
pub fn signed_message(tag: &str, structure: &[u8]) -> Vec<u8> {
    [tag.as_bytes(), &[0], structure].concat()
}
