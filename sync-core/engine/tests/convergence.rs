//! Several people edit at once, changes arrive in any order and more than once, and every replica
//! ends with the same document.

mod support;

use automerge::{Automerge, Change, ObjId, ROOT, ReadDoc, ScalarValue};
use liuhen_engine::{
    document::{Admission, Author, Document, Pending, Put, skeleton},
    field::{ActorId, Fields, Scalar},
    scan,
    shape::{Path, fresh_id},
};
use liuhen_trace::ChangeHash;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use support::*;

type Delivery = (Author, Vec<u8>);

/// What one person does next.
#[derive(Debug, Clone)]
enum Step {
    /// Writes these values.
    Write(usize, Vec<(u8, u8)>),
    /// Adds a note and fills an earlier one of anybody.
    Note(usize, u8),
    /// Takes in what another has written so far.
    Meet(usize, usize),
}

const PEOPLE: usize = 4;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = 0..PEOPLE;
    let step = prop_oneof![
        4 => (person.clone(), prop::collection::vec((1..6u8, 0..4u8), 1..4)).prop_map(|(who, puts)| Step::Write(who, puts)),
        1 => (person.clone(), 0..4u8).prop_map(|(who, value)| Step::Note(who, value)),
        2 => (person.clone(), person).prop_map(|(who, whom)| Step::Meet(who, whom)),
    ];
    prop::collection::vec(step, 1..40)
}

fn value(number: u8) -> Scalar {
    match number {
        0 => Scalar::Null,
        1 => Scalar::Bool(true),
        2 => Scalar::Int(-7),
        _ => Scalar::Text("不合格".to_owned()),
    }
}

/// Plays the steps; returns each person's document and all changes with their authors.
fn play(steps: &[Step]) -> (Vec<Document>, Vec<Delivery>) {
    let mut phones = vec![document(); PEOPLE];
    let mut written: Vec<Delivery> = Vec::new();
    for (seq, step) in steps.iter().enumerate() {
        let (who, puts) = match step {
            Step::Meet(who, whom) => {
                let (receiver, giver) = (phones[*who].clone(), phones[*whom].clone());
                let known = written.iter().filter(|(_, chunk)| giver.contains(hash(chunk)));
                phones[*who] = admitted(receiver, &known.cloned().collect::<Vec<_>>());
                continue;
            }
            Step::Write(who, puts) => {
                let put = |(key, number): &(u8, u8)| Put {
                    path: Path::field("responses", &key.to_string()),
                    value: value(*number),
                };
                (*who, puts.iter().map(put).collect::<Vec<_>>())
            }
            Step::Note(who, number) => {
                let fresh = fresh_id(author(*who as u8, seq as u64).chain, seq as u64, 0);
                let ids = phones[*who].items("notes").into_iter().chain([fresh]);
                let put = |id: String| Put { path: Path::item("notes", &id, "text"), value: value(*number) };
                (*who, ids.map(put).collect())
            }
        };
        let author = author(who as u8, seq as u64);
        if let Some(chunk) = phones[who].edit(author, &puts).expect("an allowed edit") {
            written.push((author, chunk));
        }
    }
    (phones, written)
}

fn hash(chunk: &[u8]) -> ChangeHash {
    scan::scan(chunk).expect("an honest change").hash
}

/// Admits in one batch what is given.
fn admitted(mut document: Document, deliveries: &[Delivery]) -> Document {
    let pending: Vec<Pending> =
        deliveries.iter().map(|(author, chunk)| Pending { author: *author, chunk }).collect();
    for admission in document.admit_all(&pending) {
        assert!(matches!(admission, Admission::Admitted | Admission::Duplicate), "{admission:?}");
    }
    document
}

/// Admits one after another; what waits is offered again until nothing waits.
fn admitted_singly(mut document: Document, deliveries: &[Delivery]) -> Document {
    let mut rest = deliveries.to_vec();
    while !rest.is_empty() {
        let before = rest.len();
        rest.retain(|(author, chunk)| match document.admit(*author, chunk) {
            Admission::Admitted | Admission::Duplicate => false,
            Admission::Waiting(missing) => {
                assert!(missing.iter().all(|hash| !document.contains(*hash)));
                true
            }
            Admission::Refused(refusal) => panic!("{refusal}"),
        });
        assert!(rest.len() < before, "something can always be admitted");
    }
    document
}

