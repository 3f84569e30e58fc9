//! Evidence: original bytes, kept by their SHA-256 and never re-encoded.
//!
//! A file is announced in a logged entry before its first byte is sent, uploaded in pieces that
//! resume at the acknowledged offset, and counts as held once its bytes are durable and the act
//! `evidence.held` is committed.
//!
//! - [`tus`]: the HTTP surface, tus 1.0 with creation, checksum and expiration.
//! - [`upload`]: begin, append, complete.
//! - [`files`]: where bytes lie, and when they are durable.
//! - [`serving`]: files and pictures as answers. [`pictures`]: what was drawn; [`picture`]: drawing it.
//! - [`media`]: what a file is by its first bytes.

pub mod files;
pub mod media;
pub mod picture;
pub mod pictures;
pub mod serving;
mod tus;
mod upload;

pub use files::blob_path as path_of;
pub use tus::router;
