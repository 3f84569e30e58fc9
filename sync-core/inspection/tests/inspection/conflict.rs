use crate::replica::{Phone, Sent, text, writers};
use liuhen_engine::{
    field::{ActorId, FieldHistory, Fields, Scalar, Written},
    shape::Path,
};
use liuhen_inspection::{
    conflict::{Claim, Conflict, ConflictState, conflicts},
    visit::{Edit, parse_path},
};
use liuhen_trace::ChangeHash;
use std::collections::{BTreeMap, BTreeSet};

fn of(phone: &Phone) -> Vec<Conflict> {
    conflicts(&phone.document.fields(), &writers())
}

fn values(claims: &[Claim]) -> Vec<&Scalar> {
    claims.iter().map(|claim| &claim.value.0).collect()
}

#[test]
fn concurrent_different_answers_are_open_on_both_phones_with_both_authors() {
    let (mut wang, mut li) = (Phone::new(0), Phone::new(2));
    let a = wang.save(&[Edit::answer("1", text("符合"))]).expect("a change");
    let b = li.save(&[Edit::answer("1", text("不符合"))]).expect("a change");
    wang.receive(&[b]);
    li.receive(&[a]);
    let found = of(&wang);
    assert_eq!(found, of(&li));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), found[0].state), ("responses/1", ConflictState::Open));
    assert_eq!(values(&found[0].values), [&text("不符合"), &text("符合")]);
    let names: Vec<_> = found[0].values.iter().filter_map(|claim| Some(claim.author.clone()?.name)).collect();
    assert_eq!(names, ["李建国", "王晓芳"]);
    assert_eq!(found[0].chosen, None);
}

#[test]
fn the_same_answer_twice_is_no_conflict() {
    let (mut wang, mut li) = (Phone::new(0), Phone::new(2));
    let a = wang.save(&[Edit::answer("1", text("符合"))]).expect("a change");
    let b = li.save(&[Edit::answer("1", text("符合"))]).expect("a change");
    wang.receive(&[b]);
    li.receive(&[a]);
    assert_eq!((of(&wang), of(&li)), (vec![], vec![]));
}

#[test]
fn a_decision_keeps_both_values_even_when_it_repeats_the_one_that_shows() {
    let (mut wang, mut li) = (Phone::new(0), Phone::new(2));
    wang.save(&[Edit::answer("2.1", Scalar::Int(4))]).expect("a change");
    let b = li.save(&[Edit::answer("2.1", Scalar::Int(9))]).expect("a change");
    wang.receive(&[b]);
    let fields = wang.document.fields();
    let path = parse_path("responses/2.1").expect("a path");
    let shown = fields[&path].shown().expect("a value").clone();
    wang.save(&[Edit::Resolve { path, value: shown.clone() }]).expect("a decision is a change");
    let found = of(&wang);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].state, ConflictState::Resolved);
    assert_eq!(values(&found[0].values), [&Scalar::Int(4), &Scalar::Int(9)]);
    assert_eq!(found[0].chosen.as_ref().map(|claim| &claim.value.0), Some(&shown));
}

#[test]
fn overwriting_another_person_is_listed_and_correcting_oneself_is_not() {
    let (mut wang, mut wangs_other, mut li) = (Phone::new(0), Phone::new(1), Phone::new(2));
    let a = wang.save(&[Edit::remark("1", "甲")]).expect("a change");
    wangs_other.receive(std::slice::from_ref(&a));
    let b = wangs_other.save(&[Edit::remark("1", "乙")]).expect("a change");
    assert_eq!(of(&wangs_other), []);
    li.receive(&[a, b]);
    li.save(&[Edit::remark("1", "丙")]).expect("a change");
    let found = of(&li);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), found[0].state), ("remarks/1", ConflictState::Overwritten));
    assert_eq!(values(&found[0].values), [&text("乙")]);
    assert_eq!(found[0].chosen.as_ref().map(|claim| &claim.value.0), Some(&text("丙")));
}

#[test]
fn a_retraction_of_anothers_answer_is_listed() {
    let (mut wang, mut li) = (Phone::new(0), Phone::new(2));
    let a = wang.save(&[Edit::answer("2.2", Scalar::Bool(true))]).expect("a change");
    li.receive(&[a]);
    li.save(&[Edit::answer("2.2", Scalar::Null)]).expect("a change");
    assert_eq!(of(&li)[0].state, ConflictState::Overwritten);
}

#[test]
fn the_order_of_a_history_does_not_change_the_list() {
    let written = |n: u8, value: i64| Written {
        value: Scalar::Int(value),
        actor: ActorId([n; 16]),
        change: ChangeHash([n; 32]),
    };
    let mut history = FieldHistory {
        current: vec![written(3, 3), written(4, 4)],
        replaced: vec![(written(1, 1), ChangeHash([3; 32])), (written(2, 2), ChangeHash([3; 32]))],
    };
    let path = Path::field("responses", "1");
    let list =
        |history: &FieldHistory| conflicts(&Fields::from([(path.clone(), history.clone())]), &writers());
    let before = list(&history);
    history.current.reverse();
    history.replaced.reverse();
    assert_eq!(list(&history), before);
    assert_eq!(
        before.iter().map(|c| c.state).collect::<Vec<_>>(),
        [ConflictState::Open, ConflictState::Resolved]
    );
}

