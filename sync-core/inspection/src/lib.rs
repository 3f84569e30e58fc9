//! What an inspection is: checklists, tasks, the typed visit and the record people sign.
//!
//! - [`checklist`]: what is checked, as data with a hash.
//! - [`task`]: the matter a supervisor dispatches; **its transitions are one match in
//!   [`task::transition`]**.
//! - [`visit`]: the visit document's shape and skeleton, the edits a person makes, and
//!   [`visit::VisitView`], which server and phones compute by the same function.
//! - [`conflict`]: disagreements between people, open, resolved and overwritten.
//! - [`record`]: the sealed record, salted field by field so that a part can be withheld.
//! - [`codes`]: every refusal of this crate, with a title in Chinese and English.
//!
//! Nothing here reads a clock, a file or a random source.
#![forbid(unsafe_code)]

pub mod as_text;
pub mod checklist;
pub mod codes;
pub mod conflict;
pub mod date;
pub mod ids;
pub mod limits;
pub mod record;
pub mod task;
pub mod visit;

pub use date::Date;
pub use ids::{AccountId, ChecklistHash, SubjectId, TaskId};
pub use liuhen_trace::Refusal;
