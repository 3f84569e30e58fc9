//! Limits of documents and messages, each with its reason.

/// One exchange body as sent. Gateways on the way cap bodies at 1 MB.
pub const BODY_BYTES_MAX: usize = 1_000_000;
/// One exchange body decompressed. Field bodies compress 3 to 6 times; 16 leaves room. A server
/// that knows what phones send may allow less.
pub const DECOMPRESSED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Segments in one request: a phone that captured 500 signed pieces of evidence offline.
pub const REQUEST_SEGMENTS_MAX: usize = 512;
/// Register rows a phone may ask for at once.
pub const REQUEST_WANTS_MAX: usize = 64;
/// Documents a phone may be filling at once.
pub const BACKFILLS_MAX: usize = 10_000;

/// Operations in one change. A save writes a handful; a skeleton one for each container.
pub const CHANGE_OPS_MAX: u64 = 1_024;
/// Predecessors named by one change's operations.
pub const CHANGE_PREDS_MAX: u64 = 4_096;
/// Changes one change depends on: at most one for each phone that fills in the visit.
pub const CHANGE_DEPS_MAX: u64 = 64;
/// Actors named in one change.
pub const CHANGE_ACTORS_MAX: u64 = 64;
/// Operation counter of a document; far above any visit, far below automerge's overflow.
pub const START_OP_MAX: u64 = 1_000_000;
/// Sum of the change chunks in a change's causal past. Expected below 64 KiB.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// All changes of one document uncompressed. Concurrent branches share the limit above only as far as
/// they know of each other; this is its value for 64 branches that know nothing of each other.
pub const SAVED_BYTES_MAX: usize = 64 * DOCUMENT_BYTES_MAX;
/// Entries of one chain that may wait for missing dependencies.
pub const WAITING_PER_CHAIN_MAX: usize = 1_000;
/// Maps one entry may make: a burst of photos.
pub const FRESH_PER_ENTRY_MAX: u64 = 32;
/// One text in a field.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Name of a field or item in a change: field names and fresh ids are far shorter.
pub const KEY_BYTES_MAX: u64 = 256;

/// Segments in one request before compression: fits a body of [`BODY_BYTES_MAX`] even when nothing
/// compresses. Also the most a phone may put into one segment, so that every segment can be sent.
pub const REQUEST_BYTES_MAX: usize = 800_000;
/// Answer a phone asks for, before compression: what a slow link carries in well under a minute.
pub const ANSWER_BYTES_MAX: u32 = 2 * 1024 * 1024;
