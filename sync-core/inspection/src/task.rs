//! Tasks (任务): the matter a supervisor dispatches to people, and the steps they take.
//!
//! ```text
//! issued ──→ delivered ──→ opened ──→ claimed ──→ done
//!    │           │            │          │
//!    └───────────┴────────────┴──────────┴──→ recalled
//! ```
//!
//! Delivery on the phone is legally the service of the task, so each step is a signed entry of the
//! assignee. Each assignee stands in one of these states; the task stands where the furthest of its
//! active assignees does.

use crate::{AccountId, ChecklistHash, Date, Refusal, SubjectId, TaskId, as_text, limits};
use liuhen_trace::{Canonical, DocumentId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where a task or one of its assignees stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum TaskState {
    /// Dispatched; the phone has not had it.
    #[n(0)]
    Issued,
    /// Durably on an assignee's phone.
    #[n(1)]
    Delivered,
    /// Read by an assignee.
    #[n(2)]
    Opened,
    /// An assignee took it on.
    #[n(3)]
    Claimed,
    /// The record was sealed.
    #[n(4)]
    Done,
    /// Taken back by the supervisor.
    #[n(5)]
    Recalled,
}

/// What happens to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEvent {
    Delivered,
    Opened,
    Claimed,
    /// A valid seal by an assignee.
    Sealed,
    /// The supervisor changes who is assigned; the state is then taken from those who remain.
    Reassigned,
    Recalled,
}

/// Every transition. The same state comes back where nothing moves: steps reach the server in any
/// order and more than once, and one that is behind is a fact in the ledger but moves nothing.
pub fn transition(state: TaskState, event: TaskEvent) -> Result<TaskState, Refusal> {
    use {TaskEvent as E, TaskState as S};
    match (state, event) {
        (S::Issued, E::Delivered) => Ok(S::Delivered),
        // A later step implies the earlier ones.
        (S::Issued | S::Delivered, E::Opened) => Ok(S::Opened),
        (S::Issued | S::Delivered | S::Opened, E::Claimed) => Ok(S::Claimed),
        (S::Issued | S::Delivered | S::Opened | S::Claimed, E::Sealed) => Ok(S::Done),
        (S::Issued | S::Delivered | S::Opened | S::Claimed, E::Recalled) => Ok(S::Recalled),
        (S::Issued | S::Delivered | S::Opened | S::Claimed, E::Reassigned) => Ok(state),
        (S::Delivered | S::Opened | S::Claimed | S::Done, E::Delivered) => Ok(state),
        (S::Opened | S::Claimed | S::Done, E::Opened) => Ok(state),
        (S::Claimed | S::Done, E::Claimed) => Ok(state),
        (S::Done, E::Sealed) => Ok(state),
        // Work done before the recall was heard of is kept and shown; it does not undo the recall.
        (S::Recalled, E::Delivered | E::Opened | E::Claimed | E::Sealed) => Ok(state),
        (S::Done, E::Reassigned | E::Recalled) => {
            Err(Refusal::new("task.already_done", "the record of this task is sealed"))
        }
        (S::Recalled, E::Reassigned | E::Recalled) => {
            Err(Refusal::new("task.already_recalled", "this task was taken back"))
        }
    }
}

impl TaskState {
    pub const ALL: [TaskState; 6] = [
        TaskState::Issued,
        TaskState::Delivered,
        TaskState::Opened,
        TaskState::Claimed,
        TaskState::Done,
        TaskState::Recalled,
    ];

    /// Where a task stands that is not recalled: where the furthest of its active assignees does.
    pub fn furthest(assignees: impl IntoIterator<Item = TaskState>) -> TaskState {
        assignees.into_iter().filter(|state| *state != TaskState::Recalled).max().unwrap_or(TaskState::Issued)
    }

    /// The word in JSON, SQL and on the wire of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Issued => "issued",
            TaskState::Delivered => "delivered",
            TaskState::Opened => "opened",
            TaskState::Claimed => "claimed",
            TaskState::Done => "done",
            TaskState::Recalled => "recalled",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TaskState {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Refusal::new("task.unknown_state", format!("{text:?}")))
    }
}

