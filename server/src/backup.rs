//! Backups: taken while the server runs, restored into a new epoch of the log.
//!
//! ```text
//! FOLDER/backup.json      what is here: every file with size and SHA-256, and which log this is
//!        backup.json.sha256
//!        liuhen.sqlite    the database at one moment
//!        signer/          the keys; `checkpoint` as it was right before that moment
//!        blobs/ab/cd/…    the evidence that the database names
//! ```
//!
//! That is the layout of a data folder, so `verify-ledger` reads a backup as it stands. It is never
//! served: `backup.json` also marks a restore that did not come to its end.

mod copy;
mod manifest;
mod restore;
mod take;
mod upgrade;

pub use manifest::{MANIFEST_FILE, Manifest, check};
pub use restore::{Restored, restore};
pub use take::{Evidence, take};
pub use upgrade::before_migrating;
