//! What the server takes from a phone and what a phone believes of a server.

mod support;
#[path = "support/world.rs"]
mod world;

use liuhen_engine::{
    exchange::{
        ChainHead, Effects, Outbox, Placement, PlanLimits, Quarantine, Trust, Unsent, check_segment, judge,
        place, plan,
    },
    limits::BACKFILLS_MAX,
    wire::{Accepted, Answer, Backfill, FeedItem, Position, RefusedSegment, Request, Row, WaitingEntry},
};
use liuhen_trace::{
    BlobHash, BlobRef, Canonical, ChangeHash, CheckpointKey, CheckpointRef, DeviceId, DocumentId, Grant,
    Hash, Leaf, Refusal, SegmentView, SoftwareKey, ViewEntry, digest,
};
use std::collections::BTreeMap;
use support::{DOCUMENT, Parts};
use world::{Deployment, Phone};

/// A phone that handed in one segment, and an honest answer to it.
struct Scene {
    deployment: Deployment,
    trust: Trust,
    held: Option<CheckpointRef>,
    request: Request,
    answer: Answer,
    other: Phone,
}

const BLOB: BlobRef = BlobRef { hash: BlobHash([0xbb; 32]), size_bytes: 12_345 };

fn scene() -> Scene {
    let mut deployment = Deployment::new();
    let (mut phone, mut other) = (Phone::new(1), Phone::new(2));
    for number in 0..3 {
        deployment.fill(number);
    }
    let held = deployment.state();
    let (pushed, foreign) = (phone.segment("1", 2), other.segment("2", 3));
    let leaf = deployment.append(&Leaf::Segment(pushed.header.clone()));
    deployment.append(&Leaf::Segment(foreign.header.clone()));
    let act = deployment.held(BLOB);
    let row = b"a checklist".to_vec();
    let request = Request {
        version: 1,
        position: Some(Position { epoch: 1, cursor: 2, backfills: vec![] }),
        checkpoint: Some(held),
        segments: vec![pushed],
        wants: vec![Hash(digest::sha256(&row))],
        answer_bytes_max: 1 << 20,
    };
    let chain = phone.chain();
    let answer = Answer {
        version: 1,
        accepted: vec![Accepted { chain, next_seq: 2 }],
        refused: vec![],
        waiting: vec![WaitingEntry { chain, seq: 1, wants: vec![ChangeHash([3; 32])] }],
        receipts: vec![deployment.receipt(leaf, leaf + 1)],
        checkpoint: Some(deployment.note()),
        consistency: Some(deployment.proof(held.size, held.size)),
        grants: vec![deployment.signed_grant(&other)],
        items: vec![
            FeedItem::Matter { leaf: 0, bytes: b"task".to_vec() },
            FeedItem::Left { leaf: 1, document: DOCUMENT },
            FeedItem::Quarantined { leaf: 2, chain, seq: 0, code: "change.wrong_seq".to_owned() },
            FeedItem::Entries { leaf: 4, view: foreign },
            FeedItem::Held(deployment.held_receipt(act)),
        ],
        position: Position { epoch: 1, cursor: 6, backfills: vec![] },
        more: true,
        blobs_wanted: vec![BLOB.hash],
        rows: vec![Row { bytes: row }],
        server_time_ms: 1_700_000_000_000,
        epochs: vec![],
    };
    let trust = Trust { note_key: deployment.log.public(), deployment_key: deployment.key.public() };
    Scene { deployment, trust, held: Some(held), request, answer, other }
}

impl Scene {
    fn judge(self) -> Result<Effects, Refusal> {
        self.judge_knowing(&BTreeMap::new())
    }

    fn judge_knowing(self, grants: &BTreeMap<DeviceId, Grant>) -> Result<Effects, Refusal> {
        judge(&self.trust, self.held, &self.request, grants, self.answer)
    }

    fn altered(mut self, alter: impl FnOnce(&mut Self)) -> Self {
        alter(&mut self);
        self
    }
}

