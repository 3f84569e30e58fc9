//! What a phone believes, and what a lie changes: nothing.

use super::{
    phone::{Phone, phone},
    server::{FakeServer, Fault},
};
use liuhen_engine::wire::Answer;
use liuhen_trace::{CheckpointRef, Hash};
use std::sync::Arc;

/// A phone with one unsent answer, and the tree the server has by then.
fn with_unsent(server: &Arc<FakeServer>) -> (Phone, liuhen_trace::DocumentId) {
    let visit = server.issue(1, &["a"]);
    let one = phone(server, "a");
    one.answer(visit, "1", "有效");
    (one, visit)
}

fn unsent(phone: &Phone) -> u64 {
    phone.client.status().expect("status").unsent_entries
}

#[test]
fn a_lost_answer_is_asked_for_again_and_nothing_is_doubled() {
    let server = FakeServer::new();
    let (one, visit) = with_unsent(&server);
    server.state().faults.push_back(Fault::AnswerLost);
    let report = one.sync();
    assert!(report.more && report.retry_in_ms.is_some());
    assert_eq!(report.failures[0].code, "network.cut");
    assert_eq!(unsent(&one), 1);
    let logged = server.state().segments.len();
    assert_eq!(one.sync().failures, []);
    assert_eq!(unsent(&one), 0);
    assert_eq!(server.state().segments.len(), logged);
    assert_eq!(one.client.status().expect("status").last_error, None);
    assert_eq!(one.shown(visit, "1").as_deref(), Some("有效"));
}

#[test]
fn without_a_network_saving_goes_on_and_the_reason_is_told() {
    let server = FakeServer::new();
    let (one, visit) = with_unsent(&server);
    server.state().faults.push_back(Fault::Unreachable);
    one.sync();
    let status = one.client.status().expect("status");
    assert_eq!(status.last_error.expect("told").code, "network.unreachable");
    assert!(status.oldest_unsent_ms.is_some() && status.unsent_bytes > 0);
    one.answer(visit, "2", "x");
    one.sync();
    assert_eq!(unsent(&one), 0);
}

/// Synchronises with an answer tampered with; returns what is still unsent.
fn tampered(server: &Arc<FakeServer>, one: &Phone, tamper: impl FnMut(&mut Answer) + Send + 'static) -> u64 {
    server.state().tamper = Some(Box::new(tamper));
    one.sync();
    let unsent = unsent(one);
    server.state().tamper = None;
    unsent
}

#[test]
fn a_receipt_that_proves_nothing_marks_nothing_and_is_an_event() {
    type Lie = fn(&mut Answer);
    let lies: [Lie; 3] = [
        // Another leaf than the one at that place.
        |answer| answer.receipts.iter_mut().for_each(|receipt| receipt.leaves = vec![Hash([9; 32])]),
        // The right leaf at a wrong place.
        |answer| answer.receipts.iter_mut().for_each(|receipt| receipt.first_leaf = 0),
        // A proof that leads nowhere.
        |answer| {
            for receipt in &mut answer.receipts {
                receipt.proof.left.iter_mut().chain(&mut receipt.proof.right).for_each(|hash| hash.0[0] ^= 1);
            }
        },
    ];
    for lie in lies {
        let server = FakeServer::new();
        let (one, _) = with_unsent(&server);
        assert_eq!(tampered(&server, &one, lie), 1);
        assert!(!one.events("answer.not_believed").is_empty());
        one.sync();
        assert_eq!(unsent(&one), 0, "the truth is believed afterwards");
    }
}

#[test]
fn a_forked_a_shrunk_and_an_unproven_log_change_nothing_and_are_events() {
    let server = FakeServer::new();
    let (one, visit) = with_unsent(&server);
    server.issue(2, &["a"]);
    let before = one.client.status().expect("status");
    let held = before.ledger_size.expect("a checkpoint");
    let state = server.state().checkpoint();
    let forked = server.state().sign(CheckpointRef { root: Hash([9; 32]), ..state });
    let same_size = server.state().sign(CheckpointRef { size: held, root: Hash([9; 32]), ..state });
    let smaller = server.state().sign(CheckpointRef { size: held - 1, root: Hash([9; 32]), ..state });
    for note in [forked, same_size, smaller] {
        tampered(&server, &one, move |answer| answer.checkpoint = Some(note.clone()));
    }
    tampered(&server, &one, |answer| answer.consistency = None);
    let after = one.client.status().expect("status");
    assert_eq!(
        (after.unsent_entries, after.ledger_size, after.cursor),
        (1, before.ledger_size, before.cursor)
    );
    assert_eq!(after.last_error.expect("told").code, "ledger.inconsistent");
    assert_eq!(one.events("server.not_believed").len(), 4);
    assert_eq!(one.client.tasks().expect("tasks").len(), 1, "nothing of those answers was kept");
    one.sync();
    assert_eq!(unsent(&one), 0);
    assert_eq!(one.client.tasks().expect("tasks").len(), 2);
    assert_eq!(one.shown(visit, "1").as_deref(), Some("有效"));
}

#[test]
fn a_held_receipt_for_nothing_drops_nothing() {
    let server = FakeServer::new();
    let (one, visit) = with_unsent(&server);
    one.client.attach(visit, super::phone::photo(vec![1; 1000]), &mut |_, _| {}).expect("attached");
    server.state().tamper = Some(Box::new(|answer| {
        for item in &mut answer.items {
            if let liuhen_engine::wire::FeedItem::Held(receipt) = item {
                receipt.salt[0] ^= 1;
            }
        }
    }));
    one.sync();
    let status = one.client.status().expect("status");
    assert_eq!((status.unsent_blobs, status.unsent_entries), (1, 0));
    assert!(!one.events("answer.not_believed").is_empty());
}
