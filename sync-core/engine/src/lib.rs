//! The visit document and the exchange, without any knowledge of inspections and without IO.
//!
//! - [`shape`] and [`field`]: which documents there can be, and what is read from them.
//! - [`scan`]: what is known of a change before automerge sees its bytes.
//! - [`document`]: the automerge wrapper; **whether an entry's change is admitted is decided in
//!   [`document::Document::admit`]**.
//! - [`wire`]: the messages of `POST /sync/v1/exchange`.
//! - [`exchange`]: both sides of the exchange as functions from input to effects.
//! - [`driver`]: when a phone exchanges, uploads and waits, as a state machine.
#![forbid(unsafe_code)]

mod compression;
pub mod document;
pub mod driver;
pub mod exchange;
pub mod field;
pub mod limits;
pub mod scan;
pub mod shape;
pub mod wire;

pub use liuhen_trace::Refusal;
