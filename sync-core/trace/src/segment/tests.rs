use super::*;
use crate::{
    BlobRef, BootId, CheckpointRef, DeviceSigner as _, DocumentId, Grant, Moment, SegmentReceipt,
    SoftwareKey,
    merkle::{RangeProof, Tree},
};

const SECRET: [u8; 32] = [5; 32];

fn body(seq: u64) -> Body {
    let at = Moment { wall_ms: 1_700_000_000_000 + seq as i64, monotonic_ms: seq, boot: BootId([1; 8]) };
    Body { document: Some(DocumentId([2; 16])), detail: Some(vec![seq as u8]), ..Body::at(at) }
}

/// A smallest chunk with the right magic, type and checksum; what it means is not trace's matter.
fn chunk(content: u8) -> Vec<u8> {
    let hashed = [1, 1, content];
    [&[0x85, 0x6f, 0x4a, 0x83][..], &crate::digest::sha256(&hashed)[..4], &hashed].concat()
}

fn open_entry(seq: u64) -> OpenEntry {
    let change = (seq % 2 == 1).then(|| chunk(seq as u8));
    let mut body = body(seq);
    body.change = change.as_deref().and_then(entry::change_hash);
    OpenEntry { kind: EntryKind::Edit, salt: entry::salt(&SECRET, seq), body, change }
}

fn device() -> SoftwareKey {
    SoftwareKey::from_seed([1; 32])
}

/// Entries `first..first + count` behind `prev`, signed, with their hashes.
fn segment(first: u64, count: u64, prev: Hash) -> (SegmentHeader, Signature, Vec<OpenEntry>, Vec<Hash>) {
    let id = DeviceId::derive(&device().public_key());
    let chain = ChainId::derive(id, 9);
    let entries: Vec<OpenEntry> = (first..first + count).map(open_entry).collect();
    let (mut hashes, mut last) = (Vec::new(), prev);
    for (entry, seq) in entries.iter().zip(first..) {
        last = entry.header(Suite::Ed25519, chain, seq, last).hash();
        hashes.push(last);
    }
    let header = SegmentHeader::over(Suite::Ed25519, id, 9, first, prev, &hashes).expect("entries");
    let signature = device().sign_now(&header.message());
    (header, signature, entries, hashes)
}

fn code(view: &SegmentView) -> &'static str {
    view.check(&device().public()).map_or_else(|refusal| refusal.code, |_| "accepted")
}

#[test]
fn a_push_and_a_view_with_stubs_lead_to_the_same_segment() {
    let (header, signature, entries, hashes) = segment(0, 5, Hash::default());
    let push = SegmentView::push(header.clone(), signature.clone(), SECRET, entries.clone());
    let read = SegmentView::from_canonical(&push.to_canonical()).expect("its own bytes");
    let whole = read.check(&device().public()).expect("an honest push");
    assert_eq!(whole.entries.iter().map(|entry| entry.hash).collect::<Vec<_>>(), hashes);
    assert_eq!(whole.entries[3].open.as_ref(), Some(&entries[3]));

    let shown = entries.into_iter().zip(&hashes).enumerate();
    let parts = shown.map(|(at, (entry, hash))| if at == 1 { Ok(entry) } else { Err(*hash) }).collect();
    let view = SegmentView::new(header, signature, parts).check(&device().public()).expect("an honest view");
    assert_eq!(view.leaf(), whole.leaf());
    assert_eq!(view.entries[1], whole.entries[1]);
    assert_eq!(view.entries[2].open, None);
}

#[test]
fn a_changed_swapped_doubled_or_dropped_entry_is_refused() {
    let (header, signature, entries, _) = segment(0, 4, Hash::default());
    let honest = SegmentView::push(header, signature, SECRET, entries);
    assert_eq!(code(&honest), "accepted");

    let mut swapped = honest.clone();
    swapped.entries.swap(1, 2);
    assert_eq!(code(&swapped), "segment.wrong_entries");
    let mut dropped = honest.clone();
    dropped.entries.pop();
    assert_eq!(code(&dropped), "segment.wrong_count");
    let mut doubled = honest.clone();
    doubled.entries[2] = doubled.entries[1].clone();
    assert_eq!(code(&doubled), "segment.wrong_entries");
    let mut stubbed = honest.clone();
    stubbed.entries[2] = ViewEntry::Stub(Hash([9; 32]));
    assert_eq!(code(&stubbed), "segment.wrong_entries");
    let mut other_secret = honest.clone();
    other_secret.chain_secret = Some([6; 32]);
    assert_eq!(code(&other_secret), "segment.wrong_entries");
    let mut no_secret = honest;
    no_secret.chain_secret = None;
    assert_eq!(code(&no_secret), "entry.no_salt");
}

