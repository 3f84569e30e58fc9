//! A segment: a run of one chain's entries under one signature, and the views readers get of it.
//!
//! The signed header commits to every entry of the run and to the entry before it, so headers alone
//! show that a chain has no gap. A view carries the entries its reader may see and 32-byte stubs
//! for the rest; the same structure serves pushing (everything open), the feed and a proof file.

use crate::{
    Canonical, ChainId, DeviceId, EntryKind, Hash, Leaf, OpenEntry, PublicKey, Refusal, Signature, Suite,
    digest::signed_message,
    entry::{self, Body, Salt},
    limits, merkle,
};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SegmentHeader {
    #[n(0)]
    pub suite: Suite,
    #[n(1)]
    pub device: DeviceId,
    /// Distinguishes a device's chains: a fresh number for each enrolment, restored backup or clone.
    #[n(2)]
    pub incarnation: u64,
    #[n(3)]
    pub first_seq: u64,
    #[n(4)]
    pub count: u64,
    /// Hash of the entry before the first; all zero at a chain's beginning.
    #[n(5)]
    pub prev: Hash,
    /// Hash of the last entry.
    #[n(6)]
    pub last: Hash,
    /// RFC 6962 root over the entries' hashes.
    #[n(7)]
    pub root: Hash,
}

impl SegmentHeader {
    /// The header over entries that are already chained: `hashes` in order, `prev` before them.
    /// `None` for an empty run.
    pub fn over(
        suite: Suite,
        device: DeviceId,
        incarnation: u64,
        first_seq: u64,
        prev: Hash,
        hashes: &[Hash],
    ) -> Option<Self> {
        Some(Self {
            suite,
            device,
            incarnation,
            first_seq,
            count: hashes.len() as u64,
            prev,
            last: *hashes.last()?,
            root: merkle::root(hashes.iter().map(Hash::as_bytes)),
        })
    }

    pub fn chain(&self) -> ChainId {
        ChainId::derive(self.device, self.incarnation)
    }

    /// The sequence number behind the last entry.
    pub fn next_seq(&self) -> u64 {
        self.first_seq.saturating_add(self.count)
    }

    /// What the device key signs.
    pub fn message(&self) -> Vec<u8> {
        signed_message("liuhen/segment/1", &self.to_canonical())
    }
}

/// One entry as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ViewEntry {
    /// The reader may not see this entry.
    #[n(0)]
    Stub(#[n(0)] Hash),
    #[n(1)]
    Open(#[n(0)] WireEntry),
}

/// An open entry on the wire, without what the receiver computes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WireEntry {
    #[n(0)]
    pub kind: EntryKind,
    /// Canonical [`Body`]; its change hash is left out where the change itself is here.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub change: Option<Vec<u8>>,
    /// Absent where the view carries its chain's secret.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub salt: Option<[u8; 16]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SegmentView {
    #[n(0)]
    pub header: SegmentHeader,
    #[n(1)]
    pub signature: Signature,
    /// The secret that all salts of the chain derive from: given to the server on a push, so that
    /// no salt crosses the network, and to nobody else.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub chain_secret: Option<[u8; 32]>,
    #[n(3)]
    pub entries: Vec<ViewEntry>,
}

/// An entry whose place in a signed segment was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedEntry {
    pub seq: u64,
    pub hash: Hash,
    /// `None` where the view had a stub.
    pub open: Option<OpenEntry>,
}

/// A view whose signature and hashes were checked against a device's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSegment {
    pub header: SegmentHeader,
    pub chain: ChainId,
    pub signature: Signature,
    pub entries: Vec<CheckedEntry>,
}

impl CheckedSegment {
    pub fn leaf(&self) -> Leaf {
        Leaf::Segment(self.header.clone())
    }
}

impl SegmentView {
    /// A view over `entries` (open or hash alone) of the segment.
    pub fn new(header: SegmentHeader, signature: Signature, entries: Vec<Result<OpenEntry, Hash>>) -> Self {
        let entries = entries
            .into_iter()
            .map(|entry| entry.map_or_else(ViewEntry::Stub, |open| ViewEntry::Open(WireEntry::pack(open))))
            .collect();
        Self { header, signature, chain_secret: None, entries }
    }

