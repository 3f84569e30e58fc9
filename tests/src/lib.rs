//! What the project's tests are made of: a harness that runs the real server as a process, the
//! guards that hold the house rules, and the replay of a city's inspections.
#![forbid(unsafe_code)]

pub mod browser;
pub mod contract;
pub mod demo;
pub mod guards;
pub mod harness;
pub mod replay;
