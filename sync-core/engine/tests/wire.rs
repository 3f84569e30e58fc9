//! The bytes of `POST /sync/v1/exchange`, kept as golden vectors, and bodies nobody should send.

#[path = "support/golden.rs"]
mod golden;
mod support;
#[path = "support/world.rs"]
mod world;

use golden::{assert_golden, golden, is_writing};
use liuhen_engine::{
    limits,
    wire::{
        Accepted, Answer, Backfill, FeedItem, Position, RefusedSegment, Request, Row, WaitingEntry, pack,
        unpack,
    },
};
use liuhen_trace::{BlobHash, BlobRef, Canonical, ChangeHash, Hash, Leaf};
use std::io::Write;
use support::{DOCUMENT, note, skeleton_chunk};
use world::{Deployment, Phone};

fn messages() -> (Request, Answer) {
    let mut deployment = Deployment::new();
    let mut phone = Phone::new(1);
    deployment.fill(0);
    let held = deployment.state();
    let view = phone.segment("1", 2);
    let leaf = deployment.append(&Leaf::Segment(view.header.clone()));
    let act = deployment.held(BlobRef { hash: BlobHash([0xbb; 32]), size_bytes: 12_345 });
    let (chain, backfill) = (phone.chain(), Backfill { document: DOCUMENT, as_of: 9, from: 4 });
    let request = Request {
        version: 1,
        position: Some(Position { epoch: 1, cursor: 1, backfills: vec![backfill] }),
        checkpoint: Some(held),
        segments: vec![view.clone()],
        wants: vec![Hash([0x11; 32])],
        answer_bytes_max: limits::ANSWER_BYTES_MAX,
    };
    let answer = Answer {
        version: 1,
        accepted: vec![Accepted { chain, next_seq: 2 }],
        refused: vec![RefusedSegment {
            chain,
            first_seq: 2,
            code: "segment.gap".to_owned(),
            detail: "expected 2".to_owned(),
        }],
        waiting: vec![WaitingEntry { chain, seq: 1, wants: vec![ChangeHash([0x22; 32])] }],
        receipts: vec![deployment.receipt(leaf, leaf + 1)],
        checkpoint: Some(deployment.note()),
        consistency: Some(deployment.proof(1, 1)),
        grants: vec![deployment.signed_grant(&phone)],
        items: vec![
            FeedItem::Matter { leaf: 0, bytes: vec![0xa0] },
            FeedItem::Left { leaf: 1, document: DOCUMENT },
            FeedItem::Entries { leaf: 1, view },
            FeedItem::Quarantined { leaf: 1, chain, seq: 1, code: "change.wrong_seq".to_owned() },
            FeedItem::Held(deployment.held_receipt(act)),
        ],
        position: Position { epoch: 1, cursor: 3, backfills: vec![] },
        more: false,
        blobs_wanted: vec![BlobHash([0xbb; 32])],
        rows: vec![Row { bytes: b"row".to_vec() }],
        server_time_ms: 1_700_000_000_000,
        epochs: vec![],
    };
    (request, answer)
}

#[test]
fn messages_have_the_bytes_they_always_had() {
    let (request, answer) = messages();
    assert_golden("request", &request.to_canonical());
    assert_golden("answer", &answer.to_canonical());
    assert_golden("position_first", &Position::default().to_canonical());
    assert_eq!(Request::from_canonical(&golden("request")), Ok(request));
    assert_eq!(Answer::from_canonical(&golden("answer")), Ok(answer));
}

#[test]
fn changes_have_the_bytes_they_always_had() {
    let mut phone = Phone::new(1);
    assert_golden("skeleton", &skeleton_chunk());
    let puts = [support::response("1", "合格"), note(phone.author(0), 0, "地面湿滑")];
    let author = phone.author(0);
    assert_golden("change", &support::edit(&mut phone.document, author, &puts));
}

