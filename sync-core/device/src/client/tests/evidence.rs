//! Evidence: durable before its row, uploaded from where it stopped, kept until it is held.

use super::{
    phone::{Watch, phone, photo, watched},
    server::{FakeServer, Fault},
};
use crate::{
    Budget,
    probe::Step,
    records::{EvidenceContent, NewEvidence},
};
use std::fs;

fn picture(bytes: usize, seed: u8) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8 ^ seed).collect()
}

#[test]
fn the_file_is_durable_before_any_row_is_written() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let watch = Watch::default();
    let one = watched(&server, "a", Box::new(watch.clone()));
    let mut told = Vec::new();
    watch.steps.lock().expect("not poisoned").clear();
    one.client
        .attach(visit, photo(picture(600_000, 0)), &mut |done, all| told.push((done, all)))
        .expect("attached");
    let steps = watch.steps.lock().expect("not poisoned").clone();
    let at = |step| steps.iter().rposition(|seen| *seen == step).expect("seen");
    let durable = steps.iter().position(|step| *step == Step::BlobDurable).expect("seen");
    assert!(at(Step::BlobWritten) < durable);
    assert!(steps[durable..].starts_with(&[Step::BlobDurable, Step::RowsWritten, Step::Committed]));
    assert_eq!(told.last(), Some(&(600_000, 600_000)));
    assert!(told.is_sorted());
}

#[test]
fn a_phone_killed_while_attaching_keeps_the_bytes_and_tells() {
    for step in [Step::BlobWritten, Step::BlobDurable, Step::RowsWritten] {
        let server = FakeServer::new();
        let visit = server.issue(1, &["a"]);
        let watch = Watch::default();
        let one = watched(&server, "a", Box::new(watch.clone()));
        let bytes = picture(5_000, 1);
        *watch.kill_at.lock().expect("not poisoned") = Some(step);
        let killed = one.client.attach(visit, photo(bytes.clone()), &mut |_, _| {});
        assert_eq!(killed.expect_err("killed").code(), "client.closed");
        let one = one.reopen(&server, "later");
        assert!(one.view(visit).evidence.is_empty());
        let kept: Vec<Vec<u8>> = fs::read_dir(one.folder.path().join("evidence"))
            .expect("a folder")
            .map(|file| fs::read(file.expect("a file").path()).expect("readable"))
            .collect();
        assert_eq!(kept, std::slice::from_ref(&bytes), "{step:?}");
        let told = one.events("evidence.recovered").len() + one.events("evidence.interrupted").len();
        assert_eq!(told, 1, "{step:?}");
        let recovered = u64::from(step != Step::BlobWritten);
        assert_eq!(one.client.status().expect("status").recovered_blobs, recovered);
        one.client.attach(visit, photo(bytes), &mut |_, _| {}).expect("attached");
        one.sync();
        let status = one.client.status().expect("status");
        assert_eq!((status.recovered_blobs, status.unsent_blobs), (0, 0), "{step:?}");
        let one = one.reopen(&server, "later still");
        assert_eq!(one.events("evidence.recovered").len() + one.events("evidence.interrupted").len(), 1);
    }
}

#[test]
fn an_upload_goes_on_at_the_acknowledged_offset_and_counts_what_it_sent_twice() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let bytes = picture(1_200_000, 2);
    one.client.attach(visit, photo(bytes), &mut |_, _| {}).expect("attached");
    // Exchange, creation and the first piece pass; the second piece does not arrive, and neither
    // does the answer to the third.
    server.state().faults.extend([Fault::None, Fault::None, Fault::None, Fault::Unreachable]);
    let first = one.sync();
    assert!(first.more);
    assert_eq!((first.upload_bytes_sent, first.upload_bytes_resent), (2 * 524_288, 0));
    let one = one.reopen(&server, "later");
    server.state().faults.extend([Fault::None, Fault::None, Fault::AnswerLost]);
    let second = one.sync();
    assert_eq!((second.upload_bytes_sent, second.upload_bytes_resent), (524_288, 524_288));
    let third = one.sync();
    assert_eq!((third.upload_bytes_sent, third.upload_bytes_resent), (1_200_000 - 2 * 524_288, 0));
    assert_eq!(third.failures, []);
    assert!(!third.more);
    let offsets: Vec<u64> = server.state().uploads.patches.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 524_288, 1_048_576]);
    assert_eq!(one.client.status().expect("status").unsent_blobs, 0);
}

#[test]
fn a_refused_file_keeps_its_reason_and_the_next_one_goes() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let stuck = one.client.attach(visit, photo(picture(1_000, 3)), &mut |_, _| {}).expect("attached").blob;
    let fine = one.client.attach(visit, photo(picture(1_000, 4)), &mut |_, _| {}).expect("attached").blob;
    server.state().uploads.refused.insert(stuck.hash, "upload.type_refused");
    let report = one.sync();
    assert_eq!(report.failures.iter().map(|f| f.code.as_str()).collect::<Vec<_>>(), ["upload.type_refused"]);
    let status = one.client.status().expect("status");
    assert_eq!((status.unsent_blobs, status.stuck.len()), (1, 1));
    assert_eq!(status.stuck[0].subject, Some(format!("evidence {}", stuck.hash)));
    assert_eq!(one.events("evidence.held")[0].evidence, Some(fine.hash));
    server.state().uploads.refused.clear();
    one.sync();
    let status = one.client.status().expect("status");
    assert_eq!((status.unsent_blobs, status.stuck.len()), (0, 0));
}