fn honest_effects() -> Effects {
    scene().judge().expect("an honest answer")
}

#[track_caller]
fn assert_whole_answer_refused(expected: &str, alter: impl FnOnce(&mut Scene)) {
    let judged = scene().altered(alter).judge();
    assert_eq!(judged.map(|_| ()).map_err(|refusal| refusal.code), Err(expected));
}

/// One part is rejected under this code and everything else is as in the honest answer, apart from
/// what `without` takes out.
#[track_caller]
fn assert_one_part_rejected(
    expected: &str,
    alter: impl FnOnce(&mut Scene),
    without: impl FnOnce(&mut Effects),
) {
    let mut effects = scene().altered(alter).judge().expect("the rest stands");
    let codes: Vec<_> = effects.rejected.drain(..).map(|(_, refusal)| refusal.code).collect();
    assert_eq!(codes, [expected]);
    let mut honest = honest_effects();
    without(&mut honest);
    assert_eq!(effects, honest);
}

#[test]
fn an_honest_answer_is_believed_whole() {
    let scene = scene();
    let (state, note) = (scene.deployment.state(), scene.deployment.note());
    let (chain, foreign) = (scene.request.segments[0].header.chain(), scene.other.chain());
    let effects = scene.judge().expect("an honest answer");
    assert_eq!(effects.rejected, []);
    assert_eq!(effects.checkpoint, Some((state, note)));
    assert_eq!(effects.receipted, [(chain, 0, 3)]);
    assert_eq!(effects.accepted, [Accepted { chain, next_seq: 2 }]);
    assert_eq!(effects.matters, [(0, b"task".to_vec())]);
    assert_eq!(effects.left, [DOCUMENT]);
    let quarantine = Quarantine { leaf: 2, chain, seq: 0, code: "change.wrong_seq".to_owned() };
    assert_eq!(effects.quarantined, [quarantine]);
    assert_eq!(effects.held, [(5, BLOB)]);
    assert_eq!(effects.rows, [(Hash(digest::sha256(b"a checklist")), b"a checklist".to_vec())]);
    assert_eq!(effects.grants.len(), 1);
    assert_eq!((effects.entries[0].0, effects.entries[0].1.chain), (4, foreign));
    assert_eq!(effects.entries[0].1.entries.iter().filter(|entry| entry.open.is_some()).count(), 3);
    assert_eq!((effects.position.cursor, effects.more), (6, true));
    assert_eq!((effects.waiting.len(), &effects.blobs_wanted[..]), (1, &[BLOB.hash][..]));
}

#[test]
fn a_checkpoint_that_does_not_continue_the_one_held_refuses_the_whole_answer() {
    let forked = |scene: &mut Scene, size| {
        let state = CheckpointRef { epoch: 1, size, root: Hash([9; 32]) };
        scene.answer.checkpoint = Some(scene.deployment.log.sign(state));
    };
    assert_whole_answer_refused("ledger.inconsistent", |scene| forked(scene, 6));
    assert_whole_answer_refused("ledger.inconsistent", |scene| forked(scene, 3));
    assert_whole_answer_refused("ledger.inconsistent", |scene| forked(scene, 2));
    assert_whole_answer_refused("ledger.inconsistent", |scene| scene.answer.consistency = None);
    assert_whole_answer_refused("ledger.inconsistent", |scene| {
        scene.answer.consistency = Some(scene.deployment.proof(2, 2));
    });
    assert_whole_answer_refused("ledger.other_epoch", |scene| {
        let state = CheckpointRef { epoch: 2, ..scene.deployment.state() };
        scene.answer.checkpoint = Some(scene.deployment.log.sign(state));
    });
}

