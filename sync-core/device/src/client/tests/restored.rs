//! Phones and a server that was restored from a backup.

use super::{
    phone::{Phone, enrolment, phone, photo},
    server::{FakeServer, Fault},
};
use liuhen_trace::DocumentId;
use std::sync::Arc;

fn setting() -> (Arc<FakeServer>, DocumentId, Phone, Phone) {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let (one, two) = (phone(&server, "a"), phone(&server, "b"));
    (server, visit, one, two)
}

/// Nothing is left, and asking again changes nothing.
#[track_caller]
fn assert_quiet(phone: &Phone) {
    let report = phone.sync();
    assert!(!report.more && report.failures.is_empty(), "{report:?}");
    let status = phone.client.status().expect("status");
    assert_eq!((status.unsent_entries, status.unsent_blobs, status.waiting), (0, 0, 0), "{status:?}");
    assert!(status.stuck.is_empty() && status.last_error.is_none(), "{status:?}");
    assert_eq!(phone.sync().exchanges, 1);
}

fn logged(server: &FakeServer) -> usize {
    server.state().segments.iter().map(|logged| logged.segment.entries.len()).sum()
}

#[test]
fn everything_a_restored_server_lacks_is_handed_in_again() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "备份前");
    one.sync();
    let backup = server.backup();
    one.answer(visit, "2", "备份后");
    one.client.attach(visit, photo(vec![7; 9_000]), &mut |_, _| {}).expect("attached");
    one.sync();
    two.answer(visit, "3", "同事");
    two.sync();
    one.sync();
    let (before, entries) = (one.view(visit), logged(&server));
    let lost = server.state().checkpoint();

    server.restore(backup, 2);
    assert!(logged(&server) < entries);
    one.sync();
    two.sync();
    one.sync();
    assert_eq!(logged(&server), entries, "each entry is there, and once");
    for phone in [&one, &two] {
        assert_quiet(phone);
        assert_eq!(phone.view(visit), before);
        let told = phone.events("ledger.epoch_opened");
        assert_eq!(told.len(), 1);
        assert!(told[0].detail.contains("lost: leaves"), "{}", told[0].detail);
        assert_eq!(phone.client.lost_checkpoints().expect("notes").len(), 1);
    }
    let kept = &one.client.lost_checkpoints().expect("notes")[0];
    assert_eq!(*kept, server.state().sign(lost), "the newest note of the epoch before");
    let held: Vec<_> = server.state().uploads.bytes.values().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(held, [9_000], "the photo was sent again");
}

#[test]
fn a_phone_that_had_not_synchronised_since_the_backup_loses_nothing() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "有效");
    one.sync();
    let backup = server.backup();
    two.answer(visit, "2", "丢失");
    two.sync();
    one.answer(visit, "3", "离线");
    server.restore(backup, 2);
    let logged_before = logged(&server);
    let report = one.sync();
    assert_eq!((report.failures.len(), logged(&server) - logged_before), (0, 1), "only what is new");
    assert!(one.events("ledger.epoch_opened")[0].detail.contains("nothing is lost"));
    assert!(one.client.lost_checkpoints().expect("notes").is_empty());
    two.sync();
    one.sync();
    assert_eq!(one.shown(visit, "2").as_deref(), Some("丢失"), "from its author, as ever");
    assert_eq!(one.view(visit), two.view(visit));
    assert_quiet(&one);
}

#[test]
fn a_lost_answer_and_a_dead_line_during_the_change_of_epoch_harm_nothing() {
    let (server, visit, one, _two) = setting();
    one.sync();
    let backup = server.backup();
    one.answer(visit, "1", "有效");
    one.sync();
    server.restore(backup, 2);
    for faults in
        [vec![Fault::AnswerLost], vec![Fault::None, Fault::Unreachable], vec![Fault::None, Fault::AnswerLost]]
    {
        server.state().faults.extend(faults);
        one.sync();
        assert_eq!(one.shown(visit, "1").as_deref(), Some("有效"));
    }
    one.sync();
    assert_eq!(one.events("ledger.epoch_opened").len(), 1);
    assert_quiet(&one);
}

