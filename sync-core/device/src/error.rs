//! Everything that can go wrong on a phone, as one enum with stable dotted codes.

use crate::probe::Killed;
use liuhen_trace::{Refusal, suite::SignerError};
use std::io;

/// `code()` is stable: apps branch on it and show their own words; `detail` is for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The folder could not be read or written. `storage.full` is the one people can mend.
    #[error("{code}: {detail}")]
    Storage { code: &'static str, detail: String },
    /// No answer, or only part of one. Nothing was changed; trying again is safe.
    #[error("{code}: {detail}")]
    Network { code: &'static str, detail: String },
    /// The server answered with a problem document; the code is the server's.
    #[error("{code}: {detail} (HTTP {status})")]
    Server { status: u16, code: String, detail: String },
    /// The server's answer does not prove what it says. Nothing of it was kept.
    #[error("not believed: {0}")]
    Untrusted(Refusal),
    /// The call asks for something that is not allowed, and nothing was written.
    #[error("{0}")]
    Refused(Refusal),
    /// The device key gave no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error("{code}: {detail}")]
    NotFound { code: &'static str, detail: String },
    #[error("this device is not enrolled")]
    NotEnrolled,
    #[error("another client has this folder open")]
    InUse,
    /// The app put the client to sleep while this call was waiting for the network.
    #[error("the client was suspended")]
    Suspended,
    #[error("this client was closed")]
    Closed,
}

impl Error {
    pub fn code(&self) -> &str {
        match self {
            Self::Storage { code, .. } | Self::Network { code, .. } | Self::NotFound { code, .. } => code,
            Self::Server { code, .. } => code,
            Self::Untrusted(refusal) | Self::Refused(refusal) => refusal.code,
            Self::Signer(_) => "device.no_signature",
            Self::NotEnrolled => "device.not_enrolled",
            Self::InUse => "client.folder_in_use",
            Self::Suspended => "client.suspended",
            Self::Closed => "client.closed",
        }
    }

    pub fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    pub fn not_found(code: &'static str, detail: impl ToString) -> Self {
        Self::NotFound { code, detail: detail.to_string() }
    }

    /// Stored bytes that do not read back: a damaged database, never repaired silently.
    pub fn corrupt(detail: impl ToString) -> Self {
        Self::Storage { code: "storage.corrupt", detail: detail.to_string() }
    }
}

/// A rule of the lower crates said no to what was asked for. Where bytes came from the network, the
/// caller maps to [`Error::Untrusted`] itself.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Killed> for Error {
    fn from(_: Killed) -> Self {
        Self::Closed
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage.full",
            _ => "storage.failed",
        };
        Self::Storage { code, detail: error.to_string() }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase};
        let code = match error.sqlite_error_code() {
            Some(DiskFull) => "storage.full",
            Some(DatabaseBusy | DatabaseLocked) => "storage.busy",
            Some(DatabaseCorrupt | NotADatabase) => "storage.corrupt",
            _ => "storage.failed",
        };
        Self::Storage { code, detail: error.to_string() }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
