//! A server that answers nonsense: nothing stands still, nothing grows without bound, nothing is lost.

use super::{
    phone::{Phone, phone},
    server::FakeServer,
};
use crate::client::apply::REJECTED_TOLD_MAX;
use liuhen_engine::wire::{Answer, FeedItem};
use liuhen_inspection::task::Task;
use liuhen_trace::{DocumentId, EntryKind, ViewEntry};
use std::sync::Arc;

fn tamper(server: &FakeServer, tamper: impl FnMut(&mut Answer) + Send + 'static) {
    server.state().tamper = Some(Box::new(tamper));
}

fn colleagues() -> (Arc<FakeServer>, DocumentId, Phone, Phone) {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let (one, two) = (phone(&server, "a"), phone(&server, "b"));
    (server, visit, one, two)
}

#[test]
fn entries_that_came_damaged_are_fetched_again_and_hold_up_nothing() {
    let (server, visit, one, two) = colleagues();
    one.answer(visit, "1", "有效");
    one.sync();
    tamper(&server, |answer| {
        for item in &mut answer.items {
            if let FeedItem::Entries { view, .. } = item {
                view.signature.0[0] ^= 1;
            }
        }
    });
    let other = server.issue(2, &["b"]);
    let report = two.sync();
    assert!(report.failures.iter().all(|failure| failure.code == "signature.invalid"), "{report:?}");
    assert!(report.exchanges < 10, "it does not go round in circles");
    assert!(two.client.tasks().expect("tasks").iter().any(|task| task.visit == other));
    two.sync();
    assert_eq!(two.events("answer.not_believed").len(), 1, "told once, not at every exchange");
    server.state().tamper = None;
    two.sync();
    assert_eq!(two.shown(visit, "1").as_deref(), Some("有效"));
    assert_eq!(two.view(visit), one.view(visit));
}

#[test]
fn changes_of_a_new_epoch_wait_for_the_entry_that_begins_it() {
    let (server, visit, one, two) = colleagues();
    one.answer(visit, "1", "第一");
    server.state().quarantine_with = Some("change.as_told");
    let once = crate::Budget { exchanges_max: 1, ..crate::Budget::default() };
    one.client.synchronise(once).expect("synchronised");
    server.state().quarantine_with = None;
    one.answer(visit, "2", "第二");
    one.sync();
    // The epoch's entry reaches the other phone after those that build on it.
    let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    tamper(&server, move |answer| {
        for item in &mut answer.items {
            let whole = item.clone();
            let FeedItem::Entries { view, .. } = item else { continue };
            let checked = hide_epochs(view);
            if checked {
                keep.lock().expect("not poisoned").push(whole);
            }
        }
    });
    two.sync();
    let owed = kept.lock().expect("not poisoned").clone();
    assert_eq!(owed.len(), 1);
    tamper(&server, move |answer| answer.items.extend(owed.clone()));
    two.sync();
    assert_eq!(two.view(visit), one.view(visit));
    assert_eq!(two.client.status().expect("status").waiting, 0);
}

/// Puts stubs in the place of epoch entries; whether there was one.
fn hide_epochs(view: &mut liuhen_trace::SegmentView) -> bool {
    let (header, mut prev, mut hidden) = (view.header.clone(), view.header.prev, false);
    for (entry, seq) in view.entries.iter_mut().zip(header.first_seq..) {
        let ViewEntry::Open(open) = &*entry else {
            let ViewEntry::Stub(hash) = &*entry else { continue };
            prev = *hash;
            continue;
        };
        let mut body: liuhen_trace::Body = minicbor::decode(&open.body).expect("a body");
        body.change = open.change.as_deref().and_then(liuhen_trace::entry::change_hash);
        let salt = open.salt.expect("a salt of its own");
        let whole = liuhen_trace::OpenEntry { kind: open.kind, salt, body, change: open.change.clone() };
        prev = whole.header(header.suite, header.chain(), seq, prev).hash();
        if whole.kind == EntryKind::Epoch {
            *entry = ViewEntry::Stub(prev);
            hidden = true;
        }
    }
    hidden
}

#[test]
fn a_task_that_claims_the_visit_of_another_is_told_and_blocks_nothing() {
    let (server, visit, one, _two) = colleagues();
    tamper(&server, move |answer| {
        let mut forged = Vec::new();
        for item in &answer.items {
            let FeedItem::Matter { leaf, bytes } = item else { continue };
            let task = Task::from_bytes(bytes).expect("a task");
            let task = Task { id: "f".repeat(32).into(), visit, ..task };
            forged.push(FeedItem::Matter { leaf: *leaf, bytes: task.to_bytes() });
        }
        answer.items.extend(forged);
    });
    let other = server.issue(2, &["a"]);
    one.sync();
    let visits: Vec<_> = one.client.tasks().expect("tasks").iter().map(|task| task.visit).collect();
    assert_eq!(visits, [other, visit]);
    assert!(!one.events("task.unreadable").is_empty());
}

#[test]
fn a_task_this_version_cannot_read_is_kept_for_one_that_can() {
    let (server, _visit, one, _two) = colleagues();
    let unread = b"not yet a task".to_vec();
    tamper(&server, move |answer| {
        answer.items.push(FeedItem::Matter { leaf: 0, bytes: unread.clone() });
    });
    one.sync();
    one.sync();
    assert_eq!(one.events("task.unreadable").len(), 1);
    server.state().tamper = None;
    // What a version that reads it finds.
    let late = server.issue(3, &["c"]);
    let task = server.state().task_bytes(late);
    let core = one.client.lock();
    let store = core.opened.as_ref().expect("open").store.connection();
    store.execute("UPDATE unread_matter SET bytes = ?1", [task]).expect("updated");
    drop(core);
    one.sync();
    assert!(one.client.tasks().expect("tasks").iter().any(|task| task.visit == late));
    one.sync();
    assert_eq!(one.events("task.arrived").len(), 2, "it arrives once");
}

#[test]
fn a_server_that_always_has_more_of_the_same_is_left_alone() {
    let (server, visit, one, _two) = colleagues();
    let bytes = server.state().task_bytes(visit);
    tamper(&server, move |answer| {
        answer.items.push(FeedItem::Matter { leaf: 0, bytes: bytes.clone() });
        answer.more = true;
    });
    let report = one.sync();
    assert!(report.exchanges < 10, "{report:?}");
    assert!(report.retry_in_ms.is_some());
}

#[test]
fn a_flood_of_nonsense_leaves_a_few_events() {
    let (server, _visit, one, _two) = colleagues();
    tamper(&server, |answer| {
        let flood = (0..20_000).map(|n| FeedItem::Left { leaf: u64::MAX - n, document: DocumentId([9; 16]) });
        answer.items.extend(flood);
    });
    let report = one.sync();
    assert!(report.failures.len() <= REJECTED_TOLD_MAX + 1, "{}", report.failures.len());
    assert!(one.events("answer.not_believed").len() <= REJECTED_TOLD_MAX + 1);
}
