//! A deployment and its phones, with fixed keys: chains, a log, checkpoints, receipts.
#![allow(dead_code, reason = "each test binary uses a part")]

use crate::support::{self, DOCUMENT, author, document, response};
use liuhen_engine::document::{Author, Document};
use liuhen_trace::{
    ActHeader, BlobHash, BlobRef, Body, BootId, Canonical, ChainId, CheckpointKey, CheckpointRef, DeviceId,
    EntryKind, Grant, Hash, HeldReceipt, Leaf, Moment, OpenEntry, SegmentHeader, SegmentReceipt, SegmentView,
    SignedGrant, SoftwareKey, Suite,
    act::ActBody,
    entry,
    epoch::{EPOCH_KIND, EpochOpening, EpochProof},
    merkle::{Node, RangeProof, Tree},
    receipt::HELD_KIND,
};
use std::collections::BTreeMap;

pub const ORIGIN: &str = "liuhen.example";

/// The server's log with its keys.
pub struct Deployment {
    pub log: CheckpointKey,
    pub key: SoftwareKey,
    tree: Tree,
    nodes: BTreeMap<Node, Hash>,
    leaves: Vec<Hash>,
    epoch: u64,
    /// Acts that opened an epoch: their leaf, header and body.
    openings: Vec<(u64, ActHeader, Vec<u8>)>,
}

impl Deployment {
    pub fn new() -> Self {
        Self {
            log: CheckpointKey { origin: ORIGIN.to_owned(), key: SoftwareKey::from_seed([0xa1; 32]) },
            key: SoftwareKey::from_seed([0xa2; 32]),
            tree: Tree::default(),
            nodes: BTreeMap::new(),
            leaves: Vec::new(),
            epoch: 1,
            openings: Vec::new(),
        }
    }

    /// The same deployment from a backup of its first leaves, in a new epoch.
    pub fn restored(&self, size: u64, epoch: u64) -> Self {
        let mut restored = Self::new();
        for leaf in &self.leaves[..size as usize] {
            restored.append_hash(*leaf);
        }
        restored.openings = self.openings.iter().filter(|(leaf, _, _)| *leaf < size).cloned().collect();
        let open = |(_, header, body): &(u64, ActHeader, Vec<u8>)| header.open(&[9; 16], body).ok()?.epoch;
        restored.epoch =
            restored.openings.iter().filter_map(open).next_back().map_or(1, |opened| opened.epoch);
        let opening = EpochOpening { epoch, after: restored.state(), note: None };
        let body = ActBody { epoch: Some(opening), ..ActBody::default() }.to_canonical();
        let header = ActHeader::commit(EPOCH_KIND, 1_700_000_000_000, &[9; 16], &body);
        let leaf = restored.append(&Leaf::Act(header.clone()));
        restored.openings.push((leaf, header, body));
        restored.epoch = epoch;
        restored
    }

    pub fn epochs(&self) -> Vec<EpochProof> {
        let proof = |(leaf, header, body): &(u64, ActHeader, Vec<u8>)| EpochProof {
            header: header.clone(),
            salt: [9; 16],
            body: body.clone(),
            proof: self.proof(*leaf, leaf + 1),
        };
        self.openings.iter().map(proof).collect()
    }

    pub fn append(&mut self, leaf: &Leaf) -> u64 {
        self.append_hash(leaf.hash());
        self.tree.size() - 1
    }

    fn append_hash(&mut self, leaf: Hash) {
        self.nodes.extend(self.tree.append(leaf));
        self.leaves.push(leaf);
    }

    /// An act about nothing, so that the log grows.
    pub fn fill(&mut self, number: i64) -> u64 {
        self.append(&Leaf::Act(ActHeader::commit("test.filler", number, &[0; 16], b"")))
    }

    pub fn state(&self) -> CheckpointRef {
        CheckpointRef { epoch: self.epoch, size: self.tree.size(), root: self.tree.root() }
    }

    pub fn note(&self) -> String {
        self.log.sign(self.state())
    }

    pub fn proof(&self, from: u64, to: u64) -> RangeProof {
        let hash_of = |node: Node| self.nodes.get(&node).copied().ok_or(node);
        RangeProof::build(from, to, self.tree.size(), hash_of).expect("every subtree is known")
    }

    pub fn receipt(&self, from: u64, to: u64) -> SegmentReceipt {
        let leaves = self.leaves[from as usize..to as usize].to_vec();
        SegmentReceipt { first_leaf: from, leaves, proof: self.proof(from, to) }
    }

