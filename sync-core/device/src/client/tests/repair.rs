//! After a quarantine and after a refused segment.

use super::{
    phone::{Phone, phone, photo},
    server::FakeServer,
};
use liuhen_engine::wire::FeedItem;
use liuhen_inspection::{
    record::{Signer, SignerRole},
    visit::{Edit, NewFinding},
};
use liuhen_trace::{DocumentId, EntryKind};
use std::sync::Arc;

fn kinds(server: &FakeServer) -> Vec<EntryKind> {
    let state = server.state();
    let entries = state.segments.iter().flat_map(|logged| &logged.segment.entries);
    entries.filter_map(|entry| entry.open.as_ref()).map(|open| open.kind).collect()
}

fn setting() -> (Arc<FakeServer>, DocumentId, Phone, Phone) {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let (one, two) = (phone(&server, "a"), phone(&server, "b"));
    (server, visit, one, two)
}

#[test]
fn quarantined_values_are_offered_again_under_a_new_epoch() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "第一");
    one.sync();
    let finding = Edit::Finding(NewFinding { text: "积水".into(), ..NewFinding::default() });
    let made = one.client.save(visit, &[finding], None).expect("saved").made;
    let place = Edit::finding(&made[0], "place", liuhen_engine::field::Scalar::Text("后厨".into()));
    one.client.save(visit, &[place], None).expect("saved");
    one.answer(visit, "2", "第二");

    server.state().quarantine_with = Some("change.as_told");
    one.client
        .synchronise(crate::Budget { exchanges_max: 1, ..crate::Budget::default() })
        .expect("synchronised");
    server.state().quarantine_with = None;
    assert_eq!(one.client.status().expect("status").quarantined, 3);
    one.sync();
    two.sync();

    let view = one.view(visit);
    assert_eq!(view, two.view(visit));
    assert_eq!(one.shown(visit, "1").as_deref(), Some("第一"));
    assert_eq!(one.shown(visit, "2").as_deref(), Some("第二"));
    assert_eq!(view.findings.len(), 1);
    assert_eq!(view.findings[0].place.as_text(), Some("后厨"));
    assert_ne!(view.findings[0].id, made[0], "a new entry makes new ids");
    assert_eq!(kinds(&server).iter().filter(|kind| **kind == EntryKind::Epoch).count(), 1);
    assert_eq!(one.events("entry.quarantined").len(), 1, "its descendants went with it");
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);

    let reopened = one.reopen(&server, "later");
    assert_eq!(reopened.view(visit), two.view(visit));
    reopened.answer(visit, "3", "第三");
    reopened.sync();
    two.sync();
    assert_eq!(two.shown(visit, "3").as_deref(), Some("第三"));
}

#[test]
fn an_offer_that_is_quarantined_too_is_not_made_a_third_time() {
    let (server, visit, one, _two) = setting();
    one.answer(visit, "1", "第一");
    server.state().quarantine_with = Some("access.never_assigned");
    let report = one.sync();
    assert!(!report.more, "it came to rest");
    server.state().quarantine_with = None;
    assert_eq!(kinds(&server).iter().filter(|kind| **kind == EntryKind::Edit).count(), 2);
    assert_eq!(one.client.status().expect("status").quarantined, 2);
    assert_eq!(one.events("entry.not_offered_again").len(), 1);
    one.answer(visit, "2", "第二");
    one.sync();
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
}