#[test]
fn a_checkpoint_by_another_key_or_of_another_deployment_refuses_the_whole_answer() {
    let by = |origin: &str, seed| CheckpointKey {
        origin: origin.to_owned(),
        key: SoftwareKey::from_seed([seed; 32]),
    };
    assert_whole_answer_refused("checkpoint.unsigned", |scene| {
        scene.answer.checkpoint = Some(by(world::ORIGIN, 0x77).sign(scene.deployment.state()));
    });
    assert_whole_answer_refused("checkpoint.other_log", |scene| {
        scene.answer.checkpoint = Some(by("other.example", 0xa1).sign(scene.deployment.state()));
    });
    assert_whole_answer_refused("checkpoint.malformed", |scene| {
        scene.answer.checkpoint = Some("hello".into())
    });
}

#[test]
fn an_answer_to_an_older_state_or_of_a_newer_version_is_refused() {
    assert_whole_answer_refused("exchange.stale_answer", |scene| scene.held = None);
    assert_whole_answer_refused("exchange.unknown_version", |scene| scene.answer.version = 2);
}

#[test]
fn a_position_never_goes_back_and_never_beyond_the_log() {
    assert_whole_answer_refused("exchange.wrong_position", |scene| scene.answer.position.cursor = 1);
    assert_whole_answer_refused("exchange.wrong_position", |scene| scene.answer.position.cursor = 7);
    assert_whole_answer_refused("exchange.wrong_position", |scene| scene.answer.position.epoch = 0);
    assert_whole_answer_refused("exchange.wrong_position", |scene| scene.answer.position.epoch = 2);
}

#[test]
fn a_position_that_would_spoil_every_later_request_refuses_the_whole_answer() {
    assert_whole_answer_refused("exchange.wrong_position", |scene| {
        let backfill = Backfill { document: DOCUMENT, as_of: 1, from: 0 };
        scene.answer.position.backfills = vec![backfill; BACKFILLS_MAX + 1];
    });
    assert_whole_answer_refused("exchange.wrong_position", |scene| {
        scene.held = None;
        scene.request.checkpoint = None;
        scene.request.position = None;
        scene.answer.checkpoint = None;
        scene.answer.position = Position { epoch: u64::MAX, ..Position::default() };
    });
}

#[test]
fn entries_that_were_rejected_are_asked_for_again_and_hold_up_nothing() {
    let retry = Backfill { document: DOCUMENT, as_of: 5, from: 4 };
    let tampered = |scene: &mut Scene| foreign(scene).signature.0[0] ^= 1;
    let effects = scene().altered(tampered).judge().expect("the rest stands");
    assert_eq!((effects.position.cursor, &effects.position.backfills[..]), (6, &[retry][..]));

    let again = scene().altered(|scene| {
        tampered(scene);
        scene.answer.position.backfills = vec![retry];
    });
    assert_eq!(again.judge().expect("the rest stands").position.backfills, [retry], "once is enough");

    let full = scene().altered(|scene| {
        tampered(scene);
        let other = Backfill { document: DocumentId([1; 16]), as_of: 1, from: 0 };
        scene.answer.position.backfills = vec![other; BACKFILLS_MAX];
    });
    assert_eq!(full.judge().expect("the rest stands").position.backfills.len(), BACKFILLS_MAX);
}

#[test]
fn a_first_exchange_needs_no_consistency_proof() {
    let first = scene().altered(|scene| {
        scene.held = None;
        scene.request.checkpoint = None;
        scene.request.position = None;
        scene.answer.consistency = None;
    });
    assert_eq!(first.judge().expect("an honest answer"), honest_effects());
}

#[test]
fn without_a_new_checkpoint_everything_is_proven_against_the_one_held() {
    let idle = scene().altered(|scene| {
        scene.held = Some(scene.deployment.state());
        scene.request.checkpoint = scene.held;
        scene.answer.checkpoint = None;
        scene.answer.consistency = None;
    });
    let mut honest = honest_effects();
    honest.checkpoint = None;
    assert_eq!(idle.judge().expect("an honest answer"), honest);
}

