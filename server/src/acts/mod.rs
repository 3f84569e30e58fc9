//! Every write of the server is an act: authorise, plan purely, then one commit of the rows and the
//! leaf that lists them. Routes and jobs call acts; they hold no rule themselves.
//!
//! - [`access`]: departments, accounts, sessions, devices, and **who may do what:
//!   [`access::authorise`]**.
//! - [`registry`]: subjects and checklists.
//! - [`tasks`]: issue, re-assign, recall.
//! - [`casework`]: reviews of visits.

pub mod access;
pub mod casework;
pub mod registry;
pub mod tasks;
pub mod text;

/// An id in order of time: UUIDv7 as 32 hex digits.
#[expect(clippy::disallowed_methods, reason = "the shell's one maker of ids")]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
