//! Phones that exchange through a server.

use super::{
    phone::{answer, phone},
    server::FakeServer,
};
use liuhen_engine::{field::Scalar, shape::Path};
use liuhen_inspection::{
    conflict::ConflictState,
    record::{Signer, SignerRole},
    task::Step,
    visit::Edit,
};
use liuhen_trace::EntryKind;

#[test]
fn two_phones_agree_and_a_disagreement_is_shown_on_both() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let (one, two) = (phone(&server, "a"), phone(&server, "b"));
    one.answer(visit, "1", "有效");
    two.answer(visit, "1", "过期");
    two.answer(visit, "2", "无");
    one.sync();
    two.sync();
    one.sync();
    assert_eq!(one.view(visit), two.view(visit));
    let conflicts = one.view(visit).conflicts;
    assert_eq!((conflicts.len(), conflicts[0].state), (1, ConflictState::Open));
    assert_eq!(conflicts[0].values.len(), 2);

    let resolve = Edit::Resolve { path: Path::field("responses", "1"), value: Scalar::Text("过期".into()) };
    one.client.save(visit, &[resolve], None).expect("resolved");
    one.sync();
    two.sync();
    assert_eq!(one.view(visit), two.view(visit));
    assert_eq!(two.view(visit).conflicts[0].state, ConflictState::Resolved);
    assert_eq!(two.events("visit.changed").len(), 2);
}

#[test]
fn each_step_of_a_task_is_recorded_once() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    for _ in 0..2 {
        one.client.open_visit(visit).expect("opened");
        one.client.claim(visit).expect("claimed");
        one.sync();
    }
    let state = server.state();
    let entries = state.segments.iter().flat_map(|logged| &logged.segment.entries);
    let steps: Vec<Step> = entries
        .filter_map(|entry| entry.open.as_ref())
        .filter(|open| open.kind == EntryKind::Receipt)
        .map(|open| Step::from_detail(open.body.detail.as_deref().expect("a step")).expect("a step"))
        .collect();
    assert_eq!(steps, [Step::Delivered, Step::Opened, Step::Claimed]);
}

#[test]
fn every_entry_tells_the_newest_checkpoint_that_was_verified() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let held = server.state().checkpoint();
    one.answer(visit, "1", "有效");
    one.sync();
    let state = server.state();
    let newest = state.segments.last().and_then(|logged| logged.segment.entries.last()).expect("an entry");
    assert_eq!(newest.open.as_ref().expect("open").body.checkpoint, Some(held));
}

#[test]
fn entries_that_come_before_their_checklist_wait_and_are_not_lost() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let one = phone(&server, "a");
    one.answer(visit, "1", "有效");
    one.sync();
    server.state().withhold_rows = true;
    let two = phone(&server, "b");
    assert!(two.client.status().expect("status").waiting > 0);
    server.state().withhold_rows = false;
    two.sync();
    assert_eq!(two.client.status().expect("status").waiting, 0);
    assert_eq!(two.shown(visit, "1").as_deref(), Some("有效"));
}

#[test]
fn a_sealed_visit_is_sealed_on_every_phone_and_later_edits_are_supplements() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let (one, two) = (phone(&server, "a"), phone(&server, "b"));
    one.answer(visit, "1", "有效");
    let inspector = Signer {
        role: SignerRole::Inspector,
        name: "person a".into(),
        account: None,
        certificate_no: None,
        signature: None,
    };
    let sealed = one.client.seal(visit, vec![inspector], None).expect("sealed");
    one.answer(visit, "2", "补充");
    one.sync();
    two.sync();
    let view = two.view(visit);
    assert_eq!(view, one.view(visit));
    let seal = view.seal.expect("sealed");
    assert_eq!((seal.record_hash, seal.valid), (sealed.record, true));
    assert_eq!(view.supplements.len(), 1);
}

#[test]
fn a_day_of_work_is_cut_into_segments_that_all_fit() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    for n in 0..300 {
        one.client.save(visit, &[answer("1", &format!("版本 {n}"))], None).expect("saved");
    }
    let report = one.sync();
    assert_eq!(report.failures, []);
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
    assert_eq!(one.shown(visit, "1").as_deref(), Some("版本 299"));
    let counts: Vec<u64> = server.state().segments.iter().map(|logged| logged.segment.header.count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 301);
    assert!(counts.iter().all(|count| *count <= 256));
}

#[test]
fn a_departed_visit_can_be_read_until_it_is_handed_in_and_then_goes() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    one.answer(visit, "1", "有效");
    server.withdraw(visit, "a");
    // The receipts of this answer do not arrive, the news of the departure does.
    server.state().tamper = Some(Box::new(|answer| answer.receipts.clear()));
    one.sync();
    assert!(one.client.tasks().expect("tasks")[0].left);
    assert_eq!(one.shown(visit, "1").as_deref(), Some("有效"));
    let refused = one.client.save(visit, &[answer("2", "x")], None).expect_err("with others now");
    assert_eq!(refused.code(), "visit.departed");
    server.state().tamper = None;
    one.sync();
    assert!(one.client.tasks().expect("tasks").is_empty());
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
}

#[test]
fn a_task_that_left_and_came_back_stays() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    one.answer(visit, "1", "有效");
    server.withdraw(visit, "a");
    server.assign(visit, "a");
    one.sync();
    assert!(!one.client.tasks().expect("tasks")[0].left);
    one.answer(visit, "2", "无");
    assert_eq!(one.shown(visit, "1").as_deref(), Some("有效"));
}
