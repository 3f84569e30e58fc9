//! Byte vectors of every structure that is hashed or signed. A change of any of them is a change of
//! what ledgers, phones and courts hold; `docs/protocol.md` quotes them.
//!
//! `LIUHEN_WRITE_GOLDEN=1 cargo test -p liuhen-trace --test golden` writes them anew.

use liuhen_trace::{
    ActHeader, BlobHash, BlobRef, Body, BootId, Canonical, ChainId, ChangeHash, CheckpointKey, CheckpointRef,
    DeviceId, DocumentId, EntryKind, EpochOpening, EpochProof, Grant, Hash, HeldReceipt, Leaf, Moment,
    OpenEntry, Place, SegmentHeader, SegmentReceipt, SegmentView, SignedGrant, SoftwareKey, Suite,
    act::{ActBody, RowCommitment},
    digest::sha256,
    entry,
    epoch::EPOCH_KIND,
    merkle::{Node, RangeProof, Tree},
    receipt::HELD_KIND,
    request::{EnrolmentStatement, SignedRequest},
};
use std::{collections::BTreeMap, env, fmt::Debug, fs, path::Path};

#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test's switch, not configuration")]
fn assert_golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("LIUHEN_WRITE_GOLDEN").is_some() {
        fs::write(&path, bytes).expect("the folder is writable");
    }
    let kept = fs::read(&path).unwrap_or_default();
    assert!(
        kept == bytes,
        "{name} changed: kept ledgers have other bytes\n{}",
        String::from_utf8_lossy(bytes)
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Keeps the canonical form, and checks that it reads back.
#[track_caller]
fn assert_canonical<T: Canonical + PartialEq + Debug>(name: &str, value: &T) {
    let bytes = value.to_canonical();
    assert_golden(&format!("{name}.hex"), format!("{}\n", hex(&bytes)).as_bytes());
    assert_eq!(T::from_canonical(&bytes).as_ref(), Ok(value));
}

#[track_caller]
fn assert_hex(name: &str, bytes: &[u8]) {
    assert_golden(&format!("{name}.hex"), format!("{}\n", hex(bytes)).as_bytes());
}

const SECRET: [u8; 32] = [0x5e; 32];
const ORIGIN: &str = "liuhen.example";

fn device_key() -> SoftwareKey {
    SoftwareKey::from_seed([1; 32])
}

fn device() -> DeviceId {
    DeviceId::derive(&device_key().public())
}

fn chain() -> ChainId {
    ChainId::derive(device(), 1)
}

/// A chunk whose checksum is right; nothing here reads what is in it.
fn chunk() -> Vec<u8> {
    let hashed = [&[1, 5][..], b"hello"].concat();
    [&[0x85, 0x6f, 0x4a, 0x83], &sha256(&hashed)[..4], &hashed].concat()
}

fn entries() -> Vec<OpenEntry> {
    let at = Moment { wall_ms: 1_700_000_000_000, monotonic_ms: 86_400_000, boot: BootId([0xb0; 8]) };
    let chunk = chunk();
    let capture = Body {
        checkpoint: Some(CheckpointRef { epoch: 1, size: 3, root: Hash([0xc3; 32]) }),
        document: Some(DocumentId([0xd0; 16])),
        change: entry::change_hash(&chunk),
        blobs: vec![BlobRef { hash: BlobHash([0xbb; 32]), size_bytes: 3_145_728 }],
        place: Some(Place {
            latitude_e7: 399_042_000,
            longitude_e7: -1_164_074_000,
            accuracy_mm: 4_500,
            mock: false,
        }),
        replaces: Some(Hash([0x4e; 32])),
        detail: Some(vec![0xa0]),
        ..Body::at(at)
    };
    let opened = |kind, seq, body, change| OpenEntry { kind, salt: entry::salt(&SECRET, seq), body, change };
    vec![
        opened(EntryKind::Capture, 0, capture, Some(chunk)),
        opened(EntryKind::CheckIn, 1, Body::at(at), None),
    ]
}

/// The segment over both entries, its entries' hashes, and the device's signature.
fn segment() -> (SegmentHeader, Vec<Hash>, liuhen_trace::Signature) {
    let (mut prev, mut hashes) = (Hash::default(), Vec::new());
    for (seq, open) in entries().iter().enumerate() {
        prev = open.header(Suite::Ed25519, chain(), seq as u64, prev).hash();
        hashes.push(prev);
    }
    let header = SegmentHeader::over(Suite::Ed25519, device(), 1, 0, Hash::default(), &hashes);
    let header = header.expect("two entries");
    let signature = device_key().sign_now(&header.message());
    (header, hashes, signature)
}

fn grant() -> SignedGrant {
    let grant = Grant {
        suite: Suite::Ed25519,
        origin: ORIGIN.to_owned(),
        account: "0190a000000070008000000000000001".to_owned(),
        person: "张三".to_owned(),
        certificate_no: "京A-0001".to_owned(),
        department: "0190a000000070008000000000000002".to_owned(),
        roles: vec!["inspector".to_owned()],
        device_key: device_key().public(),
        offline_hours: 72,
        log_key: log_key().key.public(),
        issued_at_ms: 1_700_000_000_000,
    };
    grant.sign(&SoftwareKey::from_seed([0xa2; 32]))
}

fn log_key() -> CheckpointKey {
    CheckpointKey { origin: ORIGIN.to_owned(), key: SoftwareKey::from_seed([0xa1; 32]) }
}

fn act_body() -> ActBody {
    ActBody {
        actor: Some("0190a000000070008000000000000001".to_owned()),
        detail: r#"{"name":"留痕"}"#.to_owned(),
        rows: vec![RowCommitment {
            table: "blob".to_owned(),
            key: "bb".repeat(32),
            digest: Hash([0xdd; 32]),
        }],
        blobs: vec![BlobRef { hash: BlobHash([0xbb; 32]), size_bytes: 3_145_728 }],
        epoch: None,
    }
}

/// The act that opens epoch 2 behind the segment and the act of [`state`], with the log it makes.
fn epoch_opened() -> (EpochProof, CheckpointRef) {
    let (mut tree, mut nodes) = (Tree::default(), BTreeMap::new());
    for leaf in [Leaf::Segment(segment().0), Leaf::Act(act())] {
        nodes.extend(tree.append(leaf.hash()));
    }
    let opening = EpochOpening { epoch: 2, after: state(), note: Some(log_key().sign(state())) };
    let body = ActBody { epoch: Some(opening), ..ActBody::default() }.to_canonical();
    let header = ActHeader::commit(EPOCH_KIND, 1_700_000_000_000, &ACT_SALT, &body);
    nodes.extend(tree.append(Leaf::Act(header.clone()).hash()));
    let state = CheckpointRef { epoch: 2, size: tree.size(), root: tree.root() };
    let proof = RangeProof::build(2, 3, 3, |node: Node| nodes.get(&node).copied().ok_or(node));
    (EpochProof { header, salt: ACT_SALT, body, proof: proof.expect("every subtree is known") }, state)
}

const ACT_SALT: [u8; 16] = [0x5a; 16];

fn act() -> ActHeader {
    ActHeader::commit(HELD_KIND, 1_700_000_000_000, &ACT_SALT, &act_body().to_canonical())
}

/// A log of the segment and the act, and the tree's nodes.
fn log() -> (Tree, BTreeMap<Node, Hash>) {
    let (mut tree, mut nodes) = (Tree::default(), BTreeMap::new());
    for leaf in [Leaf::Segment(segment().0), Leaf::Act(act())] {
        nodes.extend(tree.append(leaf.hash()));
    }
    (tree, nodes)
}

fn proof(from: u64, to: u64) -> RangeProof {
    let (tree, nodes) = log();
    RangeProof::build(from, to, tree.size(), |node| nodes.get(&node).copied().ok_or(node))
        .expect("every subtree is known")
}

fn state() -> CheckpointRef {
    let (tree, _) = log();
    CheckpointRef { epoch: 1, size: tree.size(), root: tree.root() }
}

#[test]
fn ids_are_derived_as_they_always_were() {
    let lines = [
        ("device key", hex(&device_key().public().bytes)),
        ("device", device().to_string()),
        ("chain of incarnation 1", chain().to_string()),
        ("salt of entry 0", hex(&entry::salt(&SECRET, 0))),
        ("change", entry::change_hash(&chunk()).map(|hash: ChangeHash| hash.to_string()).unwrap_or_default()),
    ];
    let text: String = lines.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    assert_golden("ids.txt", text.as_bytes());
}

#[test]
fn entries_have_the_bytes_they_always_had() {
    let (capture, hashes) = (&entries()[0], segment().1);
    let header = capture.header(Suite::Ed25519, chain(), 0, Hash::default());
    assert_canonical("body", &capture.body);
    assert_canonical("body_least", &entries()[1].body);
    assert_canonical("entry_header", &header);
    assert_hex("entry_hashes", &[hashes[0].0, hashes[1].0].concat());
}

#[test]
fn segments_have_the_bytes_they_always_had() {
    let (header, hashes, signature) = segment();
    let all_open = SegmentView::push(header.clone(), signature.clone(), SECRET, entries());
    let one_open = vec![Ok(entries()[0].clone()), Err(hashes[1])];
    let one_open = SegmentView::new(header.clone(), signature, one_open);
    for view in [&all_open, &one_open] {
        assert!(view.check(&device_key().public()).is_ok(), "the views are honest");
    }
    assert_canonical("segment_header", &header);
    assert_hex("segment_message", &header.message());
    assert_canonical("segment_view_pushed", &all_open);
    assert_canonical("segment_view_one_open", &one_open);
}

#[test]
fn leaves_and_acts_have_the_bytes_they_always_had() {
    assert_hex("leaf_segment", &Leaf::Segment(segment().0).to_bytes());
    assert_hex("leaf_act", &Leaf::Act(act()).to_bytes());
    assert_canonical("act_body", &act_body());
    let leaves = [Leaf::Segment(segment().0).hash().0, Leaf::Act(act()).hash().0].concat();
    assert_hex("leaf_hashes", &leaves);
}

#[test]
fn grants_have_the_bytes_they_always_had() {
    assert_canonical("grant", &grant());
    assert!(grant().check(&SoftwareKey::from_seed([0xa2; 32]).public()).is_ok());
}

#[test]
fn checkpoints_have_the_bytes_they_always_had() {
    let note = log_key().sign(state());
    assert_golden("checkpoint.txt", note.as_bytes());
    assert_canonical("checkpoint_ref", &state());
    assert_golden("checkpoint_key.txt", format!("{}\n", log_key().public()).as_bytes());
    assert_eq!(log_key().public().check(&note).map(|checkpoint| checkpoint.state), Ok(state()));
}

#[test]
fn receipts_have_the_bytes_they_always_had() {
    let leaves = vec![Leaf::Segment(segment().0).hash()];
    let segments = SegmentReceipt { first_leaf: 0, leaves, proof: proof(0, 1) };
    assert_eq!(segments.verify(&state()), Ok(()));
    assert_eq!(segments.covers(&segment().0), Some(0));
    assert_canonical("receipt_segment", &segments);
    let body = act_body().to_canonical();
    let held = HeldReceipt { leaf: 1, header: act(), salt: ACT_SALT, body, proof: proof(1, 2) };
    assert_eq!(held.verify(&state()), Ok(act_body().blobs));
    assert_canonical("receipt_held", &held);
}

#[test]
fn an_opened_epoch_has_the_bytes_it_always_had_and_proves_what_it_goes_on_from() {
    let (opened, after) = epoch_opened();
    let opening = opened.verify(&after).expect("an honest proof");
    assert_eq!((opening.epoch, opening.after, opening.leaf()), (2, state(), 2));
    assert_canonical("epoch_opened", &opened);
    assert_golden("epoch_checkpoint.txt", log_key().sign(after).as_bytes());
}

#[test]
fn an_act_that_opens_no_epoch_or_stands_elsewhere_proves_nothing() {
    let (honest, after) = epoch_opened();
    let code = |opened: &EpochProof| opened.verify(&after).map(drop).map_err(|refusal| refusal.code);
    let saying = |epoch: Option<EpochOpening>| {
        let body = ActBody { epoch, ..ActBody::default() }.to_canonical();
        let header = ActHeader::commit(EPOCH_KIND, 1_700_000_000_000, &ACT_SALT, &body);
        EpochProof { header, body, ..honest.clone() }
    };
    let opening = honest.verify(&after).expect("an honest proof");
    assert_eq!(code(&saying(None)), Err("epoch.not_opened"));
    assert_eq!(code(&saying(Some(EpochOpening { epoch: 1, ..opening.clone() }))), Err("epoch.not_opened"));
    assert_eq!(code(&saying(Some(EpochOpening { epoch: 3, ..opening }))), Err("proof.wrong_root"));
    let salted = EpochProof { salt: [0; 16], ..honest.clone() };
    assert_eq!(code(&salted), Err("act.wrong_body"));
    let other = EpochProof { header: act(), body: act_body().to_canonical(), ..honest.clone() };
    assert_eq!(code(&other), Err("receipt.other_act"));
    let mut moved = honest.clone();
    moved.proof.left[0].0[0] ^= 1;
    assert_eq!(code(&moved), Err("proof.wrong_root"));
}

#[test]
fn requests_have_the_bytes_they_always_had() {
    let body_sha256 = sha256(b"body");
    let path = "/sync/v1/exchange";
    let request = SignedRequest { origin: ORIGIN, device: device(), method: "POST", path, body_sha256 };
    assert_hex("request_message", &request.message());
    let statement = EnrolmentStatement { origin: ORIGIN, challenge: [0xcc; 32], key: device_key().public() };
    assert_hex("enrolment_message", &statement.message());
}