#[test]
fn a_server_of_an_older_epoch_and_one_that_forked_within_an_epoch_are_refused() {
    let (server, visit, one, _two) = setting();
    one.sync();
    let (first, again, original) = (server.backup(), server.backup(), server.backup());
    server.restore(first, 2);
    one.answer(visit, "1", "有效");
    one.sync();
    let code = |phone: &Phone| phone.client.status().expect("status").last_error.map(|error| error.code);
    let rolled_back = server.backup();
    server.restore(again, 2);
    server.issue(9, &["b"]);
    one.sync();
    assert_eq!(code(&one).as_deref(), Some("ledger.inconsistent"), "another epoch 2");
    server.roll_back(original);
    one.sync();
    assert_eq!(code(&one).as_deref(), Some("ledger.other_epoch"), "epoch 1 again");
    server.roll_back(rolled_back);
    one.sync();
    assert_quiet(&one);
}

#[test]
fn the_same_backup_may_be_restored_twice_into_different_epochs() {
    let (server, visit, one, two) = setting();
    one.sync();
    let (first, again) = (server.backup(), server.backup());
    one.answer(visit, "1", "有效");
    one.sync();
    server.restore(first, 2);
    one.sync();
    two.answer(visit, "2", "同事");
    two.sync();
    one.sync();
    server.restore(again, 3);
    one.sync();
    two.sync();
    one.sync();
    assert_eq!((one.events("ledger.epoch_opened").len(), two.events("ledger.epoch_opened").len()), (2, 2));
    assert_eq!(one.view(visit), two.view(visit));
    for phone in [&one, &two] {
        assert_quiet(phone);
        assert_eq!(phone.shown(visit, "1").as_deref(), Some("有效"));
    }
}

#[test]
fn a_verdict_the_log_lost_is_given_again() {
    let (server, visit, one, two) = setting();
    one.sync();
    two.sync();
    let backup = server.backup();
    one.answer(visit, "1", "第一");
    server.state().quarantine_with = Some("access.left");
    one.client
        .synchronise(crate::Budget { exchanges_max: 1, ..crate::Budget::default() })
        .expect("synchronised");
    server.state().quarantine_with = None;
    one.sync();
    assert_eq!(one.client.status().expect("status").quarantined, 1);

    server.restore(backup, 2);
    one.sync();
    two.sync();
    let status = one.client.status().expect("status");
    assert_eq!((status.quarantined, status.unsent_entries), (0, 0), "this time it was admitted");
    assert_eq!(one.view(visit), two.view(visit));
    assert_eq!(one.shown(visit, "1").as_deref(), Some("第一"));
    one.answer(visit, "1", "第二");
    one.sync();
    two.sync();
    assert_eq!(one.view(visit), two.view(visit));
    assert_quiet(&one);
}

#[test]
fn what_went_with_a_visit_after_its_receipt_holds_up_nothing_behind_it() {
    let (server, visit, one, two) = setting();
    let other = server.issue(2, &["a"]);
    one.sync();
    let backup = server.backup();
    one.answer(other, "1", "归还");
    one.sync();
    server.withdraw(other, "a");
    one.sync();
    one.answer(visit, "1", "之后");
    one.sync();
    assert!(one.client.visit(other).is_err(), "it went once it was receipted");

    server.restore(backup, 2);
    one.sync();
    one.sync();
    let status = one.client.status().expect("status");
    assert_eq!(status.unsent_entries, 0, "{status:?}");
    assert!(status.stuck.iter().any(|stuck| stuck.code == "chain.lost"), "{status:?}");
    assert_eq!(one.shown(visit, "1").as_deref(), Some("之后"));
    let report = one.sync();
    assert!(!report.more && report.failures.is_empty(), "{report:?}");
    two.sync();
    assert_eq!(two.shown(visit, "1").as_deref(), Some("之后"), "offered again behind the gap");
}

#[test]
fn a_phone_whose_enrolment_was_lost_is_enrolled_again_with_all_its_work() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let backup = server.backup();
    let one = phone(&server, "a");
    one.answer(visit, "1", "有效");
    one.sync();
    one.answer(visit, "2", "离线");
    let again = |login: &str| one.client.enrol(enrolment(login, "right"));
    assert_eq!(again("a").expect_err("it is enrolled").code(), "device.already_enrolled");

    server.restore(backup, 2);
    one.sync();
    let status = one.client.status().expect("status");
    assert_eq!(status.last_error.expect("told").code, "device.unknown");
    assert_eq!(one.shown(visit, "2").as_deref(), Some("离线"), "it goes on with its work");
    assert_eq!(again("b").expect_err("somebody else").code(), "device.other_person");
    again("a").expect("the same person");
    one.sync();
    assert_quiet(&one);
    let two = phone(&server, "b");
    assert_eq!(two.view(visit), one.view(visit));
}