    pub fn held(&mut self, blob: BlobRef) -> (u64, ActHeader, Vec<u8>) {
        let body = ActBody { blobs: vec![blob], ..ActBody::default() }.to_canonical();
        let header = ActHeader::commit(HELD_KIND, 1_700_000_000_000, &[9; 16], &body);
        (self.append(&Leaf::Act(header.clone())), header, body)
    }

    pub fn held_receipt(&self, (leaf, header, body): (u64, ActHeader, Vec<u8>)) -> HeldReceipt {
        HeldReceipt { leaf, header, salt: [9; 16], body, proof: self.proof(leaf, leaf + 1) }
    }

    pub fn grant(&self, phone: &Phone) -> Grant {
        Grant {
            suite: Suite::Ed25519,
            origin: ORIGIN.to_owned(),
            account: "0190a000000070008000000000000001".to_owned(),
            person: "张三".to_owned(),
            certificate_no: "京A-0001".to_owned(),
            department: "0190a000000070008000000000000002".to_owned(),
            roles: vec!["inspector".to_owned()],
            device_key: phone.key.public(),
            offline_hours: 72,
            log_key: self.log.key.public(),
            issued_at_ms: 1_700_000_000_000,
        }
    }

    pub fn signed_grant(&self, phone: &Phone) -> SignedGrant {
        self.grant(phone).sign(&self.key)
    }
}

/// A phone with one chain and one document.
pub struct Phone {
    pub key: SoftwareKey,
    pub secret: [u8; 32],
    pub document: Document,
    pub next_seq: u64,
    pub last: Hash,
}

impl Phone {
    pub fn new(number: u8) -> Self {
        Self {
            key: SoftwareKey::from_seed([number; 32]),
            secret: [number ^ 0xff; 32],
            document: document(),
            next_seq: 0,
            last: Hash::default(),
        }
    }

    pub fn device(&self) -> DeviceId {
        DeviceId::derive(&self.key.public())
    }

    pub fn chain(&self) -> ChainId {
        ChainId::derive(self.device(), 1)
    }

    pub fn author(&self, seq: u64) -> Author {
        Author { chain: self.chain(), ..author(0, seq) }
    }

    fn body(&self, seq: u64) -> Body {
        let at = Moment {
            wall_ms: 1_700_000_000_000 + seq as i64,
            monotonic_ms: 1_000 + seq,
            boot: BootId([5; 8]),
        };
        Body { document: Some(DOCUMENT), ..Body::at(at) }
    }

    /// Entries that each answer item `key` otherwise.
    pub fn entries(&mut self, key: &str, count: u64) -> Vec<OpenEntry> {
        let entry = |seq: u64| {
            let answer = response(key, &format!("第{seq}次"));
            let chunk = support::edit(
                &mut self.document,
                Author { chain: self_chain(&self.key), ..author(0, seq) },
                &[answer],
            );
            (seq, chunk)
        };
        let chunks: Vec<_> = (self.next_seq..self.next_seq + count).map(entry).collect();
        chunks.into_iter().map(|(seq, chunk)| self.entry(seq, chunk)).collect()
    }

    pub fn entry(&self, seq: u64, chunk: Vec<u8>) -> OpenEntry {
        let mut body = self.body(seq);
        body.change = entry::change_hash(&chunk);
        if seq == 0 {
            body.blobs = vec![BlobRef { hash: BlobHash([0xbb; 32]), size_bytes: 12_345 }];
        }
        OpenEntry { kind: EntryKind::Edit, salt: entry::salt(&self.secret, seq), body, change: Some(chunk) }
    }

    /// A signed segment of `count` answers to item `key`, pushed whole.
    pub fn segment(&mut self, key: &str, count: u64) -> SegmentView {
        let entries = self.entries(key, count);
        self.sign(entries)
    }

    /// Signs entries that continue the chain.
    pub fn sign(&mut self, entries: Vec<OpenEntry>) -> SegmentView {
        let (first_seq, prev) = (self.next_seq, self.last);
        let mut hashes = Vec::new();
        for entry in &entries {
            let header = entry.header(Suite::Ed25519, self.chain(), self.next_seq, self.last);
            self.last = header.hash();
            self.next_seq += 1;
            hashes.push(self.last);
        }
        let header = SegmentHeader::over(Suite::Ed25519, self.device(), 1, first_seq, prev, &hashes);
        let header = header.expect("entries to sign");
        let signature = self.key.sign_now(&header.message());
        SegmentView::push(header, signature, self.secret, entries)
    }
}

fn self_chain(key: &SoftwareKey) -> ChainId {
    ChainId::derive(DeviceId::derive(&key.public()), 1)
}