#[test]
fn a_file_is_kept_until_its_receipt_and_goes_with_its_visit() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let blob = one.client.attach(visit, photo(picture(1_000, 5)), &mut |_, _| {}).expect("attached").blob;
    let path = one.client.evidence_path(blob.hash).expect("there");
    server.withdraw(visit, "a");
    let no_uploads = Budget { upload_bytes_max: 0, ..Budget::default() };
    let report = one.client.synchronise(no_uploads).expect("synchronised");
    assert!(report.more, "the file still has to go");
    assert!(path.exists() && one.client.tasks().expect("tasks")[0].left);
    one.sync();
    assert!(!path.exists());
    assert!(one.client.tasks().expect("tasks").is_empty());
    assert_eq!(one.client.evidence_path(blob.hash).expect_err("gone").code(), "evidence.not_here");
    let one = one.reopen(&server, "later");
    assert!(one.events("evidence.recovered").is_empty());
}

#[test]
fn the_same_bytes_are_stored_and_uploaded_once() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    for _ in 0..2 {
        one.client.attach(visit, photo(picture(1_000, 6)), &mut |_, _| {}).expect("attached");
    }
    one.sync();
    one.client.attach(visit, photo(picture(1_000, 6)), &mut |_, _| {}).expect("attached");
    one.sync();
    assert_eq!(server.state().uploads.patches.len(), 1);
    assert_eq!(one.view(visit).evidence.len(), 3);
    assert_eq!(one.client.status().expect("status").unsent_blobs, 0);
}

#[test]
fn an_empty_a_missing_and_a_damaged_file_are_told_by_name() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let empty = one.client.attach(visit, photo(Vec::new()), &mut |_, _| {}).expect_err("refused");
    assert_eq!(empty.code(), "evidence.empty");
    let nowhere = EvidenceContent::File(one.folder.path().join("nowhere.jpg"));
    let missing = NewEvidence { content: nowhere, ..photo(Vec::new()) };
    let missing = one.client.attach(visit, missing, &mut |_, _| {}).expect_err("refused");
    assert_eq!(missing.code(), "evidence.unreadable");
    let blob = one.client.attach(visit, photo(picture(1_000, 7)), &mut |_, _| {}).expect("attached").blob;
    fs::write(one.client.evidence_path(blob.hash).expect("there"), b"short").expect("damaged");
    let report = one.sync();
    assert!(report.failures.iter().any(|failure| failure.code == "evidence.damaged"), "{report:?}");
    assert_eq!(one.client.status().expect("status").unsent_entries, 0, "the entries went all the same");
}

#[test]
fn a_file_the_disk_cannot_read_does_not_keep_back_the_others() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    // A folder in the place of the file: it has the right size and cannot be read.
    let size = fs::metadata(one.folder.path()).expect("a folder").len();
    let bad = one.client.attach(visit, photo(picture(size as usize, 1)), &mut |_, _| {}).expect("attached");
    let fine = one.client.attach(visit, photo(picture(1_000, 2)), &mut |_, _| {}).expect("attached").blob;
    let path = one.client.evidence_path(bad.blob.hash).expect("there");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("made");
    let report = one.sync();
    assert!(report.failures.iter().any(|failure| failure.code.starts_with("evidence.")), "{report:?}");
    assert_eq!(one.events("evidence.held")[0].evidence, Some(fine.hash));
    let status = one.client.status().expect("status");
    assert_eq!((status.unsent_blobs, status.stuck.len()), (1, 1));
}

#[test]
fn a_client_that_sleeps_and_wakes_while_a_file_is_stored_does_not_disturb_it() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let mut asleep = |_, _| {
        one.client.suspend().expect("suspended");
        one.client.status().expect("awake");
    };
    let bytes = picture(300_000, 3);
    let attached = one.client.attach(visit, photo(bytes.clone()), &mut asleep).expect("attached");
    assert_eq!(fs::read(one.client.evidence_path(attached.blob.hash).expect("there")).expect("read"), bytes);
    assert!(one.events("evidence.interrupted").is_empty());
}

#[test]
fn evidence_that_the_visit_refuses_takes_no_room() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let nowhere = NewEvidence { item: Some("nowhere".into()), ..photo(picture(1_000, 4)) };
    let refused = one.client.attach(visit, nowhere, &mut |_, _| {}).expect_err("refused");
    assert_eq!(refused.code(), "visit.unknown_item");
    assert_eq!(fs::read_dir(one.folder.path().join("evidence")).expect("a folder").count(), 0);
}

#[test]
fn one_file_in_two_visits_goes_with_the_last_of_them() {
    let server = FakeServer::new();
    let (first, second) = (server.issue(1, &["a"]), server.issue(2, &["a"]));
    let one = phone(&server, "a");
    let blob = one.client.attach(first, photo(picture(1_000, 5)), &mut |_, _| {}).expect("attached").blob;
    one.sync();
    one.client.attach(second, photo(picture(1_000, 5)), &mut |_, _| {}).expect("attached");
    server.withdraw(first, "a");
    one.sync();
    assert!(one.client.evidence_path(blob.hash).expect("the second visit shows it").exists());
    server.withdraw(second, "a");
    one.sync();
    assert!(one.client.evidence_path(blob.hash).is_err());
}