#[test]
fn a_body_reads_back_and_one_packed_elsewhere_does_too() {
    let (request, answer) = messages();
    assert_eq!(unpack(&pack(&request)), Ok(request.clone()));
    assert_eq!(unpack(&pack(&answer)), Ok(answer));
    // Another version of the compressor may give other bytes; those it gave once must stay readable.
    if is_writing() {
        assert_golden("request_packed", &pack(&request));
    }
    assert_eq!(unpack(&golden("request_packed")), Ok(request));
}

fn refused(body: &[u8]) -> &'static str {
    match unpack::<Request>(body) {
        Ok(_) => "read",
        Err(refusal) => refusal.code,
    }
}

#[test]
fn a_truncated_body_is_refused_and_a_flipped_one_harms_nothing() {
    let (request, _) = messages();
    let body = pack(&request);
    for at in 0..body.len() {
        assert_eq!(refused(&body[..at]), "exchange.malformed", "cut at {at}");
        let mut flipped = body.clone();
        flipped[at] ^= 4;
        // The request's signature covers the body as sent, so another reading is caught there.
        assert!(["read", "exchange.malformed", "exchange.too_large"].contains(&refused(&flipped)));
    }
    let plain = request.to_canonical();
    for at in 0..plain.len() {
        assert!(Request::from_canonical(&plain[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_body_that_is_too_large_or_grows_too_large_is_refused() {
    assert_eq!(refused(&vec![0; limits::BODY_BYTES_MAX + 1]), "exchange.too_large");
    let bomb = zstd::encode_all(std::io::repeat(0).take_bytes(limits::DECOMPRESSED_BYTES_MAX + 1), 19);
    let bomb = bomb.expect("in memory");
    assert!(bomb.len() < 4_096, "{} bytes", bomb.len());
    assert_eq!(refused(&bomb), "exchange.too_large");
}

trait TakeBytes {
    fn take_bytes(self, count: usize) -> std::io::Take<std::io::Repeat>;
}

impl TakeBytes for std::io::Repeat {
    fn take_bytes(self, count: usize) -> std::io::Take<std::io::Repeat> {
        std::io::Read::take(self, count as u64)
    }
}

#[test]
fn a_body_that_asks_for_a_huge_window_is_refused_before_it_gets_one() {
    let packed_with = |window_log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("in memory");
        encoder.window_log(window_log).expect("a known parameter");
        encoder.include_contentsize(false).expect("a known parameter");
        encoder.write_all(&messages().0.to_canonical()).expect("in memory");
        encoder.finish().expect("in memory")
    };
    assert_eq!(refused(&packed_with(23)), "read", "8 MiB");
    assert_eq!(refused(&packed_with(24)), "exchange.malformed", "16 MiB");
}

#[test]
fn foreign_bodies_are_refused() {
    let (request, answer) = messages();
    assert_eq!(refused(b""), "exchange.malformed");
    assert_eq!(refused(b"{\"hello\":true}"), "exchange.malformed");
    assert_eq!(refused(&request.to_canonical()), "exchange.malformed", "not compressed");
    assert_eq!(refused(&pack(&answer)), "exchange.malformed", "the other message");
    let compressed = |plain: &[u8]| zstd::encode_all(plain, 3).expect("in memory");
    assert_eq!(refused(&compressed(b"no cbor")), "exchange.malformed");
    let trailing = [request.to_canonical(), vec![0]].concat();
    assert_eq!(refused(&compressed(&trailing)), "exchange.malformed");
    // The same number in more bytes than it needs: version 1 as 18 01.
    let mut longer = request.to_canonical();
    longer.splice(1..2, [0x18, 1]);
    assert_eq!(refused(&compressed(&longer)), "exchange.malformed");
    // An array that claims more elements than there are bytes in the world.
    assert_eq!(
        refused(&compressed(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        "exchange.malformed"
    );
    let mut claims = request.to_canonical();
    let at = claims.len() - 40;
    claims[at] = 0xbb;
    assert_eq!(refused(&compressed(&claims)), "exchange.malformed");
}
