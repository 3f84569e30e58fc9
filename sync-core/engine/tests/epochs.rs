//! What a phone believes of a restored server.

mod support;
#[path = "support/world.rs"]
mod world;

use liuhen_engine::{
    exchange::{Effects, EpochChange, Trust, judge, unlinked_epoch},
    wire::{Answer, Position, Request},
};
use liuhen_trace::{CheckpointRef, Hash, Refusal};
use std::collections::BTreeMap;
use world::Deployment;

/// A log of so many leaves.
fn log(leaves: i64) -> Deployment {
    let mut deployment = Deployment::new();
    for number in 0..leaves {
        deployment.fill(number);
    }
    deployment
}

/// The log as it stood at a size.
fn at(deployment: &Deployment, size: u64) -> CheckpointRef {
    let grown = log(size as i64).state();
    assert!(size <= deployment.state().size);
    grown
}

/// The honest answer to a phone that told `told`.
fn answer(server: &Deployment, told: Option<CheckpointRef>) -> Answer {
    let provable = told.filter(|told| told.size <= server.state().size);
    Answer {
        version: 1,
        accepted: vec![],
        refused: vec![],
        waiting: vec![],
        receipts: vec![],
        checkpoint: Some(server.note()),
        consistency: provable.map(|told| server.proof(told.size, told.size)),
        grants: vec![],
        items: vec![],
        position: Position { epoch: server.state().epoch, cursor: 2, backfills: vec![] },
        more: false,
        blobs_wanted: vec![],
        rows: vec![],
        server_time_ms: 0,
        epochs: server.epochs(),
    }
}

fn judged(
    server: &Deployment,
    held: CheckpointRef,
    told: Option<CheckpointRef>,
    alter: impl FnOnce(&mut Answer),
) -> Result<Effects, Refusal> {
    let mut answer = answer(server, told);
    alter(&mut answer);
    let request = Request {
        version: 1,
        position: Some(Position { epoch: held.epoch, cursor: 2, backfills: vec![] }),
        checkpoint: told,
        segments: vec![],
        wants: vec![],
        answer_bytes_max: 1 << 20,
    };
    judge(&trust(server), Some(held), &request, &BTreeMap::new(), answer)
}

fn trust(server: &Deployment) -> Trust {
    Trust { note_key: server.log.public(), deployment_key: server.key.public() }
}

/// The change of epoch an honest answer leads to.
fn change(server: &Deployment, held: CheckpointRef, told: Option<CheckpointRef>) -> EpochChange {
    judged(server, held, told, |_| {}).expect("an honest answer").epoch.expect("another epoch")
}

#[track_caller]
fn assert_refused(judged: Result<Effects, Refusal>, code: &str) {
    assert_eq!(judged.map(drop).map_err(|refusal| refusal.code), Err(code));
}

fn unlinked(server: &Deployment, held: CheckpointRef) -> Option<u64> {
    let opening = unlinked_epoch(&trust(server), Some(held), &answer(server, Some(held)));
    opening.expect("an honest answer").map(|opening| opening.leaf())
}

#[test]
fn a_phone_behind_the_backup_is_linked_by_an_ordinary_proof_and_loses_nothing() {
    let old = log(9);
    let restored = old.restored(6, 2);
    for size in [1, 4, 6] {
        let held = at(&old, size);
        assert_eq!(unlinked(&restored, held), None);
        let change = change(&restored, held, Some(held));
        assert_eq!((change.before, change.opening.leaf(), change.lost_from), (held, 6, None));
        let bare = judged(&restored, held, Some(held), |answer| answer.consistency = None);
        assert_refused(bare, "ledger.inconsistent");
    }
}