/// What automerge itself shows, as an independent reading of the same changes.
fn automerge_reading(chunks: &[Vec<u8>]) -> Vec<(Path, Vec<(Scalar, ActorId)>)> {
    let mut document = Automerge::new();
    let changes: Vec<Change> =
        chunks.iter().map(|chunk| Change::try_from(&chunk[..]).expect("honest")).collect();
    document.apply_changes(changes).expect("honest changes apply");
    let map = |parent: &ObjId, key: &str| document.get(parent, key).expect("a map").map(|(_, id)| id);
    let mut found = Vec::new();
    for root in ["about", "responses", "visit"] {
        let id = map(&ROOT, root).expect("a root");
        found.extend(document.keys(&id).map(|key| (Path::field(root, &key), all(&document, &id, &key))));
    }
    let notes = map(&ROOT, "notes").expect("a root");
    for item in document.keys(&notes) {
        let id = map(&notes, &item).expect("an item");
        found.extend(
            document.keys(&id).map(|key| (Path::item("notes", &item, &key), all(&document, &id, &key))),
        );
    }
    found.sort();
    found
}

fn all(document: &Automerge, map: &ObjId, key: &str) -> Vec<(Scalar, ActorId)> {
    let mut values = document.get_all(map, key).expect("readable");
    values.reverse();
    let read = |(value, id): (automerge::Value<'_>, ObjId)| {
        let ObjId::Id(_, actor, _) = id else { panic!("a scalar has an id") };
        let scalar = match value.as_scalar().expect("scalars only") {
            ScalarValue::Null => Scalar::Null,
            ScalarValue::Boolean(value) => Scalar::Bool(*value),
            ScalarValue::Int(value) => Scalar::Int(*value),
            ScalarValue::Str(value) => Scalar::Text(value.to_string()),
            other => panic!("{other:?}"),
        };
        (scalar, ActorId(actor.to_bytes().try_into().expect("16 bytes")))
    };
    values.into_iter().map(read).collect()
}

fn our_reading(fields: &Fields) -> Vec<(Path, Vec<(Scalar, ActorId)>)> {
    let current = |(path, field): (&Path, &liuhen_engine::field::FieldHistory)| {
        (path.clone(), field.current.iter().map(|written| (written.value.clone(), written.actor)).collect())
    };
    fields.iter().map(current).collect()
}

fn check(steps: &[Step], order: &[prop::sample::Index], orders: u64) -> Result<(), TestCaseError> {
    let (phones, written) = play(steps);
    let reference = admitted(document(), &written);
    for seed in 0..orders {
        let mut shuffled = written.clone();
        for at in (1..shuffled.len()).rev() {
            let other = order[(at + seed as usize) % order.len()].index(at + 1);
            shuffled.swap(at, other);
        }
        shuffled.extend(shuffled.clone().into_iter().step_by(3));
        for replica in [admitted(document(), &shuffled), admitted_singly(document(), &shuffled)] {
            prop_assert_eq!(replica.heads(), reference.heads());
            prop_assert_eq!(replica.save(), reference.save());
            prop_assert_eq!(replica.fields(), reference.fields());
        }
    }
    let loaded = Document::load(DOCUMENT, shape(), &reference.save()).expect("what is saved loads");
    prop_assert_eq!(loaded.fields(), reference.fields());
    prop_assert_eq!(loaded.heads(), reference.heads());
    let chunks: Vec<Vec<u8>> =
        [skeleton_chunk()].into_iter().chain(written.iter().map(|(_, chunk)| chunk.clone())).collect();
    prop_assert_eq!(our_reading(&reference.fields()), automerge_reading(&chunks));
    for phone in phones {
        let then = reference.fields_at(&phone.heads()).expect("known heads");
        prop_assert_eq!(then, phone.fields(), "the document as it stood at a phone's heads");
        for (_, chunk) in &written {
            let is_past = reference.is_ancestor(hash(chunk), &phone.heads());
            prop_assert_eq!(is_past, phone.contains(hash(chunk)));
        }
    }
    Ok(())
}

#[test]
fn replicas_converge_whatever_the_order_and_read_as_automerge_reads() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]);
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let order = prop::collection::vec(any::<prop::sample::Index>(), 64);
    TestRunner::new_with_rng(config, rng)
        .run(&(steps(), order), |(steps, order)| check(&steps, &order, 3))
        .expect("replicas converge");
}

#[test]
fn the_skeleton_is_the_same_wherever_it_is_made() {
    assert_eq!(skeleton_chunk(), skeleton_chunk());
    assert_eq!(document().heads(), document().heads());
    let constants = std::collections::BTreeMap::from([(
        "about".to_owned(),
        std::collections::BTreeMap::from([("visit".to_owned(), Scalar::Text("another".to_owned()))]),
    )]);
    assert_ne!(skeleton(&shape(), &constants), skeleton_chunk());
}

