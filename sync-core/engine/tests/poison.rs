//! Changes that automerge 0.12 accepts, or dies of, and that are refused here; each beside its honest
//! twin, which is admitted.

mod support;

use automerge::{ExpandedChange, ObjType, ScalarValue, legacy};
use liuhen_engine::{
    document::{Admission, Author, Document, Pending, Put, skeleton_actor},
    field::Scalar,
    limits, scan,
    shape::{Path, fresh_id},
};
use support::*;

/// A document with one answer of each of two people, who knew of each other.
fn started() -> Document {
    let mut document = document();
    edit(&mut document, author(1, 0), &[response("1", "合格"), response("2", "合格")]);
    edit(&mut document, author(2, 0), &[response("2", "不合格"), note(author(2, 0), 0, "无证")]);
    document
}

const ME: u8 = 3;

fn me() -> Author {
    author(ME, 5)
}

#[track_caller]
fn assert_altered_is_refused(puts: &[Put], expected: &str, alter: impl FnOnce(&mut ExpandedChange)) {
    let document = started();
    let twin = honest(&document, me(), puts);
    assert_refused(&document, me(), &altered(&twin, alter), &twin, expected);
}

/// A hand-made honest change on a fresh document, and the document.
fn by_hand() -> (Document, Parts) {
    let document = document();
    // The skeleton's operations: about, visit constant, notes, responses, visit.
    let (responses, max_op) = (4, 5);
    let parts =
        Parts::put(me().actor(DOCUMENT).0, skeleton_actor().0, responses, document.heads()[0].0, max_op + 1);
    (document, parts)
}

#[track_caller]
fn assert_hand_made_is_refused(poison: impl FnOnce(Parts) -> Vec<u8>, expected: &str) {
    let (document, parts) = by_hand();
    assert_refused(&document, me(), &poison(parts.clone()), &parts.chunk(), expected);
}

#[test]
fn the_hand_made_twin_is_what_an_honest_edit_gives() {
    let (document, parts) = by_hand();
    let put = Put { path: Path::field("responses", "1"), value: Scalar::Bool(true) };
    assert_eq!(parts.chunk(), honest(&document, me(), &[put]));
}

#[test]
fn a_claim_of_four_thousand_million_operations() {
    assert_hand_made_is_refused(
        |parts| parts.with_column(0x42, run(4_000_000_000, unsigned(1))).chunk(),
        "change.too_many_operations",
    );
    assert_hand_made_is_refused(
        |parts| parts.with_column(0x42, [signed(0), unsigned(u64::MAX)].concat()).chunk(),
        "change.too_many_operations",
    );
    assert_hand_made_is_refused(
        |parts| parts.with_column(0x42, run(i64::MIN, unsigned(1))).chunk(),
        "change.too_many_operations",
    );
}

#[test]
fn a_million_operations_in_a_hundred_bytes() {
    let million = |parts: Parts| Parts {
        columns: vec![
            (0x01, run(1_000_001, unsigned(1))),
            (0x02, run(1_000_001, unsigned(4))),
            (0x15, run(1_000_001, text("1"))),
            (0x34, unsigned(1_000_001)),
            (0x42, run(1_000_001, unsigned(1))),
            (0x56, run(1_000_001, unsigned(2))),
            (0x70, run(1_000_001, unsigned(0))),
        ],
        ..parts
    };
    assert_hand_made_is_refused(|parts| million(parts).chunk(), "change.too_many_operations");
    let one_too_many = limits::CHANGE_OPS_MAX as i64 + 1;
    let run_of = |parts: Parts, count| parts.with_column(0x42, run(count, unsigned(1))).chunk();
    assert_hand_made_is_refused(|parts| run_of(parts, one_too_many), "change.too_many_operations");
    let (_, parts) = by_hand();
    assert_eq!(scan::scan(&run_of(parts, one_too_many - 1)).map(|scanned| scanned.ops), Ok(1_024));
}