#[test]
fn a_phone_beyond_the_backup_keeps_what_an_older_checkpoint_proves() {
    let old = log(9);
    let restored = old.restored(6, 2);
    let held = old.state();
    assert_eq!(unlinked(&restored, held), Some(6));
    let change_from = |told| change(&restored, held, told).lost_from;
    assert_eq!(change_from(Some(at(&old, 5))), Some(5));
    assert_eq!(change_from(None), Some(0), "nothing is kept that nothing proves");
    assert_refused(judged(&restored, held, Some(held), |_| {}), "ledger.inconsistent");
}

#[test]
fn a_history_rewritten_under_cover_of_an_epoch_is_refused() {
    let (old, mut forged) = (log(9), log(3));
    for number in 100..103 {
        forged.fill(number);
    }
    let forged = forged.restored(6, 2);
    for size in [4, 6] {
        let held = at(&old, size);
        assert_refused(judged(&forged, held, Some(held), |_| {}), "ledger.inconsistent");
    }
    let beyond = judged(&forged, old.state(), Some(at(&old, 5)), |_| {});
    assert_refused(beyond, "ledger.inconsistent");
}

#[test]
fn a_phone_whose_checkpoint_the_epoch_covers_gives_up_nothing() {
    let restored = log(9).restored(6, 2);
    let held = log(4).state();
    assert_refused(judged(&restored, held, None, |_| {}), "ledger.inconsistent");
    assert_refused(judged(&restored, held, Some(log(2).state()), |_| {}), "ledger.inconsistent");
}

#[test]
fn an_epoch_that_no_act_opened_and_an_older_one_are_refused() {
    let (old, restored) = (log(9), log(9).restored(6, 2));
    let held = at(&old, 4);
    let silent = judged(&restored, held, Some(held), |answer| answer.epochs.clear());
    assert_refused(silent, "ledger.other_epoch");
    let renamed = judged(&restored, held, Some(held), |answer| {
        answer.checkpoint = Some(restored.log.sign(CheckpointRef { epoch: 3, ..restored.state() }));
    });
    assert_refused(renamed, "ledger.other_epoch");
    let forged = judged(&restored, held, Some(held), |answer| answer.epochs[0].body[0] ^= 1);
    assert_refused(forged, "act.wrong_body");
    assert_refused(judged(&old, restored.state(), Some(restored.state()), |_| {}), "ledger.other_epoch");
}

#[test]
fn within_a_later_epoch_a_smaller_or_forked_log_is_refused_as_before() {
    let restored = log(9).restored(6, 2);
    let held = CheckpointRef { size: 8, root: Hash([8; 32]), ..restored.state() };
    assert_refused(judged(&restored, held, Some(held), |_| {}), "ledger.inconsistent");
    let again = log(9).restored(5, 2);
    assert_refused(judged(&again, restored.state(), Some(restored.state()), |_| {}), "ledger.inconsistent");
}

#[test]
fn several_restores_are_passed_at_once() {
    let old = log(9);
    let mut second = old.restored(6, 2);
    for number in 50..53 {
        second.fill(number);
    }
    let third = second.restored(8, 3);
    let held = at(&old, 6);
    let one = change(&third, held, Some(held));
    assert_eq!((one.opening.epoch, one.opening.leaf(), one.lost_from), (2, 6, None));
    assert_eq!(unlinked(&third, second.state()), Some(8));
    let out_of_order = judged(&third, held, Some(held), |answer| answer.epochs.reverse());
    assert_refused(out_of_order, "ledger.other_epoch");
    let with_a_gap = judged(&third, held, Some(held), |answer| drop(answer.epochs.remove(0)));
    assert_refused(with_a_gap, "ledger.other_epoch");
}

#[test]
fn the_same_backup_restored_twice_is_followed_when_the_second_epoch_is_later() {
    let old = log(9);
    let (first, again) = (old.restored(6, 2), old.restored(6, 3));
    assert_eq!(unlinked(&again, first.state()), Some(6));
    let change = change(&again, first.state(), Some(at(&old, 6)));
    assert_eq!((change.opening.epoch, change.lost_from), (3, Some(6)));
}
