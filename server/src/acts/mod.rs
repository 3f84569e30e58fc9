//! What people do: authorise, plan purely, then one commit of the rows and the leaf that lists them.
//! Routes call acts; they hold no rule themselves. What phones hand in and what the server finds out
//! by itself is logged in [`crate::exchange`] and [`crate::evidence`]; sign-ins and tokens are
//! volatile and log nothing.
//!
//! - [`access`]: departments, accounts, sessions, devices, and **who may do what:
//!   [`access::authorise`]**.
//! - [`registry`]: subjects and checklists.
//! - [`tasks`]: issue, re-assign, recall.
//! - [`casework`]: reviews of visits, and disagreements decided at the console.

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