/// A step an assignee takes: the detail of a receipt entry, whose document is the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Step {
    /// The phone has stored the task durably.
    #[n(0)]
    Delivered,
    /// The person looked at it.
    #[n(1)]
    Opened,
    /// The person takes it on.
    #[n(2)]
    Claimed,
}

impl Step {
    pub fn event(self) -> TaskEvent {
        match self {
            Step::Delivered => TaskEvent::Delivered,
            Step::Opened => TaskEvent::Opened,
            Step::Claimed => TaskEvent::Claimed,
        }
    }

    /// The entry's detail.
    pub fn to_detail(self) -> Vec<u8> {
        self.to_canonical()
    }

    pub fn from_detail(detail: &[u8]) -> Result<Self, Refusal> {
        Self::from_canonical(detail).map_err(|refusal| Refusal::new("task.unknown_step", refusal.detail))
    }
}

/// A task as a phone gets it: the bytes of a feed item of kind matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cbor(map)]
pub struct Task {
    #[n(0)]
    pub id: TaskId,
    /// The document that the inspectors fill in.
    #[n(1)]
    #[serde(with = "as_text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub visit: DocumentId,
    #[n(2)]
    pub subject: Subject,
    #[n(3)]
    pub checklist: ChecklistRef,
    #[n(4)]
    pub instructions: String,
    #[n(5)]
    pub due_on: Option<Date>,
    #[n(6)]
    pub state: TaskState,
    /// Those who are assigned now.
    #[n(7)]
    pub assignees: Vec<Assignee>,
    /// The server's wall clock.
    #[n(8)]
    pub issued_at_ms: i64,
    /// The newest review of the sealed record.
    #[n(9)]
    pub review: Option<Review>,
}

/// The inspected party as the inspector needs it on the spot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cbor(map)]
pub struct Subject {
    #[n(0)]
    pub id: SubjectId,
    #[n(1)]
    pub name: String,
    #[n(2)]
    pub address: String,
    /// Unified social credit code (GB 32100) or another number the register knows it by.
    #[n(3)]
    pub code: Option<String>,
    #[n(4)]
    pub legal_representative: Option<String>,
    #[n(5)]
    pub phone: Option<String>,
    /// Trade, or class of risk.
    #[n(6)]
    pub category: Option<String>,
    /// WGS-84, degrees × 10⁷.
    #[n(7)]
    pub latitude_e7: Option<i32>,
    #[n(8)]
    pub longitude_e7: Option<i32>,
}

/// Names a checklist; its bytes are fetched by the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cbor(map)]
pub struct ChecklistRef {
    #[n(0)]
    pub hash: ChecklistHash,
    #[n(1)]
    pub code: String,
    #[n(2)]
    pub title: String,
    #[n(3)]
    pub version: u32,
}

/// Somebody who is assigned, by real name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cbor(map)]
pub struct Assignee {
    #[n(0)]
    pub account: AccountId,
    #[n(1)]
    pub name: String,
    #[n(2)]
    pub certificate_no: String,
    #[n(3)]
    pub department: String,
}

/// A supervisor's word on the sealed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cbor(map)]
pub struct Review {
    #[n(0)]
    pub outcome: ReviewOutcome,
    #[n(1)]
    pub comment: String,
    /// Real name.
    #[n(2)]
    pub reviewer: String,
    #[n(3)]
    pub at_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum ReviewOutcome {
    #[n(0)]
    Accepted,
    /// Something has to be supplemented.
    #[n(1)]
    Returned,
}

impl Task {
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical()
    }

    /// Fields this version does not know are passed over: a phone that was away for a year must
    /// still read its tasks. Nothing hashes these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |detail: String| Refusal::new("task.malformed", detail);
        if bytes.len() > limits::TASK_BYTES_MAX {
            return Err(malformed(format!("{} bytes", bytes.len())));
        }
        let task: Self = minicbor::decode(bytes).map_err(|error| malformed(error.to_string()))?;
        if task.assignees.len() > limits::ASSIGNEES_MAX {
            return Err(malformed(format!("{} assignees", task.assignees.len())));
        }
        Ok(task)
    }

    /// Whether this account is assigned now.
    pub fn is_assigned(&self, account: &AccountId) -> bool {
        self.assignees.iter().any(|assignee| assignee.account == *account)
    }
}
