//! Limits of the structures in this crate, each with its reason.

/// Entries in one segment: a day's visit fits in one, and a view's stubs stay under 8 KiB.
pub const SEGMENT_ENTRIES_MAX: usize = 256;
/// One change chunk. An inspector's save is 150 bytes; a pasted statement is a few KiB.
pub const CHANGE_BYTES_MAX: usize = 64 * 1024;
/// One entry's body without its change: blob references and a kind's detail.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Blob references in one entry: one burst of photos.
pub const ENTRY_BLOBS_MAX: usize = 32;
/// One evidence file. A recorder's video of an hour is about 2 GB.
pub const BLOB_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Hashes in one proof: twice the height of a tree of 2^40 leaves.
pub const PROOF_HASHES_MAX: usize = 80;
/// A checkpoint note: four short lines and a few signatures.
pub const CHECKPOINT_BYTES_MAX: usize = 4 * 1024;