#[test]
fn a_claim_of_many_predecessors_dependencies_actors_or_columns() {
    let preds = |parts: Parts, count| parts.with_column(0x70, literal(&[unsigned(count)])).chunk();
    assert_hand_made_is_refused(|parts| preds(parts, u64::MAX), "change.too_many_predecessors");
    assert_hand_made_is_refused(
        |parts| parts.with_column(0x73, run(1_000_000, signed(1))).chunk(),
        "change.too_many_predecessors",
    );
    let deps = |parts: Parts| Parts { deps: (0..65).map(|n| [n; 32]).collect(), ..parts }.chunk();
    assert_hand_made_is_refused(deps, "change.too_many_deps");
    let actors = |parts: Parts| Parts { other_actors: vec![vec![1; 16]; 64], ..parts }.chunk();
    assert_hand_made_is_refused(actors, "change.too_many_actors");
    let columns = |parts: Parts| Parts { columns: (1..16).map(|n| (n, vec![])).collect(), ..parts }.chunk();
    assert_hand_made_is_refused(columns, "change.unknown_column");
}

#[test]
fn a_deflated_chunk_or_column() {
    assert_hand_made_is_refused(|parts| chunk(2, &parts.body()), "change.deflated");
    assert_hand_made_is_refused(
        |parts| parts.with_column(0x15 | 8, vec![1, 2, 3]).chunk(),
        "change.deflated",
    );
}

#[test]
fn a_run_encoded_another_way() {
    let document = started();
    let twin = honest(&document, me(), &[response("3", "是"), response("4", "是")]);
    // Both operations have action 1: a run of two. As two literals automerge reads the same.
    let poison = Parts {
        deps: document.heads().iter().map(|head| head.0).collect(),
        start_op: 11,
        columns: vec![
            (0x01, run(2, unsigned(1))),
            (0x02, run(2, unsigned(4))),
            (0x15, literal(&[text("3"), text("4")])),
            (0x34, unsigned(2)),
            (0x42, literal(&[unsigned(1), unsigned(1)])),
            (0x56, run(2, unsigned(3 << 4 | 6))),
            (0x57, "是是".into()),
            (0x70, run(2, unsigned(0))),
        ],
        ..by_hand().1
    };
    let honest_parts = poison.clone().with_column(0x42, run(2, unsigned(1)));
    assert_eq!(honest_parts.chunk(), twin);
    assert_refused(&document, me(), &poison.chunk(), &twin, "change.not_canonical");
}

#[test]
fn an_unknown_or_misplaced_column() {
    assert_hand_made_is_refused(|parts| parts.with_column(0x102, vec![1]).chunk(), "change.unknown_column");
    let swapped = |mut parts: Parts| {
        parts.columns.swap(0, 1);
        parts.chunk()
    };
    assert_hand_made_is_refused(swapped, "change.columns_unordered");
    assert_hand_made_is_refused(|parts| parts.with_column(0x57, vec![1]).chunk(), "change.malformed");
}

#[test]
fn free_text_in_message_time_or_behind_the_columns() {
    assert_hand_made_is_refused(
        |parts| Parts { message: b"hi".into(), ..parts }.chunk(),
        "change.has_message",
    );
    assert_hand_made_is_refused(|parts| Parts { time: 1, ..parts }.chunk(), "change.has_time");
    assert_hand_made_is_refused(|parts| Parts { extra: vec![0], ..parts }.chunk(), "change.has_extra_bytes");
}

#[test]
fn a_damaged_header() {
    assert_hand_made_is_refused(
        |parts| {
            let mut bytes = parts.chunk();
            bytes[5] ^= 1;
            bytes
        },
        "change.wrong_checksum",
    );
    assert_hand_made_is_refused(|parts| chunk(0, &parts.body()), "change.malformed");
    assert_hand_made_is_refused(|parts| [parts.chunk(), vec![0]].concat(), "change.malformed");
    assert_hand_made_is_refused(|_| b"GIF89a, and more".to_vec(), "change.malformed");
    assert_hand_made_is_refused(|_| vec![0; 70_000], "change.too_large");
}

