//! Enrolment, synchronisation and what the app shows about this phone.

use liuhen_device as device;

/// What enrolling takes.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewEnrolment {
    /// Address of the server, `https://…`.
    pub server: String,
    pub login: String,
    /// Used once and not kept.
    pub password: String,
    /// How the person calls this phone.
    pub device_name: String,
    /// What the person's authenticator shows, where the account has a second factor. Used once, as the
    /// password: another try takes the next code.
    #[uniffi(default = None)]
    pub code: Option<String>,
}

/// Who this phone acts for.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Enrolment {
    pub server: String,
    /// The deployment's name in checkpoints and grants.
    pub origin: String,
    pub device: String,
    pub device_name: String,
    pub account: String,
    /// Real name.
    pub person: String,
    pub certificate_no: String,
    pub department: String,
    pub roles: Vec<String>,
}

/// How much one synchronisation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Budget {
    pub exchanges_max: u32,
    pub upload_bytes_max: u64,
    pub seconds_max: u32,
}

/// What a synchronisation did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncReport {
    pub exchanges: u32,
    pub bytes_up: u64,
    pub bytes_down: u64,
    /// Evidence bytes handed to the network.
    pub upload_bytes_sent: u64,
    /// How many of those had been handed to it before.
    pub upload_bytes_resent: u64,
    /// There is more to do: call again, not before `retry_in_ms` where that is given.
    pub more: bool,
    pub retry_in_ms: Option<u64>,
    pub failures: Vec<Failure>,
}

/// Something that did not work, beside everything that did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Failure {
    /// Stable and dotted.
    pub code: String,
    pub detail: String,
    /// The evidence or segment it is about; absent for the connection as a whole.
    pub subject: Option<String>,
}

/// What the app shows about the state of this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Status {
    /// Own entries without a verified receipt.
    pub unsent_entries: u64,
    pub unsent_bytes: u64,
    /// Evidence that the server has not proven to hold.
    pub unsent_blobs: u64,
    pub unsent_blob_bytes: u64,
    pub oldest_unsent_ms: Option<i64>,
    pub last_error: Option<Failure>,
    /// Everything stuck, each with its reason.
    pub stuck: Vec<Failure>,
    /// Own entries the server did not admit; their values were offered again.
    pub quarantined: u64,
    /// Entries that wait for changes not here.
    pub waiting: u64,
    /// Files of saves that did not come to their end; they are kept.
    pub recovered_blobs: u64,
    /// Leaf up to which everything in scope was received.
    pub cursor: Option<u64>,
    /// Leaves of the newest checkpoint verified.
    pub ledger_size: Option<u64>,
    pub last_exchange_ms: Option<i64>,
    /// The newest event.
    pub last_event: u64,
}

/// Something that happened, for the app to pull.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Event {
    /// Rising; pass the last one seen to [`crate::Client::events`].
    pub id: u64,
    pub at_ms: i64,
    /// Stable and dotted: `visit.changed`, `evidence.held`.
    pub kind: String,
    pub visit: Option<String>,
    pub evidence: Option<String>,
    pub detail: String,
}

impl From<device::Enrolment> for Enrolment {
    fn from(enrolment: device::Enrolment) -> Self {
        Self {
            server: enrolment.server,
            origin: enrolment.origin,
            device: enrolment.device.to_string(),
            device_name: enrolment.device_name,
            account: enrolment.account,
            person: enrolment.person,
            certificate_no: enrolment.certificate_no,
            department: enrolment.department,
            roles: enrolment.roles,
        }
    }
}

impl From<Budget> for device::Budget {
    fn from(budget: Budget) -> Self {
        let Budget { exchanges_max, upload_bytes_max, seconds_max } = budget;
        Self { exchanges_max, upload_bytes_max, seconds_max }
    }
}

impl From<device::SyncReport> for SyncReport {
    fn from(report: device::SyncReport) -> Self {
        Self {
            exchanges: report.exchanges,
            bytes_up: report.bytes_up,
            bytes_down: report.bytes_down,
            upload_bytes_sent: report.upload_bytes_sent,
            upload_bytes_resent: report.upload_bytes_resent,
            more: report.more,
            retry_in_ms: report.retry_in_ms,
            failures: report.failures.into_iter().map(Failure::from).collect(),
        }
    }
}

impl From<device::Failure> for Failure {
    fn from(failure: device::Failure) -> Self {
        let device::Failure { code, detail, subject } = failure;
        Self { code, detail, subject }
    }
}

impl From<device::Status> for Status {
    fn from(status: device::Status) -> Self {
        Self {
            unsent_entries: status.unsent_entries,
            unsent_bytes: status.unsent_bytes,
            unsent_blobs: status.unsent_blobs,
            unsent_blob_bytes: status.unsent_blob_bytes,
            oldest_unsent_ms: status.oldest_unsent_ms,
            last_error: status.last_error.map(Failure::from),
            stuck: status.stuck.into_iter().map(Failure::from).collect(),
            quarantined: status.quarantined,
            waiting: status.waiting,
            recovered_blobs: status.recovered_blobs,
            cursor: status.cursor,
            ledger_size: status.ledger_size,
            last_exchange_ms: status.last_exchange_ms,
            last_event: status.last_event,
        }
    }
}

impl From<device::Event> for Event {
    fn from(event: device::Event) -> Self {
        Self {
            id: event.id,
            at_ms: event.at_ms,
            kind: event.kind,
            visit: event.visit.map(|visit| visit.to_string()),
            evidence: event.evidence.map(|hash| hash.to_string()),
            detail: event.detail,
        }
    }
}
