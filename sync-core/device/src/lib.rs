//! The IO shell of a phone: SQLite, files, HTTP, clock, and the one driver loop.
//!
//! - [`client`]: everything an app calls, on [`Client`]; [`records`] holds what goes in and out.
//! - [`store`]: all SQL of the phone.
//! - [`files`]: evidence, addressed by content.
//! - [`transport`], [`clock`], [`keys`], [`probe`]: the outside world behind small traits.
//!
//! **"Saved" means**: the evidence is written, synced, renamed and its folder synced; then one SQLite
//! transaction (WAL, `synchronous=FULL`) holds change, entry and evidence row. Nothing is dropped
//! before the receipt for exactly that was verified.
#![forbid(unsafe_code)]

pub mod client;
pub mod clock;
pub mod error;
pub mod files;
pub mod keys;
pub mod probe;
pub mod records;
mod store;
pub mod transport;

pub use client::{Client, Parts};
pub use error::{Error, Result};
pub use records::{
    Attached, Budget, Enrolment, Event, EvidenceContent, Failure, NewEnrolment, NewEvidence, Saved, Sealed,
    Status, SyncReport, TaskSummary, VisitSnapshot,
};
