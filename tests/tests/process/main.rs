//! Tests against a real server process: what it does with bad input, with its own death, and with
//! bytes that were changed behind its back.

mod admin;
mod backups;
mod bad_input;
mod crash;
mod demo;
mod device;
mod enrolment;
mod ledger;
mod lost_decision;
mod replays;
mod tls;
mod world;
