//! The style page as code: what `tests/guards.rs` holds every crate to.
//!
//! - [`source`]: a Rust file with its comments and literals told apart from its code.
//! - [`rules`]: what such a file may not contain.
//! - [`tree`]: which packages a crate may pull in.

pub mod rules;
pub mod source;
pub mod tree;
