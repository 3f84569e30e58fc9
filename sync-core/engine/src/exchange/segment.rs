//! The server's side: what is checked of a segment before it is logged, and where it belongs.

use crate::scan;
use liuhen_trace::{CheckedSegment, Hash, PublicKey, Refusal, SegmentView};

/// The end of a chain as it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The sequence number the next entry must have.
    pub next_seq: u64,
    /// Hash of the last entry.
    pub last: Hash,
}

/// Where a segment stands relative to what is logged of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It continues the chain.
    New,
    /// All its entries are logged already.
    Duplicate,
    /// It does not begin where the chain ends; the next entry must be `expected`.
    Gap { expected: u64 },
    /// It has another entry at a sequence number that is logged: a cloned phone, or a lie.
    Fork,
}

/// Checks everything of a pushed segment that needs only its device's key: signature and hashes
/// (see [`SegmentView::check`]), that the server may read every entry, and that every change is
/// harmless to decode (see [`scan::scan`]).
pub fn check_segment(view: &SegmentView, key: &PublicKey) -> Result<CheckedSegment, Refusal> {
    let segment = view.check(key)?;
    if let Some(stub) = segment.entries.iter().find(|entry| entry.open.is_none()) {
        return Err(Refusal::new("segment.not_open", format!("entry {} is a stub", stub.seq)));
    }
    scan_changes(&segment)?;
    Ok(segment)
}

/// Scans every change of a checked segment.
pub(super) fn scan_changes(segment: &CheckedSegment) -> Result<(), Refusal> {
    for entry in &segment.entries {
        if let Some(chunk) = entry.open.as_ref().and_then(|open| open.change.as_deref()) {
            scan::scan(chunk).map_err(|refusal| {
                Refusal::new(refusal.code, format!("entry {}: {}", entry.seq, refusal.detail))
            })?;
        }
    }
    Ok(())
}

/// Places a checked segment. `known_last` gives the hash of a logged entry of this chain by its
/// sequence number; it is asked at most once.
///
/// Because entries are hash-chained, one equal hash at the segment's end says that all entries
/// before it are equal too.
pub fn place(
    head: Option<&ChainHead>,
    known_last: impl FnOnce(u64) -> Option<Hash>,
    segment: &CheckedSegment,
) -> Placement {
    let header = &segment.header;
    let (expected, last) = head.map_or((0, Hash::default()), |head| (head.next_seq, head.last));
    if header.first_seq > expected {
        return Placement::Gap { expected };
    }
    if header.first_seq == expected {
        return if header.prev == last { Placement::New } else { Placement::Fork };
    }
    if header.next_seq() <= expected {
        return match known_last(header.next_seq().saturating_sub(1)) {
            Some(hash) if hash == header.last => Placement::Duplicate,
            _ => Placement::Fork,
        };
    }
    // The segment covers the chain's end: cut anew, which an honest phone never does, but no fork
    // as long as the entry at the end is the one that is logged.
    let at_end = segment.entries.iter().find(|entry| entry.seq.checked_add(1) == Some(expected));
    match at_end {
        Some(entry) if entry.hash == last => Placement::Gap { expected },
        _ => Placement::Fork,
    }
}
