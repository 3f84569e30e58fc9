//! What a phone app calls. Every function converts its arguments, calls [`liuhen_device`] and
//! converts the answer; there is no rule in this crate.
//!
//! All calls block and may come from any thread; an app calls them off its main thread. Saves go on
//! while a synchronisation waits for the network. `python/test_story.py` tells one visit from enrolment
//! to the supervisor's screen.

mod client;
mod error;
pub mod records;

pub use client::{AttachProgress, Client};
pub use error::{CallbackError, MobileError};

uniffi::setup_scaffolding!();
