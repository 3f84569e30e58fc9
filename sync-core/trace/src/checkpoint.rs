//! Checkpoints: signed notes (C2SP `signed-note` and `tlog-checkpoint`) over a size and a root.
//!
//! ```text
//! liuhen.example/1          origin: the deployment, a slash, the log epoch
//! 4711                      leaves
//! q1ZqNNHf…=                root, base64
//!
//! — liuhen.example/1 Az3grl…=   name, base64(key hash ‖ Ed25519 signature)
//! ```

use crate::{Hash, PublicKey, Refusal, Signature, SoftwareKey, Suite, digest, limits};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use minicbor::{Decode, Encode};
use std::fmt;

/// A state of the log without its signature: what entries embed and phones report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct CheckpointRef {
    #[n(0)]
    pub epoch: u64,
    #[n(1)]
    pub size: u64,
    #[n(2)]
    pub root: Hash,
}

/// A checkpoint whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub state: CheckpointRef,
}

/// The public side: a deployment's name and the key of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    pub origin: String,
    pub key: PublicKey,
}

/// The signing side.
pub struct CheckpointKey {
    pub origin: String,
    pub key: SoftwareKey,
}

/// Signature type of Ed25519 in a C2SP signed note.
const NOTE_ED25519: u8 = 1;

impl CheckpointKey {
    pub fn sign(&self, state: CheckpointRef) -> String {
        let text = note_text(&self.origin, state);
        let signature = self.key.sign_now(text.as_bytes());
        let name = log_name(&self.origin, state.epoch);
        let blob = [&key_hash(&name, &self.key.public())[..], &signature.0].concat();
        format!("{text}\n\u{2014} {name} {}\n", STANDARD.encode(blob))
    }

    pub fn public(&self) -> NoteKey {
        NoteKey { origin: self.origin.clone(), key: self.key.public() }
    }
}

impl NoteKey {
    /// Reads a note and checks the signature of this key; signatures of others are passed over.
    pub fn check(&self, note: &str) -> Result<Checkpoint, Refusal> {
        let malformed = |what: &str| Refusal::new("checkpoint.malformed", what);
        if note.len() > limits::CHECKPOINT_BYTES_MAX {
            return Err(malformed("too long"));
        }
        let (body, signatures) = note.split_once("\n\n").ok_or_else(|| malformed("no empty line"))?;
        let state = parse_body(body, &self.origin)?;
        let name = log_name(&self.origin, state.epoch);
        let hash = key_hash(&name, &self.key);
        let prefix = format!("\u{2014} {name} ");
        let text = format!("{body}\n");
        let fits = signatures
            .lines()
            .filter_map(|line| STANDARD.decode(line.strip_prefix(&prefix)?).ok())
            .filter_map(|blob| Some(Signature(blob.strip_prefix(&hash)?.to_vec())))
            .any(|signature| self.key.verify(text.as_bytes(), &signature).is_ok());
        if !fits {
            return Err(Refusal::new("checkpoint.unsigned", "no signature by the log's key"));
        }
        Ok(Checkpoint { origin: self.origin.clone(), state })
    }
}

/// The verifier key in the form C2SP tools read: `name+hash+base64`, for epoch 1.
impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = log_name(&self.origin, 1);
        let hash = u32::from_be_bytes(key_hash(&name, &self.key));
        let key = STANDARD.encode([&[NOTE_ED25519], &self.key.bytes[..]].concat());
        write!(f, "{name}+{hash:08x}+{key}")
    }
}

fn log_name(origin: &str, epoch: u64) -> String {
    format!("{origin}/{epoch}")
}

fn note_text(origin: &str, state: CheckpointRef) -> String {
    format!("{}\n{}\n{}\n", log_name(origin, state.epoch), state.size, STANDARD.encode(state.root.0))
}

fn parse_body(body: &str, origin: &str) -> Result<CheckpointRef, Refusal> {
    let malformed = |what: &str| Refusal::new("checkpoint.malformed", what);
    let mut lines = body.lines();
    let mut line = |what: &str| lines.next().ok_or_else(|| malformed(what));
    let epoch = line("origin")?
        .strip_prefix(origin)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(decimal)
        .ok_or_else(|| Refusal::new("checkpoint.other_log", "another deployment's checkpoint"))?;
    let size = decimal(line("size")?).ok_or_else(|| malformed("size"))?;
    let root = STANDARD.decode(line("root")?).ok().and_then(|bytes| Hash::from_slice(&bytes));
    Ok(CheckpointRef { epoch, size, root: root.ok_or_else(|| malformed("root"))? })
}

/// A number without sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn key_hash(name: &str, key: &PublicKey) -> [u8; 4] {
    debug_assert_eq!(key.suite, Suite::Ed25519);
    let id = [name.as_bytes(), b"\n", &[NOTE_ED25519], &key.bytes].concat();
    digest::sha256(&id)[..4].try_into().expect("4 of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CheckpointKey {
        CheckpointKey { origin: "liuhen.example".into(), key: SoftwareKey::from_seed([3; 32]) }
    }

    #[test]
    fn a_note_reads_back_and_any_changed_byte_is_refused() {
        let state = CheckpointRef { epoch: 1, size: 4711, root: Hash([5; 32]) };
        let note = key().sign(state);
        assert_eq!(key().public().check(&note).map(|checkpoint| checkpoint.state), Ok(state));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let read = key().public().check(&changed).map(|checkpoint| checkpoint.state);
            assert!(read.is_err() || at == note.len() - 1, "byte {at}: {read:?}");
        }
    }

    #[test]
    fn another_key_or_deployment_is_refused() {
        let note = key().sign(CheckpointRef { epoch: 2, size: 1, root: Hash([5; 32]) });
        let stranger =
            NoteKey { origin: "liuhen.example".into(), key: SoftwareKey::from_seed([4; 32]).public() };
        assert_eq!(stranger.check(&note).map_err(|e| e.code), Err("checkpoint.unsigned"));
        let elsewhere = NoteKey { origin: "other.example".into(), key: key().key.public() };
        assert_eq!(elsewhere.check(&note).map_err(|e| e.code), Err("checkpoint.other_log"));
    }
}
