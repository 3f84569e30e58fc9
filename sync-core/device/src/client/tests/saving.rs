//! What "saved" means.

use super::{
    phone::{Watch, answer, enrolment, open, phone, watched},
    server::{CODE, FakeServer, GUARDED},
};
use crate::{client::Core, probe::Step, records::NewEnrolment};
use liuhen_engine::{field::Scalar, limits::TEXT_BYTES_MAX};
use liuhen_inspection::{
    record::{Signer, SignerRole},
    visit::{Edit, NewNote},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts the transactions that SQLite commits.
fn count_commits(core: &Core) -> Arc<AtomicUsize> {
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let hook = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    let store = &core.opened.as_ref().expect("open").store;
    store.connection().commit_hook(Some(hook)).expect("hooked");
    commits
}

#[test]
fn a_save_survives_reopening_and_goes_on_with_its_chain() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    one.answer(visit, "1", "有效");
    let before = one.view(visit);
    let one = one.reopen(&server, "later");
    assert_eq!(one.view(visit), before);
    one.answer(visit, "2", "齐全");
    one.sync();
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
    let chains: std::collections::BTreeSet<_> =
        server.state().segments.iter().map(|logged| logged.segment.chain).collect();
    assert_eq!(chains.len(), 1);
}

#[test]
fn one_save_is_exactly_one_transaction() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let commits = count_commits(&one.client.lock());
    let note = Edit::Note(NewNote { item: None, text: "后厨地面有积水".into() });
    one.client.save(visit, &[answer("1", "有效"), answer("2", "无"), note], None).expect("saved");
    assert_eq!(commits.load(Ordering::Relaxed), 1);
}

#[test]
fn setting_the_present_value_is_no_save() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    one.answer(visit, "1", "有效");
    let before = one.client.status().expect("status").unsent_entries;
    let saved = one.client.save(visit, &[answer("1", "有效")], None).expect("nothing to do");
    assert_eq!(saved.entry, None);
    assert_eq!(one.client.status().expect("status").unsent_entries, before);
}

#[test]
fn a_refused_save_leaves_nothing() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let (view, status) = (one.view(visit), one.client.status().expect("status"));
    let too_long = Edit::answer("1", Scalar::Text("字".repeat(TEXT_BYTES_MAX)));
    for edits in
        [vec![answer("nowhere", "x")], vec![answer("1", "kept?"), answer("nowhere", "x")], vec![too_long]]
    {
        one.client.save(visit, &edits, None).expect_err("refused");
        assert_eq!(one.view(visit), view);
        assert_eq!(one.client.status().expect("status"), status);
    }
    one.answer(visit, "1", "有效");
}

#[test]
fn a_phone_killed_inside_a_save_has_all_of_it_or_nothing() {
    for (step, there) in [(Step::RowsWritten, None), (Step::Committed, Some("有效"))] {
        let server = FakeServer::new();
        let visit = server.issue(1, &["a"]);
        let watch = Watch::default();
        let one = watched(&server, "a", Box::new(watch.clone()));
        *watch.kill_at.lock().expect("not poisoned") = Some(step);
        let error = one.client.save(visit, &[answer("1", "有效")], None).expect_err("killed");
        assert_eq!(error.code(), "client.closed");
        let one = one.reopen(&server, "later");
        assert_eq!(one.shown(visit, "1").as_deref(), there, "{step:?}");
        one.answer(visit, "1", "再次");
        one.sync();
        let report = one.sync();
        assert_eq!(report.failures, []);
        assert_eq!(one.client.status().expect("status").unsent_entries, 0, "{step:?}");
    }
}

#[test]
fn a_visit_that_is_not_here_or_not_ready_is_told() {
    let server = FakeServer::new();
    server.state().withhold_rows = true;
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let unknown = liuhen_trace::DocumentId([9; 16]);
    assert_eq!(one.client.open_visit(unknown).expect_err("unknown").code(), "visit.unknown");
    assert_eq!(one.client.visit(visit).expect_err("no checklist").code(), "visit.checklist_missing");
    assert!(!one.client.tasks().expect("tasks")[0].ready);
    server.state().withhold_rows = false;
    one.sync();
    assert!(one.client.tasks().expect("tasks")[0].ready);
    one.client.open_visit(visit).expect("there");
}

#[test]
fn a_visit_that_is_full_can_still_be_sealed_and_handed_in() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    for bytes in [TEXT_BYTES_MAX - 10, 1_000, 10] {
        let fill =
            |n| one.client.save(visit, &[answer("1", &format!("{n}{}", "x".repeat(bytes)))], None).err();
        let full = (0..1_000).find_map(fill).expect("full at last");
        assert_eq!(full.code(), "change.document_full");
    }
    let signer = Signer {
        role: SignerRole::Inspector,
        name: "person a".into(),
        account: None,
        certificate_no: None,
        signature: None,
    };
    one.client.seal(visit, vec![signer], None).expect("sealed");
    one.sync();
    assert!(one.view(visit).seal.is_some());
    let status = one.client.status().expect("status");
    assert_eq!((status.unsent_entries, status.quarantined), (0, 0));
}

#[test]
fn a_folder_without_enrolment_says_so() {
    let server = FakeServer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let client = open(&server, folder.path(), "a");
    assert_eq!(client.enrolment().expect("read"), None);
    assert_eq!(
        client.synchronise(crate::Budget::default()).expect_err("refused").code(),
        "device.not_enrolled"
    );
    let wrong = client.enrol(enrolment("a", "wrong")).expect_err("refused");
    assert_eq!(wrong.code(), "session.wrong_credentials");
    assert_eq!(client.enrolment().expect("read"), None);
    client.enrol(enrolment("a", "right")).expect("enrolled");
    let again = client.enrol(enrolment("a", "right")).expect_err("refused");
    assert_eq!(again.code(), "device.already_enrolled");
}

#[test]
fn who_has_a_second_factor_enrols_with_its_code_and_is_told_when_it_is_missing_or_wrong() {
    let server = FakeServer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let client = open(&server, folder.path(), GUARDED);
    let enrol = |code| client.enrol(NewEnrolment { code, ..enrolment(GUARDED, "right") });
    for (code, told) in [(None, "session.code_required"), (Some("000000"), "session.wrong_code")] {
        assert_eq!(enrol(code).expect_err("refused").code(), told);
        assert_eq!(client.enrolment().expect("read"), None);
    }
    assert_eq!(enrol(Some(CODE)).expect("enrolled").account, GUARDED);
}