#[test]
fn without_any_checkpoint_nothing_is_proven() {
    let bare = scene().altered(|scene| {
        scene.held = None;
        scene.request.checkpoint = None;
        scene.answer.checkpoint = None;
        scene.request.position = None;
        scene.answer.position = Position::default();
    });
    let effects = bare.judge().expect("nothing is claimed of the log");
    assert_eq!(
        (&effects.receipted[..], &effects.held[..], &effects.entries[..]),
        (&[][..], &[][..], &[][..])
    );
    let codes: Vec<_> = effects.rejected.iter().map(|(_, refusal)| refusal.code).collect();
    assert_eq!(codes[0], "receipt.no_checkpoint");
    assert!(codes[1..].iter().all(|code| *code == "feed.beyond_checkpoint"));
}

#[test]
fn a_receipt_that_proves_nothing_of_ours_is_rejected_alone() {
    let no_receipt = |effects: &mut Effects| effects.receipted.clear();
    assert_one_part_rejected(
        "proof.wrong_root",
        |scene| scene.answer.receipts[0].leaves[0].0[0] ^= 1,
        no_receipt,
    );
    assert_one_part_rejected("proof.malformed", |scene| scene.answer.receipts[0].first_leaf = 2, no_receipt);
    let other = |scene: &mut Scene| scene.answer.receipts = vec![scene.deployment.receipt(4, 5)];
    assert_one_part_rejected("receipt.not_asked", other, no_receipt);
    let beyond = |scene: &mut Scene| {
        scene.deployment.fill(9);
        scene.answer.receipts = vec![scene.deployment.receipt(3, 4)];
    };
    assert_one_part_rejected("proof.malformed", beyond, no_receipt);
}

#[test]
fn a_held_receipt_must_open_an_act_in_the_log() {
    let held =
        |scene: &mut Scene, alter: fn(&mut liuhen_trace::HeldReceipt)| match scene.answer.items.last_mut() {
            Some(FeedItem::Held(receipt)) => alter(receipt),
            _ => panic!("the last item is a held receipt"),
        };
    let nothing_held = |effects: &mut Effects| effects.held.clear();
    assert_one_part_rejected(
        "act.wrong_body",
        |scene| held(scene, |receipt| receipt.body[20] ^= 1),
        nothing_held,
    );
    assert_one_part_rejected(
        "act.wrong_body",
        |scene| held(scene, |receipt| receipt.salt[0] ^= 1),
        nothing_held,
    );
    assert_one_part_rejected(
        "proof.wrong_root",
        |scene| held(scene, |receipt| receipt.header.at_ms += 1),
        nothing_held,
    );
    assert_one_part_rejected(
        "receipt.other_act",
        |scene| held(scene, |receipt| receipt.header.kind = "task.issued".to_owned()),
        nothing_held,
    );
}

/// The entries were rejected and will be asked for again.
fn put_off(effects: &mut Effects) {
    effects.entries.clear();
    effects.position.backfills.push(Backfill { document: DOCUMENT, as_of: 5, from: 4 });
}

fn foreign(scene: &mut Scene) -> &mut SegmentView {
    match &mut scene.answer.items[3] {
        FeedItem::Entries { view, .. } => view,
        _ => panic!("the fourth item has entries"),
    }
}

#[test]
fn entries_count_only_under_a_grant_of_this_deployment() {
    let nothing = |effects: &mut Effects| {
        put_off(effects);
        effects.grants.clear();
    };
    assert_one_part_rejected("feed.no_grant", |scene| scene.answer.grants.clear(), nothing);
    let known = BTreeMap::from([(scene().other.device(), {
        let scene = scene();
        scene.deployment.grant(&scene.other)
    })]);
    let knowing = scene().altered(|scene| scene.answer.grants.clear()).judge_knowing(&known);
    assert_eq!(knowing.expect("an honest answer").entries, honest_effects().entries);

    let by_another = |scene: &mut Scene| {
        let stranger = SoftwareKey::from_seed([0x66; 32]);
        scene.answer.grants = vec![scene.deployment.grant(&scene.other).sign(&stranger)];
    };
    let codes = |scene: Scene| -> Vec<&str> {
        let rejected = scene.judge().expect("the rest stands").rejected;
        rejected.into_iter().map(|(_, refusal)| refusal.code).collect()
    };
    assert_eq!(codes(scene().altered(by_another)), ["signature.invalid", "feed.no_grant"]);
    let of_another = |scene: &mut Scene| {
        let grant = Grant { origin: "other.example".to_owned(), ..scene.deployment.grant(&scene.other) };
        scene.answer.grants = vec![grant.sign(&scene.deployment.key)];
    };
    assert_eq!(codes(scene().altered(of_another)), ["grant.other_deployment", "feed.no_grant"]);
}

