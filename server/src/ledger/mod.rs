//! The one append-only log: every write of the server goes through [`Ledger::commit`].
//!
//! - [`commit`]: the committer task, the only holder of a writing connection.
//! - [`about`]: which tasks and visits an act speaks of.
//! - [`epochs`]: its life between restores.
//! - [`signer`]: the keys and the state that lie outside the database.
//! - [`proof`]: range and consistency proofs from stored subtrees.
//! - [`verify`]: recomputes everything a leaf commits to.

pub mod about;
mod commit;
pub mod epochs;
pub mod proof;
pub mod signer;
pub mod verify;

pub use commit::{Committed, Latest, Ledger, NewAct, Tx, next_epoch, open_epoch, proof_of, recorded};
pub use epochs::Epochs;
pub use signer::Signer;

/// Bytes from the system's random source: salts, keys, tokens.
#[expect(clippy::disallowed_methods, reason = "the shell's one source of randomness")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a random source");
    bytes
}

/// The server's wall clock, read in this one place.
pub mod clock {
    use std::time::{SystemTime, UNIX_EPOCH};

    /// Milliseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "the shell's one clock")]
    pub fn now_ms() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