#[test]
fn a_skeleton_of_another_shape_or_by_somebody_else_is_refused() {
    let refused =
        |chunk: &[u8]| Document::new(DOCUMENT, shape(), chunk).map(|_| ()).map_err(|refusal| refusal.code);
    let mut smaller = shape();
    smaller.roots.remove("notes");
    let mut larger = shape();
    larger.roots.insert("more".to_owned(), liuhen_engine::shape::Root::Constants);
    let none = std::collections::BTreeMap::new();
    for other in [smaller, larger] {
        assert_eq!(refused(&skeleton(&other, &none)), Err("document.wrong_skeleton"));
    }
    let by_another = altered(&skeleton_chunk(), |change| change.actor_id = actor_of(author(1, 0)));
    assert_eq!(refused(&by_another), Err("document.wrong_skeleton"));
    assert_eq!(refused(b"foreign"), Err("change.malformed"));
    assert_eq!(refused(&skeleton_chunk()), Ok(()));
}

#[test]
fn concurrent_values_are_a_conflict_until_somebody_decides_and_both_are_kept() {
    let (mut one, mut two) = (document(), document());
    let path = Path::field("responses", "1");
    let mine = edit(&mut one, author(1, 0), &[response("1", "合格")]);
    let theirs = edit(&mut two, author(2, 0), &[response("1", "不合格")]);
    assert_eq!(one.admit(author(2, 0), &theirs), Admission::Admitted);
    assert_eq!(two.admit(author(1, 0), &mine), Admission::Admitted);
    assert_eq!(one.fields(), two.fields());
    let field = &one.fields()[&path];
    assert!(field.is_open_conflict());
    let shown = field.shown().cloned().expect("a value");
    // Choosing what is shown already is a decision, and a change.
    let decision = one.edit(author(1, 1), &[Put { path: path.clone(), value: shown.clone() }]);
    let decision = decision.expect("allowed").expect("a decision is a change");
    assert_eq!(two.admit(author(1, 1), &decision), Admission::Admitted);
    let field = &two.fields()[&path];
    assert!(!field.is_open_conflict());
    assert_eq!(field.shown(), Some(&shown));
    assert_eq!(field.replaced.len(), 2);
    assert!(field.replaced.iter().all(|(_, by)| *by == hash(&decision)));
}

#[test]
fn the_same_value_twice_is_no_conflict_and_no_change() {
    let (mut one, mut two) = (document(), document());
    edit(&mut one, author(1, 0), &[response("1", "合格")]);
    let theirs = edit(&mut two, author(2, 0), &[response("1", "合格")]);
    one.admit(author(2, 0), &theirs);
    assert!(!one.fields()[&Path::field("responses", "1")].is_open_conflict());
    let mut alone = document();
    edit(&mut alone, author(1, 0), &[response("1", "合格")]);
    assert_eq!(alone.edit(author(1, 1), &[response("1", "合格")]), Ok(None));
    let nothing = Put { path: Path::field("responses", "2"), value: Scalar::Null };
    assert_eq!(alone.edit(author(1, 1), &[nothing]), Ok(None), "retracting nothing");
}

#[test]
fn an_edit_outside_the_shape_or_too_large_changes_nothing() {
    let mut document = document();
    let before = document.save();
    let refused = |document: &mut Document, path: Path, value: &str| {
        let put = Put { path, value: Scalar::Text(value.to_owned()) };
        document.edit(author(1, 0), &[response("1", "合格"), put]).map_err(|refusal| refusal.code)
    };
    let long = "x".repeat(16 * 1024 + 1);
    assert_eq!(refused(&mut document, Path::field("responses", "21"), ""), Err("change.path_not_allowed"));
    assert_eq!(refused(&mut document, Path::field("about", "visit"), ""), Err("change.path_not_allowed"));
    assert_eq!(refused(&mut document, Path::field("responses", "2"), &long), Err("change.value_too_large"));
    assert_eq!(refused(&mut document, Path::item("notes", "mine", "text"), "x"), Err("change.foreign_item"));
    assert_eq!(document.save(), before);
}

#[test]
fn damaged_saved_bytes_are_refused_and_never_read_as_something_else() {
    let mut document = document();
    edit(&mut document, author(1, 0), &[response("1", "合格")]);
    let saved = document.save();
    let load = |bytes: &[u8]| Document::load(DOCUMENT, shape(), bytes);
    for at in 0..saved.len() {
        assert!(load(&saved[..at]).is_err(), "cut at {at}");
        let mut flipped = saved.clone();
        flipped[at] ^= 0x10;
        if let Ok(loaded) = load(&flipped) {
            assert_eq!(loaded.fields(), document.fields(), "byte {at} was without meaning");
        }
    }
    let bomb = zstd::encode_all(&vec![0; 20 * 1024 * 1024][..], 19).expect("in memory");
    assert_eq!(load(&bomb).map(|_| ()).map_err(|refusal| refusal.code), Err("document.damaged"));
}

#[test]
fn unknown_heads_are_refused() {
    let refusal = document().fields_at(&[ChangeHash([1; 32])]).map_err(|refusal| refusal.code);
    assert_eq!(refusal, Err("document.unknown_heads"));
    assert!(!document().is_ancestor(document().heads()[0], &[ChangeHash([1; 32])]));
}