    /// The whole segment for the server: one secret stands for all salts. The caller's entries
    /// must have salts derived from it.
    pub fn push(
        header: SegmentHeader,
        signature: Signature,
        chain_secret: [u8; 32],
        entries: Vec<OpenEntry>,
    ) -> Self {
        let mut view = Self::new(header, signature, entries.into_iter().map(Ok).collect());
        view.chain_secret = Some(chain_secret);
        for entry in &mut view.entries {
            if let ViewEntry::Open(open) = entry {
                open.salt = None;
            }
        }
        view
    }

    /// Checks everything that needs only the device's key: counts, hashes, chaining, commitment to
    /// changes, and the signature.
    pub fn check(&self, key: &PublicKey) -> Result<CheckedSegment, Refusal> {
        let header = &self.header;
        let count = self.entries.len();
        if count == 0 || count > limits::SEGMENT_ENTRIES_MAX || count as u64 != header.count {
            return Err(Refusal::new("segment.wrong_count", count.to_string()));
        }
        if header.first_seq.checked_add(header.count).is_none_or(|next| next > i64::MAX as u64) {
            return Err(Refusal::new("segment.seq_out_of_range", header.first_seq.to_string()));
        }
        if DeviceId::derive(key) != header.device || key.suite != header.suite {
            return Err(Refusal::new("segment.other_device", "the key is not this device's"));
        }
        if (header.first_seq == 0) != (header.prev == Hash::default()) {
            return Err(Refusal::new("segment.wrong_prev", "only a chain's first entry has none before it"));
        }
        key.verify(&header.message(), &self.signature)?;
        let entries = self.check_entries()?;
        let hashes: Vec<Hash> = entries.iter().map(|entry| entry.hash).collect();
        if hashes.last() != Some(&header.last)
            || merkle::root(hashes.iter().map(Hash::as_bytes)) != header.root
        {
            return Err(Refusal::new("segment.wrong_entries", "the entries are not those signed"));
        }
        Ok(CheckedSegment {
            header: header.clone(),
            chain: header.chain(),
            signature: self.signature.clone(),
            entries,
        })
    }

    fn check_entries(&self) -> Result<Vec<CheckedEntry>, Refusal> {
        let header = &self.header;
        let chain = header.chain();
        let mut prev = header.prev;
        let mut checked = Vec::with_capacity(self.entries.len());
        for (entry, seq) in self.entries.iter().zip(header.first_seq..) {
            let (hash, open) = match entry {
                ViewEntry::Stub(hash) => (*hash, None),
                ViewEntry::Open(wire) => {
                    let open = wire.unpack(self.chain_secret.as_ref(), seq)?;
                    open.check()?;
                    (open.header(header.suite, chain, seq, prev).hash(), Some(open))
                }
            };
            prev = hash;
            checked.push(CheckedEntry { seq, hash, open });
        }
        Ok(checked)
    }
}

impl WireEntry {
    fn pack(open: OpenEntry) -> Self {
        let mut body = open.body;
        if open.change.is_some() {
            body.change = None;
        }
        Self { kind: open.kind, body: body.to_canonical(), change: open.change, salt: Some(open.salt) }
    }

    fn unpack(&self, chain_secret: Option<&[u8; 32]>, seq: u64) -> Result<OpenEntry, Refusal> {
        if self.body.len() > limits::BODY_BYTES_MAX {
            return Err(Refusal::new("entry.body_too_large", "the body exceeds the limit"));
        }
        let mut body = Body::from_canonical(&self.body)?;
        if let Some(chunk) = &self.change {
            if body.change.is_some() {
                return Err(Refusal::new("entry.not_minimal", "a change hash beside its change"));
            }
            let hash = entry::change_hash(chunk)
                .ok_or_else(|| Refusal::new("entry.change_malformed", "not an uncompressed change chunk"))?;
            body.change = Some(hash);
        }
        let salt = self.salt(chain_secret, seq)?;
        Ok(OpenEntry { kind: self.kind, salt, body, change: self.change.clone() })
    }

    fn salt(&self, chain_secret: Option<&[u8; 32]>, seq: u64) -> Result<Salt, Refusal> {
        match (self.salt, chain_secret) {
            (Some(salt), None) => Ok(salt),
            (None, Some(secret)) => Ok(entry::salt(secret, seq)),
            _ => Err(Refusal::new("entry.no_salt", "either a salt or the chain's secret")),
        }
    }
}

#[cfg(test)]
mod tests;
