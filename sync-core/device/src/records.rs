//! What goes into and comes out of [`crate::Client`].

use liuhen_inspection::{
    checklist::Checklist,
    task::Task,
    visit::{EvidenceSource, VisitView},
};
use liuhen_trace::{BlobHash, BlobRef, DeviceId, DocumentId, Hash, Place};
use std::path::PathBuf;

/// What enrolling takes. The password and the code are used once and not kept.
#[derive(Clone, Copy)]
pub struct NewEnrolment<'a> {
    /// Address of the server.
    pub server: &'a str,
    pub login: &'a str,
    pub password: &'a str,
    /// What the person's authenticator shows, where the account has a second factor. Each is good once.
    pub code: Option<&'a str>,
    /// How the person calls this phone.
    pub device_name: &'a str,
}

/// Who this phone acts for, as the server granted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    pub server: String,
    /// The deployment's name in checkpoints and grants.
    pub origin: String,
    pub device: DeviceId,
    pub device_name: String,
    pub account: String,
    /// Real name.
    pub person: String,
    pub certificate_no: String,
    pub department: String,
    pub roles: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskSummary {
    pub visit: DocumentId,
    pub task: Task,
    /// Steps this phone has recorded, whether or not they are handed in.
    pub opened: bool,
    pub claimed: bool,
    /// The checklist is here: the visit can be opened.
    pub ready: bool,
    /// The task left this phone's scope; it goes once everything of this phone is receipted.
    pub left: bool,
}

#[derive(Debug, Clone)]
pub struct VisitSnapshot {
    pub visit: DocumentId,
    pub task: Task,
    pub checklist: Checklist,
    pub view: VisitView,
    pub left: bool,
    /// Own entries of this visit without a verified receipt.
    pub unsent_entries: u64,
}

/// What a save did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// The entry that was written; `None` when everything had these values already.
    pub entry: Option<Hash>,
    /// Ids of the notes, findings and pieces of evidence made, in the order of the edits.
    pub made: Vec<String>,
}

/// Evidence that is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub entry: Hash,
    /// Its id in the visit.
    pub id: String,
    pub blob: BlobRef,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub entry: Hash,
    /// What was signed: the hash of the sealed record.
    pub record: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceContent {
    /// Copied byte for byte; the original stays where it is.
    File(PathBuf),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvidence {
    pub content: EvidenceContent,
    /// Such as `image/jpeg`.
    pub media_type: String,
    pub source: EvidenceSource,
    /// Code of the checklist item it belongs to.
    pub item: Option<String>,
    /// Id of the finding it belongs to.
    pub finding: Option<String>,
    pub caption: Option<String>,
    /// When it was taken, as its source says. A claim.
    pub captured_at_ms: Option<i64>,
    pub place: Option<Place>,
}

/// How much one call of [`crate::Client::synchronise`] may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub exchanges_max: u32,
    pub upload_bytes_max: u64,
    pub seconds_max: u32,
}

impl Default for Budget {
    /// Everything there is, within the time a phone gives a background task.
    fn default() -> Self {
        Self { exchanges_max: 1_000, upload_bytes_max: u64::MAX, seconds_max: 600 }
    }
}

/// Something that did not work, beside everything that did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable; the server's own codes included.
    pub code: String,
    pub detail: String,
    /// The evidence, segment or part of an answer it is about; `None` for the connection as a whole.
    pub subject: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    pub exchanges: u32,
    /// Bodies and header fields sent, those of failed requests included.
    pub bytes_up: u64,
    pub bytes_down: u64,
    /// Evidence bytes handed to the network.
    pub upload_bytes_sent: u64,
    /// How many of those had been handed to it before.
    pub upload_bytes_resent: u64,
    /// There is more to do: call again, not before `retry_in_ms` when that is set.
    pub more: bool,
    pub retry_in_ms: Option<u64>,
    pub failures: Vec<Failure>,
}

/// What the app shows about the state of this phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Own entries without a verified receipt.
    pub unsent_entries: u64,
    pub unsent_bytes: u64,
    /// Evidence that the server has not yet proven to hold.
    pub unsent_blobs: u64,
    pub unsent_blob_bytes: u64,
    /// Wall time of the oldest unsent entry.
    pub oldest_unsent_ms: Option<i64>,
    /// The newest failure that no later success of the same kind has answered.
    pub last_error: Option<Failure>,
    /// Everything stuck, each with its reason.
    pub stuck: Vec<Failure>,
    /// Own entries the server did not admit; their values were offered again.
    pub quarantined: u64,
    /// Entries, own and others', that wait for changes not here.
    pub waiting: u64,
    /// Files without an entry: kept, and told once as an event.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Rising; pass the last one seen to [`crate::Client::events`].
    pub id: u64,
    pub at_ms: i64,
    /// Stable and dotted; [`EVENT_KINDS`] has them all.
    pub kind: String,
    pub visit: Option<DocumentId>,
    pub evidence: Option<BlobHash>,
    pub detail: String,
}

/// Every kind of [`Event`], with what an app makes of it.
pub const EVENT_KINDS: [(&str, &str); 21] = [
    ("device.enrolled", "this phone may work"),
    ("device.no_signature", "the key did not sign; the save stands and is signed later"),
    ("task.arrived", "a task is here"),
    ("task.changed", "a task is told anew: state, assignees, review"),
    ("task.unreadable", "a task this version cannot read, kept until one that can: update the app"),
    ("checklist.unreadable", "a checklist this version cannot read: update the app"),
    ("visit.changed", "others' work arrived in a visit"),
    ("visit.departed", "a visit is with others now; it goes when everything is handed in"),
    ("evidence.held", "the ledger proves that the server holds a file"),
    ("evidence.recovered", "a file of a save that did not come to its end: kept, in no visit"),
    ("evidence.interrupted", "part of a file whose writing was cut off: kept aside"),
    ("entry.quarantined", "the server does not admit an entry; its values are offered again"),
    ("entry.not_offered_again", "a quarantined entry that a person has to look at"),
    ("entry.not_admitted", "this phone does not admit what the server did: report it"),
    ("segment.refused", "the server does not log entries; their values go into a new chain"),
    ("ledger.epoch_opened", "the server was restored; what its log lost is handed in again"),
    (
        "decision.lost",
        "a restored server forgot a decision of a supervisor; what was built on it is offered again",
    ),
    ("chain.restarted", "a new chain began: the folder was copied or restored, or its chain refused"),
    ("chain.forked", "two entries at one place: somebody works with a copy of this phone"),
    ("answer.not_believed", "part of an answer proved nothing and was left out"),
    ("server.not_believed", "an answer was refused as a whole: the log it shows is not the one known"),
];