#[test]
fn a_view_that_was_tampered_with_is_rejected_alone() {
    assert_one_part_rejected("signature.invalid", |scene| foreign(scene).signature.0[0] ^= 1, put_off);
    assert_one_part_rejected("signature.invalid", |scene| foreign(scene).header.last.0[0] ^= 1, put_off);
    assert_one_part_rejected("segment.wrong_count", |scene| drop(foreign(scene).entries.pop()), put_off);
    let other_body = |scene: &mut Scene| match &mut foreign(scene).entries[1] {
        ViewEntry::Open(open) => open.kind = liuhen_trace::EntryKind::Note,
        ViewEntry::Stub(_) => panic!("the entry is open"),
    };
    assert_one_part_rejected("segment.wrong_entries", other_body, put_off);
    let beyond = |scene: &mut Scene| match &mut scene.answer.items[3] {
        FeedItem::Entries { leaf, .. } => *leaf = 6,
        _ => panic!("the fourth item has entries"),
    };
    assert_one_part_rejected("feed.beyond_checkpoint", beyond, |effects| effects.entries.clear());
}

#[test]
fn a_signed_poison_is_rejected_before_anything_decodes_it() {
    let bomb = Parts { actor: vec![1; 16], seq: 1, start_op: 1, ..Parts::default() }
        .with_column(0x42, support::run(4_000_000_000, support::unsigned(1)))
        .chunk();
    assert!(bomb.len() < 75, "{} bytes", bomb.len());
    let poisoned = |scene: &mut Scene| {
        let entry = scene.other.entry(scene.other.next_seq, bomb.clone());
        *foreign(scene) = scene.other.sign(vec![entry]);
    };
    assert_one_part_rejected("change.too_many_operations", poisoned, put_off);
    let mut phone = Phone::new(1);
    let entry = phone.entry(0, bomb.clone());
    let refusal = check_segment(&phone.sign(vec![entry]), &phone.key.public());
    assert_eq!(refusal.map(|_| ()).map_err(|refusal| refusal.code), Err("change.too_many_operations"));
}

#[test]
fn what_was_not_asked_for_is_rejected() {
    let row = |scene: &mut Scene| scene.answer.rows[0].bytes.push(0);
    assert_one_part_rejected("row.not_asked", row, |effects| effects.rows.clear());
    let accepted = |scene: &mut Scene| scene.answer.accepted[0].chain = scene.other.chain();
    assert_one_part_rejected("exchange.not_asked", accepted, |effects| effects.accepted.clear());
    let refused = |scene: &mut Scene| {
        let segment = RefusedSegment {
            chain: scene.request.segments[0].header.chain(),
            first_seq: 1,
            code: "segment.gap".to_owned(),
            detail: String::new(),
        };
        scene.answer.refused.push(segment);
    };
    assert_one_part_rejected("exchange.not_asked", refused, |_| {});
}

#[test]
fn the_server_takes_only_segments_it_can_read_whole() {
    let mut phone = Phone::new(1);
    let honest = phone.segment("1", 3);
    let checked = check_segment(&honest, &phone.key.public()).expect("an honest segment");
    assert_eq!(checked.entries.len(), 3);
    let mut stubbed = honest.clone();
    stubbed.entries[1] = ViewEntry::Stub(checked.entries[1].hash);
    let refusal = check_segment(&stubbed, &phone.key.public()).map(|_| ()).map_err(|refusal| refusal.code);
    assert_eq!(refusal, Err("segment.not_open"));
    let other = Phone::new(2).key.public();
    assert!(check_segment(&honest, &other).is_err());
}

