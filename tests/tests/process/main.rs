//! Tests against a real server process: what it does with bad input, with its own death, and with
//! bytes that were changed behind its back.

mod bad_input;
mod crash;
mod device;
mod ledger;
mod replays;
mod world;