#[test]
fn a_refused_segment_ends_its_chain_and_nothing_typed_is_lost() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "第一");
    one.sync();
    let chain = server.state().segments.last().expect("logged").segment.chain;
    server.state().refuse = Some((chain, "chain.fork"));
    one.answer(visit, "2", "第二");
    one.client.claim(visit).expect("claimed");
    let attached = one.client.attach(visit, photo(vec![3; 5000]), &mut |_, _| {}).expect("attached");
    let report = one.sync();
    assert!(report.failures.iter().any(|failure| failure.code == "chain.fork"));
    let status = one.client.status().expect("status");
    assert_eq!((status.unsent_entries, status.unsent_blobs), (0, 0), "{status:?}");
    assert!(status.stuck.iter().any(|stuck| stuck.code == "chain.fork"));
    two.sync();
    assert_eq!(two.shown(visit, "2").as_deref(), Some("第二"));
    assert_eq!(two.view(visit), one.view(visit));
    assert_eq!(two.view(visit).evidence.len(), 1);
    assert_eq!(one.events("chain.restarted").len(), 1);
    assert_eq!(one.events("evidence.held")[0].evidence, Some(attached.blob.hash));
    assert_eq!(kinds(&server).iter().filter(|kind| **kind == EntryKind::Receipt).count(), 3);
}

/// Runs `once` on the phone while the next exchange waits for its answer.
fn meanwhile(server: &FakeServer, once: impl FnOnce() + Send + 'static) {
    let mut once = Some(once);
    server.state().tamper = Some(Box::new(move |_| {
        if let Some(once) = once.take() {
            once();
        }
    }));
}

#[test]
fn work_saved_while_its_chain_is_refused_goes_into_the_next_and_the_phone_rests() {
    let (server, visit, one, two) = setting();
    let one = Arc::new(one);
    one.answer(visit, "1", "第一");
    one.sync();
    let chain = server.state().segments.last().expect("logged").segment.chain;
    server.state().refuse = Some((chain, "chain.fork"));
    one.answer(visit, "2", "第二");
    let (busy, mut first) = (Arc::clone(&one), true);
    server.state().tamper = Some(Box::new(move |answer| {
        if std::mem::take(&mut first) {
            busy.answer(visit, "3", "第三");
        } else {
            // What comes behind a refused segment has no place.
            answer.refused.iter_mut().for_each(|refused| refused.code = "chain.gap".to_owned());
        }
    }));
    one.sync();
    let report = one.sync();
    assert!(!report.more, "it comes to rest: {report:?}");
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
    two.sync();
    assert_eq!(two.shown(visit, "2").as_deref(), Some("第二"));
    assert_eq!(two.shown(visit, "3").as_deref(), Some("第三"));
}

#[test]
fn work_on_top_of_a_refused_chain_is_offered_again_with_it() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "第一");
    one.sync();
    let chain = server.state().segments.last().expect("logged").segment.chain;
    one.answer(visit, "1", "第二");
    // A chain that ended before it was handed in, as after a restored backup.
    one.client.write(|desk| desk.end_chain(chain, "folder.copied", "as told")).expect("ended");
    one.answer(visit, "1", "第三");
    one.answer(visit, "2", "无关");
    server.state().refuse = Some((chain, "chain.fork"));
    one.client.synchronise(crate::Budget::default()).expect("synchronised");
    one.sync();
    two.sync();
    assert_eq!(two.shown(visit, "1").as_deref(), Some("第三"));
    assert_eq!(two.shown(visit, "2").as_deref(), Some("无关"));
    assert_eq!(two.view(visit), one.view(visit));
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
}

#[test]
fn a_quarantined_seal_is_told_and_people_sign_again() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "第一");
    one.sync();
    let signer = || Signer {
        role: SignerRole::Inspector,
        name: "person a".into(),
        account: None,
        certificate_no: None,
        signature: None,
    };
    one.client.seal(visit, vec![signer()], None).expect("sealed");
    one.answer(visit, "2", "补充");
    server.state().quarantine_with = Some("seal.mismatch");
    let once = crate::Budget { exchanges_max: 1, ..crate::Budget::default() };
    one.client.synchronise(once).expect("synchronised");
    server.state().quarantine_with = None;
    one.sync();
    assert_eq!(one.view(visit).seal, None);
    assert_eq!(one.events("entry.not_offered_again").len(), 1);
    assert_eq!(one.shown(visit, "2").as_deref(), Some("补充"));
    one.client.seal(visit, vec![signer()], None).expect("sealed again");
    one.sync();
    two.sync();
    assert!(two.view(visit).seal.is_some_and(|seal| seal.valid));
    assert_eq!(two.view(visit), one.view(visit));
}