#[test]
fn every_truncation_and_every_flipped_byte() {
    let document = started();
    let twin = honest(&document, me(), &[response("2", "不适用"), note(me(), 0, "补充")]);
    for at in 0..twin.len() {
        let mut cut = document.clone();
        assert!(matches!(cut.admit(me(), &twin[..at]), Admission::Refused(_)), "cut at {at}");
        for bit in 0..8 {
            let mut flipped = twin.clone();
            flipped[at] ^= 1 << bit;
            assert!(matches!(cut.admit(me(), &flipped), Admission::Refused(_)), "bit {bit} of byte {at}");
            // With the checksum set right, as an attacker would.
            let repaired = chunk(1, &flipped[header_length(&twin)..]);
            let admission = cut.clone().admit(me(), &repaired);
            let harmless = matches!(&admission, Admission::Refused(_) | Admission::Waiting(_));
            let other_text = admission == Admission::Admitted;
            assert!(harmless || other_text, "bit {bit} of byte {at}: {admission:?}");
            if other_text {
                let mut altered = document.clone();
                altered.admit(me(), &repaired);
                let loaded = Document::load(DOCUMENT, shape(), &altered.save()).expect("what is saved loads");
                assert_eq!(loaded.fields(), altered.fields());
            }
        }
    }
}

fn header_length(chunk: &[u8]) -> usize {
    9 + unsigned(chunk.len() as u64).len()
}

#[test]
fn predecessors_that_do_not_exist_are_left_out_or_are_too_many() {
    let puts = [response("2", "不适用")];
    assert_altered_is_refused(&puts, "change.wrong_predecessors", |change| {
        let nobody = legacy::OpId(3, change.actor_id.clone());
        change.operations[0].pred = vec![nobody].into();
    });
    assert_altered_is_refused(&puts, "change.wrong_predecessors", |change| {
        change.operations[0].pred = vec![].into();
    });
    assert_altered_is_refused(&puts, "change.wrong_predecessors", |change| {
        let seen = change.operations[0].pred.iter().next().cloned().expect("the value that shows");
        let first_answer = legacy::OpId(6, actor_of(author(1, 0)));
        change.operations[0].pred = vec![seen, first_answer].into();
    });
    assert_altered_is_refused(&[note(me(), 0, "补充")], "change.wrong_predecessors", |change| {
        change.operations[0].pred = vec![legacy::OpId(6, actor_of(author(1, 0)))].into();
    });
}

#[test]
fn a_predecessor_from_a_concurrent_change_hides_nothing() {
    let base = started();
    let mut mine = base.clone();
    let twin = edit(&mut mine, me(), &[response("3", "我的")]);
    let mut theirs = base.clone();
    edit(&mut theirs, author(1, 1), &[response("3", "他的")]);
    let poison = altered(&twin, |change| {
        let concurrent = legacy::OpId(u64::from(change.start_op), actor_of(author(1, 1)));
        change.operations[0].pred = vec![concurrent].into();
    });
    assert_refused(&theirs, me(), &poison, &twin, "change.wrong_predecessors");
    theirs.admit(me(), &twin);
    assert!(theirs.fields()[&Path::field("responses", "3")].is_open_conflict());
}

#[test]
fn a_sequence_number_that_skips_repeats_or_does_not_depend_on_the_one_before() {
    let puts = [response("3", "是")];
    assert_altered_is_refused(&puts, "change.wrong_seq", |change| change.seq = 2);
    assert_altered_is_refused(&puts, "change.seq_out_of_range", |change| change.seq = 0);

    let base = started();
    let mut document = base.clone();
    edit(&mut document, author(ME, 4), &[response("3", "是")]);
    let twin = honest(&document, me(), &[response("4", "是")]);
    // The second change names only what was there before the first.
    let poison = altered(&honest(&base, me(), &[response("4", "是")]), |change| change.seq = 2);
    assert_refused(&document, me(), &poison, &twin, "change.wrong_seq");
    // Two different first changes: a cloned phone.
    let fork = honest(&base, me(), &[response("5", "是")]);
    assert_refused(&document, me(), &fork, &twin, "change.seq_taken");
}

#[test]
fn an_operation_counter_that_does_not_follow() {
    let puts = [response("3", "是")];
    let at =
        |value: u64| move |change: &mut ExpandedChange| change.start_op = value.try_into().expect("not zero");
    assert_altered_is_refused(&puts, "change.wrong_start_op", at(1));
    assert_altered_is_refused(&puts, "change.wrong_start_op", at(12));
    assert_altered_is_refused(&puts, "change.start_op_out_of_range", at(u64::from(u32::MAX)));
    assert_altered_is_refused(&puts, "change.start_op_out_of_range", at(limits::START_OP_MAX + 1));
}

