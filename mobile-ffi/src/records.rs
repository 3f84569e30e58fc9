//! What goes over the boundary. Ids and hashes are lower-case hex, days `2026-11-21`, instants
//! milliseconds since 1970.

mod edits;
mod status;
mod task;
mod value;
mod visit;

pub use edits::{Attached, FindingChange, NewEvidence, NewFinding, NewNote, Place, Saved, Sealed};
pub use edits::{EvidenceContent, NewRefusal, Signer};
pub use status::{Budget, Enrolment, Event, Failure, NewEnrolment, Status, SyncReport};
pub use task::{Assignee, Checklist, ChecklistItem, ResponseType, Review, Subject, Task};
pub use value::{Value, parse_id};
pub use visit::{
    Claim, Conflict, Evidence, Finding, Note, Person, RefusalToSign, Response, Seal, Shown, Supplement,
    Visit, VisitFieldValue,
};
