//! The crate seen from outside: golden bytes, properties on several replicas, and refusals.

mod checklist;
mod codes;
mod conflict;
mod golden;
mod record;
mod replica;
mod task;
mod visit;