#[test]
fn a_map_that_does_not_exist_or_is_not_in_the_causal_past() {
    let puts = [response("3", "是")];
    assert_altered_is_refused(&puts, "change.unknown_object", |change| {
        change.operations[0].obj = legacy::ObjectId::Id(legacy::OpId(9, actor_of(author(1, 0))));
    });
    let base = started();
    let twin = honest(&base, me(), &puts);
    let mut document = base.clone();
    edit(&mut document, author(1, 3), &[note(author(1, 3), 0, "同时")]);
    let concurrent = legacy::OpId(11, actor_of(author(1, 3)));
    let poison = altered(&twin, |change| {
        change.operations[0].obj = legacy::ObjectId::Id(concurrent);
        change.operations[0].key = legacy::Key::Map("text".into());
    });
    assert_refused(&document, me(), &poison, &twin, "change.unknown_object");
}

#[test]
fn writing_under_anothers_actor() {
    let document = started();
    let puts = [response("3", "是")];
    let twin = honest(&document, me(), &puts);
    let as_another = honest(&document, author(1, 9), &puts);
    assert_refused(&document, me(), &as_another, &twin, "change.other_actor");
    let as_skeleton = altered(&twin, |change| {
        change.actor_id = automerge::ActorId::from(skeleton_actor().0);
        change.seq = 2;
    });
    assert_refused(&document, me(), &as_skeleton, &twin, "change.other_actor");
    let other_epoch = Author { epoch: 1, ..me() };
    assert_eq!(code(&document.clone().admit(other_epoch, &twin)), "change.other_actor");
}

#[test]
fn operations_that_visits_do_not_have() {
    let puts = [response("2", "不适用")];
    let action = |action| move |change: &mut ExpandedChange| change.operations[0].action = action;
    let refused = "change.operation_not_allowed";
    assert_altered_is_refused(&puts, refused, action(legacy::OpType::Delete));
    assert_altered_is_refused(&puts, refused, action(legacy::OpType::Increment(1)));
    for kind in [ObjType::List, ObjType::Text, ObjType::Table] {
        assert_altered_is_refused(&puts, refused, action(legacy::OpType::Make(kind)));
    }
    assert_altered_is_refused(&puts, refused, action(legacy::OpType::MarkEnd(true)));
    assert_altered_is_refused(&puts, refused, |change| change.operations[0].key = legacy::Key::head());
    assert_altered_is_refused(&puts, refused, |change| change.operations[0].insert = true);
    assert_altered_is_refused(&puts, "change.path_not_allowed", action(legacy::OpType::Make(ObjType::Map)));
}

#[test]
fn values_that_fields_do_not_have() {
    let values = [
        ScalarValue::F64(1.5),
        ScalarValue::counter(1),
        ScalarValue::Timestamp(1),
        ScalarValue::Bytes(vec![1]),
        ScalarValue::Uint(1),
        ScalarValue::Unknown { type_code: 12, bytes: vec![1] },
    ];
    for value in values {
        assert_altered_is_refused(&[response("2", "不适用")], "change.value_not_allowed", |change| {
            change.operations[0].action = legacy::OpType::Put(value);
        });
    }
    assert_altered_is_refused(&[response("2", "不适用")], "change.value_too_large", |change| {
        let long = "长".repeat(limits::TEXT_BYTES_MAX / 3 + 1);
        change.operations[0].action = legacy::OpType::Put(ScalarValue::Str(long.into()));
    });
    assert_altered_is_refused(&[response("2", "不适用")], "change.key_too_long", |change| {
        change.operations[0].key = legacy::Key::Map("k".repeat(257).into());
    });
}

#[test]
fn paths_that_the_shape_does_not_have() {
    let key = |key: &'static str| {
        move |change: &mut ExpandedChange| change.operations[0].key = legacy::Key::Map(key.into())
    };
    assert_altered_is_refused(&[response("3", "是")], "change.path_not_allowed", key("21"));
    let at_root = |name: &'static str| {
        move |change: &mut ExpandedChange| {
            change.operations[0].obj = legacy::ObjectId::Root;
            change.operations[0].key = legacy::Key::Map(name.into());
        }
    };
    assert_altered_is_refused(&[response("3", "是")], "change.path_not_allowed", at_root("free"));
    assert_altered_is_refused(&[response("3", "是")], "change.container_overwritten", at_root("responses"));
    let constant = |change: &mut ExpandedChange| {
        let about = legacy::OpId(1, automerge::ActorId::from(skeleton_actor().0));
        change.operations[0].obj = legacy::ObjectId::Id(about);
        change.operations[0].key = legacy::Key::Map("visit".into());
    };
    assert_altered_is_refused(&[response("3", "是")], "change.constant", constant);
    assert_altered_is_refused(&[response("3", "是"), response("4", "是")], "change.field_twice", |change| {
        change.operations[1] = change.operations[0].clone();
    });
}