/// SplitMix64: a seeded stream of numbers, the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

const PATHS: [&str; 5] = ["responses/1", "responses/2.1", "remarks/1", "remarks/2.1", "visit/attendant"];
const PERSON_OF_PHONE: [usize; 4] = [0, 0, 2, 3];

/// One write as the test's own model knows it.
struct Write {
    path: &'static str,
    value: Scalar,
    person: usize,
    /// Writes that showed on the phone when it wrote.
    saw: BTreeSet<usize>,
}

/// What each phone has, by the model: indexes of writes.
type Known = Vec<BTreeSet<usize>>;

fn showing(writes: &[Write], known: &BTreeSet<usize>, path: &str) -> BTreeSet<usize> {
    let gone: BTreeSet<usize> = known.iter().flat_map(|write| writes[*write].saw.clone()).collect();
    known.iter().copied().filter(|write| writes[*write].path == path && !gone.contains(write)).collect()
}

fn differ<'a>(values: impl IntoIterator<Item = &'a Scalar>) -> bool {
    values.into_iter().collect::<BTreeSet<_>>().len() > 1
}

/// How many conflicts of each state there must be, from the model alone.
fn expected(writes: &[Write], known: &BTreeSet<usize>) -> BTreeMap<(String, ConflictState), usize> {
    let mut counts = BTreeMap::new();
    let mut count = |path: &str, state| *counts.entry((path.to_owned(), state)).or_insert(0) += 1;
    for path in PATHS {
        if differ(showing(writes, known, path).iter().map(|write| &writes[*write].value)) {
            count(path, ConflictState::Open);
        }
    }
    for write in known.iter().map(|write| &writes[*write]) {
        let saw = || write.saw.iter().map(|seen| &writes[*seen]);
        if differ(saw().map(|seen| &seen.value)) {
            count(write.path, ConflictState::Resolved);
        } else if saw().any(|seen| seen.person != write.person && seen.value != write.value) {
            count(write.path, ConflictState::Overwritten);
        }
    }
    counts
}

fn counted(found: &[Conflict]) -> BTreeMap<(String, ConflictState), usize> {
    let mut counts = BTreeMap::new();
    for conflict in found {
        *counts.entry((conflict.path.clone(), conflict.state)).or_insert(0) += 1;
    }
    counts
}

fn value_for(path: &str, numbers: &mut Numbers) -> Scalar {
    let choice = numbers.below(4);
    match path {
        _ if choice == 3 => Scalar::Null,
        "responses/1" => text(["符合", "不符合", "不适用"][choice]),
        "responses/2.1" => Scalar::Int(choice as i64),
        _ => text(["甲", "乙", "丙"][choice]),
    }
}

/// Four phones write and meet at random; at the end all meet. Returns every phone and the count of
/// conflicts that the model expects.
fn story(seed: u64) -> (Vec<Phone>, BTreeMap<(String, ConflictState), usize>) {
    let mut numbers = Numbers(seed);
    let mut phones: Vec<Phone> = (0..4).map(Phone::new).collect();
    let mut known: Known = vec![BTreeSet::new(); 4];
    let (mut writes, mut sent): (Vec<Write>, Vec<Sent>) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let at = numbers.below(4);
        if numbers.below(3) == 0 {
            meet(&mut phones, &mut known, &sent, at, numbers.below(4));
            continue;
        }
        let path = PATHS[numbers.below(PATHS.len())];
        let value = value_for(path, &mut numbers);
        let edit = Edit::Set { path: parse_path(path).expect("a path"), value: value.clone() };
        let saw = showing(&writes, &known[at], path);
        let Some(change) = phones[at].save(&[edit]) else { continue };
        known[at].insert(writes.len());
        writes.push(Write { path, value, person: PERSON_OF_PHONE[at], saw });
        sent.push(change);
    }
    for from in 0..4 {
        for to in 0..4 {
            meet(&mut phones, &mut known, &sent, to, from);
        }
    }
    let all = (0..writes.len()).collect();
    assert_eq!(known[0], all, "everybody met");
    let expected = expected(&writes, &all);
    (phones, expected)
}

fn meet(phones: &mut [Phone], known: &mut Known, sent: &[Sent], to: usize, from: usize) {
    let new: Vec<usize> = known[from].difference(&known[to]).copied().collect();
    let changes: Vec<Sent> = new.iter().map(|write| sent[*write].clone()).collect();
    phones[to].receive(&changes);
    known[to].extend(new);
}

#[test]
fn every_phone_computes_the_same_conflicts_and_exactly_those_the_model_expects() {
    let mut states = BTreeSet::new();
    for seed in 0..40 {
        let (phones, expected) = story(seed);
        let found = of(&phones[0]);
        for phone in &phones[1..] {
            assert_eq!(of(phone), found, "seed {seed}");
        }
        assert_eq!(counted(&found), expected, "seed {seed}");
        states.extend(found.iter().map(|conflict| conflict.state));
    }
    assert_eq!(states.len(), 3, "the stories reach every state");
}