#[test]
fn a_chain_the_server_is_ahead_of_ends_and_the_missing_entries_are_asked_for() {
    let (server, visit, one, _two) = setting();
    one.answer(visit, "1", "第一");
    server.state().tamper = Some(Box::new(|answer| {
        answer.accepted.iter_mut().for_each(|accepted| accepted.next_seq += 1);
    }));
    one.client
        .synchronise(crate::Budget { exchanges_max: 1, ..crate::Budget::default() })
        .expect("synchronised");
    server.state().tamper = None;
    assert_eq!(one.events("chain.restarted").len(), 1);
    let owed = one.client.read(|db, _| crate::store::progress::read(db)).expect("read").position;
    assert_eq!(owed.expect("a position").backfills.len(), 1);
    one.answer(visit, "2", "第二");
    one.sync();
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
    let owed = one.client.read(|db, _| crate::store::progress::read(db)).expect("read").position;
    assert_eq!(owed.expect("a position").backfills, []);
}

#[test]
fn what_a_quarantine_takes_along_counts_as_unsent_until_its_receipt() {
    let (server, visit, one, _two) = setting();
    let one = Arc::new(one);
    one.answer(visit, "1", "第一");
    server.state().quarantine_with = Some("change.as_told");
    let busy = Arc::clone(&one);
    meanwhile(&server, move || busy.answer(visit, "1", "第二"));
    let once = crate::Budget { exchanges_max: 1, ..crate::Budget::default() };
    one.client.synchronise(once).expect("synchronised");
    server.state().quarantine_with = None;
    let status = one.client.status().expect("status");
    assert_eq!(status.quarantined, 2);
    assert_eq!(status.unsent_entries, 4, "the one taken along, the epoch and two offers");
    one.sync();
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
}

#[test]
fn a_quarantine_below_a_colleagues_work_blocks_nothing() {
    let (server, visit, one, two) = setting();
    one.answer(visit, "1", "第一");
    one.sync();
    two.sync();
    two.answer(visit, "1", "同事");
    two.sync();
    one.sync();
    let (chain, seq) = {
        let state = server.state();
        let logged = state.segments.iter().find(|logged| {
            let mut entries = logged.segment.entries.iter().filter_map(|entry| entry.open.as_ref());
            entries.any(|open| open.kind == EntryKind::Edit)
        });
        let segment = &logged.expect("the first answer").segment;
        (segment.chain, segment.header.next_seq() - 1)
    };
    server.state().tamper = Some(Box::new(move |answer| {
        let code = "change.as_told".to_owned();
        answer.items.push(FeedItem::Quarantined { leaf: 0, chain, seq, code });
    }));
    one.client.synchronise(crate::Budget::default()).expect("synchronised");
    server.state().tamper = None;
    one.answer(visit, "2", "第二");
    one.sync();
    assert_eq!(one.shown(visit, "2").as_deref(), Some("第二"));
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
}

#[test]
fn a_quarantine_told_after_the_visit_went_is_an_event_all_the_same() {
    let (server, visit, one, _two) = setting();
    one.answer(visit, "1", "第一");
    one.sync();
    let (chain, seq) = {
        let state = server.state();
        let segment = &state.segments.last().expect("logged").segment;
        (segment.chain, segment.header.next_seq() - 1)
    };
    server.withdraw(visit, "a");
    one.sync();
    assert!(one.client.tasks().expect("tasks").is_empty(), "everything was receipted");
    server.state().tamper = Some(Box::new(move |answer| {
        let code = "access.left".to_owned();
        answer.items.push(FeedItem::Quarantined { leaf: 0, chain, seq, code });
    }));
    one.sync();
    let told = one.events("entry.quarantined");
    assert_eq!(told.len(), 1);
    assert!(told[0].detail.contains("access.left"), "{told:?}");
}