#[test]
fn a_segment_is_new_known_too_early_or_a_fork() {
    let mut phone = Phone::new(1);
    let views = [phone.segment("1", 2), phone.segment("2", 2), phone.segment("3", 2)];
    let check = |view: &SegmentView| check_segment(view, &Phone::new(1).key.public()).expect("honest");
    let [first, second, third] = views.each_ref().map(check);
    let hashes: Vec<Hash> =
        [&first, &second].into_iter().flat_map(|s| s.entries.iter().map(|e| e.hash)).collect();
    let known = |seq: u64| hashes.get(seq as usize).copied();
    let head = ChainHead { next_seq: 4, last: hashes[3] };
    assert_eq!(place(None, known, &first), Placement::New);
    assert_eq!(place(Some(&head), known, &third), Placement::New);
    assert_eq!(place(Some(&head), known, &second), Placement::Duplicate);
    assert_eq!(place(Some(&head), known, &first), Placement::Duplicate);
    assert_eq!(place(None, known, &second), Placement::Gap { expected: 0 });

    // A clone of the phone that goes on from the same beginning.
    let mut clone = Phone::new(1);
    clone.segment("1", 2);
    let forked = check(&clone.segment("9", 2));
    assert_eq!(place(Some(&head), known, &forked), Placement::Fork);
    let one = ChainHead { next_seq: 2, last: hashes[1] };
    assert_eq!(place(Some(&one), known, &forked), Placement::New, "whoever comes first");
    let continued = check(&clone.segment("8", 2));
    assert_eq!(place(Some(&head), known, &continued), Placement::Fork);
    // The same entries cut otherwise are no fork, but must be sent as they were signed first.
    let mut recut = Phone::new(1);
    let entries: Vec<_> = ["1", "2", "3"].iter().map(|key| recut.segment(key, 2)).collect();
    assert_eq!(entries[..], views[..]);
    let ahead = check(&{
        let mut phone = Phone::new(1);
        let mut entries = phone.entries("1", 2);
        phone.next_seq += 2;
        entries.extend(phone.entries("2", 2));
        phone.next_seq = 0;
        phone.sign(entries)
    });
    assert_eq!(place(Some(&one), known, &ahead), Placement::Gap { expected: 2 });
    assert_eq!(place(Some(&head), known, &ahead), Placement::Duplicate);
}

#[test]
fn a_request_takes_what_fits_from_the_front_and_never_nothing() {
    let mut phone = Phone::new(1);
    let unsent: Vec<Unsent> = (0..5)
        .map(|_| phone.segment("1", 1))
        .map(|view| Unsent { size_bytes: view.to_canonical().len(), view })
        .collect();
    let first = unsent[0].size_bytes;
    let limits = |request_bytes_max| PlanLimits { request_bytes_max, answer_bytes_max: 1_000 };
    let outbox = Outbox { unsent: unsent.clone(), wants: vec![Hash([1; 32]); 100], ..Outbox::default() };
    let planned = |request_bytes_max| plan(outbox.clone(), limits(request_bytes_max)).segments.len();
    assert_eq!(planned(0), 1, "the first goes whatever its size");
    assert_eq!(planned(first + unsent[1].size_bytes), 2);
    assert_eq!(planned(1_000_000), 5);
    let request = plan(outbox.clone(), PlanLimits::default());
    assert_eq!((request.segments.len(), request.wants.len(), request.version), (5, 64, 1));
    let seqs: Vec<u64> = request.segments.iter().map(|view| view.header.first_seq).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4]);
    let backfilling = Position {
        backfills: vec![Backfill { document: DOCUMENT, as_of: 9, from: 0 }],
        ..Position::default()
    };
    let outbox = Outbox { position: Some(backfilling.clone()), ..Outbox::default() };
    assert_eq!(plan(outbox, PlanLimits::default()).position, Some(backfilling));
}