#[test]
fn items_overwritten_or_made_under_anothers_id() {
    let puts = [note(me(), 0, "补充")];
    let key = |id: String| {
        move |change: &mut ExpandedChange| change.operations[0].key = legacy::Key::Map(id.into())
    };
    assert_altered_is_refused(&puts, "change.foreign_item", key("my own name".into()));
    assert_altered_is_refused(&puts, "change.foreign_item", key(fresh_id(author(1, 5).chain, 5, 0)));
    assert_altered_is_refused(&puts, "change.foreign_item", key(fresh_id(me().chain, 6, 0)));
    assert_altered_is_refused(
        &puts,
        "change.foreign_item",
        key(fresh_id(me().chain, 5, limits::FRESH_PER_ENTRY_MAX)),
    );
    let existing = fresh_id(author(2, 0).chain, 0, 0);
    assert_altered_is_refused(&puts, "change.container_overwritten", key(existing.clone()));
    assert_altered_is_refused(&puts, "change.container_overwritten", |change| {
        change.operations.truncate(1);
        change.operations[0].key = legacy::Key::Map(existing.into());
        change.operations[0].action = legacy::OpType::Put(ScalarValue::Null);
    });
}

#[test]
fn a_change_that_depends_on_nothing_or_on_one_change_twice() {
    assert_altered_is_refused(&[response("3", "是")], "change.no_dependencies", |change| {
        change.deps.clear()
    });
    assert_altered_is_refused(&[response("3", "是")], "change.deps_unordered", |change| {
        change.deps.push(change.deps[0]);
    });
}

#[test]
fn a_refused_change_does_not_block_its_author_who_goes_on_in_a_new_epoch() {
    let base = started();
    let mut phone = base.clone();
    let chunks: Vec<Vec<u8>> =
        (0..4).map(|n| edit(&mut phone, author(ME, n), &[response("3", &format!("第{n}"))])).collect();
    let mut server = base.clone();
    assert_eq!(server.admit(author(ME, 0), &chunks[0]), Admission::Admitted);
    // The second was quarantined; what depends on it waits, whatever the order and for ever.
    let pending: Vec<Pending> =
        [3, 2].map(|n: u64| Pending { author: author(ME, n), chunk: &chunks[n as usize] }).into();
    let admissions = server.admit_all(&pending);
    assert_eq!(admissions.iter().map(code).collect::<Vec<_>>(), ["waiting", "waiting"]);
    let wanted = |chunk: &[u8]| vec![scan::scan(chunk).expect("honest").hash];
    assert_eq!(admissions, [Admission::Waiting(wanted(&chunks[2])), Admission::Waiting(wanted(&chunks[1]))]);
    // The phone rebuilds from what was admitted and offers its values again.
    let renewed = Author { epoch: 1, ..author(ME, 5) };
    let again = honest(&server, renewed, &[response("3", "第3")]);
    assert_eq!(server.admit(renewed, &again), Admission::Admitted);
    assert_eq!(server.fields()[&Path::field("responses", "3")].shown(), Some(&Scalar::Text("第3".into())));
}

#[test]
fn a_document_that_is_full_refuses_what_goes_beyond() {
    let mut document = document();
    let long = "满".repeat(limits::TEXT_BYTES_MAX / 3);
    let mut seq = 0;
    let refusal = loop {
        let key = if seq % 2 == 0 { "record_text" } else { "attendant" };
        let put =
            Put { path: Path::field("visit", key), value: Scalar::Text(format!("{seq}{}", &long[9..])) };
        match document.edit(author(ME, seq), &[put]) {
            Ok(_) => seq += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.code, "change.document_full");
    assert_eq!(seq, 15, "15 texts of 16 KiB fit into 256 KiB beside the skeleton");
    let loaded = Document::load(DOCUMENT, shape(), &document.save()).expect("a full document loads");
    assert_eq!(loaded.fields(), document.fields());
}