#[test]
fn every_flipped_byte_of_a_push_is_refused() {
    let (header, signature, entries, _) = segment(0, 3, Hash::default());
    let bytes = SegmentView::push(header, signature, SECRET, entries).to_canonical();
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            let accepted =
                SegmentView::from_canonical(&flipped).and_then(|view| view.check(&device().public()));
            assert!(accepted.is_err(), "byte {at} bit {bit:#x}");
        }
    }
}

#[test]
fn another_device_or_a_wrong_beginning_is_refused() {
    let (header, signature, entries, hashes) = segment(0, 2, Hash::default());
    let view = SegmentView::push(header, signature, SECRET, entries);
    let stranger = SoftwareKey::from_seed([2; 32]);
    assert_eq!(view.check(&stranger.public()).map_err(|e| e.code), Err("segment.other_device"));

    let (header, signature, entries, _) = segment(2, 1, hashes[1]);
    assert_eq!(code(&SegmentView::push(header, signature, SECRET, entries)), "accepted");
    let (header, signature, entries, _) = segment(2, 1, Hash::default());
    assert_eq!(code(&SegmentView::push(header, signature, SECRET, entries)), "segment.wrong_prev");
    let (header, signature, entries, _) = segment(0, 1, hashes[1]);
    assert_eq!(code(&SegmentView::push(header, signature, SECRET, entries)), "segment.wrong_prev");
}

#[test]
fn an_entry_that_names_another_change_or_too_much_evidence_is_refused() {
    let entry = open_entry(1);
    assert_eq!(entry.check(), Ok(()));
    let other = OpenEntry { change: Some(chunk(7)), ..entry.clone() };
    assert_eq!(other.check().map_err(|e| e.code), Err("entry.change_mismatch"));
    let mut homeless = entry.clone();
    homeless.body.document = None;
    assert_eq!(homeless.check().map_err(|e| e.code), Err("entry.no_document"));
    let mut greedy = entry;
    greedy.body.blobs =
        vec![BlobRef { hash: Default::default(), size_bytes: 1 }; limits::ENTRY_BLOBS_MAX + 1];
    assert_eq!(greedy.check().map_err(|e| e.code), Err("entry.too_many_blobs"));
}

#[test]
fn a_receipt_covers_exactly_the_segments_it_proves() {
    let (first, _, _, hashes) = segment(0, 2, Hash::default());
    let (second, _, _, _) = segment(2, 2, hashes[1]);
    let mut tree = Tree::default();
    for leaf in [Leaf::Segment(first.clone()), Leaf::Segment(second.clone())] {
        tree.append(leaf.hash());
    }
    let checkpoint = CheckpointRef { epoch: 1, size: 2, root: tree.root() };
    let receipt = SegmentReceipt {
        first_leaf: 1,
        leaves: vec![Leaf::Segment(second.clone()).hash()],
        proof: RangeProof { left: vec![Leaf::Segment(first.clone()).hash()], right: vec![] },
    };
    assert_eq!(receipt.verify(&checkpoint), Ok(()));
    assert_eq!(receipt.covers(&second), Some(1));
    assert_eq!(receipt.covers(&first), None);
    let lie = SegmentReceipt { leaves: vec![Leaf::Segment(first).hash()], ..receipt };
    assert!(lie.verify(&checkpoint).is_err());
}

#[test]
fn a_grant_holds_only_under_the_deployment_key_and_unchanged() {
    let deployment = SoftwareKey::from_seed([8; 32]);
    let grant = Grant {
        suite: Suite::Ed25519,
        origin: "liuhen.example".into(),
        account: "a".into(),
        person: "张三".into(),
        certificate_no: "01".into(),
        department: "d".into(),
        roles: vec!["inspector".into()],
        device_key: device().public(),
        offline_hours: 72,
        log_key: deployment.public(),
        issued_at_ms: 0,
    };
    let signed = grant.clone().sign(&deployment);
    assert_eq!(signed.check(&deployment.public()), Ok(grant));
    assert!(signed.check(&device().public()).is_err());
    let mut changed = signed;
    changed.bytes[3] ^= 1;
    assert!(changed.check(&deployment.public()).is_err());
}
