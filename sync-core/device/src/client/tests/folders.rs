//! Copied, shared and sleeping folders.

use super::{
    phone::{Phone, answer, open, parts, phone},
    server::FakeServer,
};
use crate::{Budget, Client, Parts, probe::Unwatched};
use liuhen_trace::{DeviceSigner, DocumentId, SoftwareKey};
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

fn copy(from: &Path, to: &Path) {
    for item in fs::read_dir(from).expect("a folder") {
        let item = item.expect("an item");
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            fs::create_dir_all(&target).expect("made");
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).expect("copied");
        }
    }
}

/// A phone with one unsent answer and a copy of it; both go on with different answers.
fn phone_and_copy(server: &Arc<FakeServer>, visit: DocumentId) -> (Phone, Phone) {
    let one = phone(server, "a");
    one.answer(visit, "1", "共同");
    one.client.suspend().expect("suspended");
    let copied = tempfile::tempdir().expect("a folder");
    copy(one.folder.path(), copied.path());
    let two = Phone { client: open(server, copied.path(), "copy"), folder: copied };
    assert_eq!(two.events("chain.restarted").len(), 1);
    one.answer(visit, "2", "原机");
    two.answer(visit, "2", "副本");
    (one, two)
}

#[test]
fn a_copied_folder_begins_a_chain_of_its_own_and_both_phones_agree() {
    for original_first in [true, false] {
        let server = FakeServer::new();
        let visit = server.issue(1, &["a"]);
        let (one, two) = phone_and_copy(&server, visit);
        let order = if original_first { [&one, &two, &one] } else { [&two, &one, &two] };
        for phone in order {
            phone.sync();
        }
        assert_eq!(one.view(visit), two.view(visit));
        assert_eq!(one.view(visit).conflicts.len(), 1);
        assert_eq!(one.shown(visit, "1").as_deref(), Some("共同"));
        for phone in [&one, &two] {
            assert_eq!(phone.client.status().expect("status").unsent_entries, 0);
            assert!(!phone.sync().more, "it comes to rest");
        }
        let reopened = one.reopen(&server, "later");
        assert_eq!(reopened.view(visit), two.view(visit));
        let chains: BTreeSet<_> = server.state().segments.iter().map(|logged| logged.segment.chain).collect();
        assert_eq!(chains.len(), if original_first { 2 } else { 3 });
    }
}

#[test]
fn a_restored_database_without_the_file_beside_it_begins_a_new_chain() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let folder = one.folder.path().to_owned();
    one.client.close().expect("closed");
    fs::remove_file(folder.join("incarnation")).expect("removed");
    let one = one.reopen(&server, "later");
    assert_eq!(one.events("chain.restarted").len(), 1);
    one.answer(visit, "1", "有效");
    one.sync();
    let one = one.reopen(&server, "later still");
    assert_eq!(one.events("chain.restarted").len(), 1, "once is enough");
    let chains: BTreeSet<_> = server.state().segments.iter().map(|logged| logged.segment.chain).collect();
    assert_eq!(chains.len(), 2);
}

#[test]
fn a_phone_restored_from_a_backup_gets_back_what_it_had_handed_in_since() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a", "b"]);
    let (one, two) = (phone(&server, "a"), phone(&server, "b"));
    one.client.suspend().expect("suspended");
    let backup = tempfile::tempdir().expect("a folder");
    copy(one.folder.path(), backup.path());
    one.answer(visit, "1", "备份之后");
    one.sync();
    two.sync();
    two.answer(visit, "1", "接着改");
    two.sync();
    drop(one);
    let restored = Phone { client: open(&server, backup.path(), "restored"), folder: backup };
    restored.sync();
    assert_eq!(restored.client.status().expect("status").waiting, 0);
    assert_eq!(restored.view(visit), two.view(visit));
    restored.answer(visit, "2", "无");
    restored.sync();
    two.sync();
    assert_eq!(restored.view(visit), two.view(visit));
    assert_eq!(restored.client.status().expect("status").quarantined, 0);
}

#[test]
fn another_key_than_the_enrolled_one_signs_nothing_and_the_right_one_goes_on() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let Phone { client, folder } = phone(&server, "a");
    drop(client);
    let stranger = Some(Arc::new(SoftwareKey::from_seed([9; 32])) as Arc<dyn DeviceSigner>);
    let wrong = Parts { signer: stranger, ..parts(&server, "wrong", Box::new(Unwatched)) };
    let client = Client::open_with(folder.path(), wrong).expect("opened");
    client.save(visit, &[answer("1", "有效")], None).expect("saved all the same");
    client.claim(visit).expect("claimed");
    let error = client.synchronise(Budget::default()).expect_err("the key is not the enrolled one");
    assert_eq!(error.code(), "device.no_signature");
    drop(client);
    let one = Phone { client: open(&server, folder.path(), "right"), folder };
    assert_eq!(one.sync().failures, []);
    assert_eq!(one.client.status().expect("status").unsent_entries, 0);
    assert!(one.events("chain.restarted").is_empty());
}

#[test]
fn a_second_process_that_finds_the_folder_in_use_touches_nothing() {
    let server = FakeServer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let lock = fs::File::create(folder.path().join("lock")).expect("made");
    lock.lock().expect("locked");
    let error = Client::open_with(folder.path(), parts(&server, "a", Box::new(Unwatched))).err();
    assert_eq!(error.expect("in use").code(), "client.folder_in_use");
    assert!(!folder.path().join("device.key").exists(), "the first one's key would be lost");
}

#[test]
fn a_folder_is_open_once_and_a_suspended_one_is_free() {
    let server = FakeServer::new();
    let visit = server.issue(1, &["a"]);
    let one = phone(&server, "a");
    let again = Client::open_with(one.folder.path(), Parts::system().expect("parts"));
    assert_eq!(again.err().expect("in use").code(), "client.folder_in_use");
    one.client.suspend().expect("suspended");
    drop(Client::open_with(one.folder.path(), Parts::system().expect("parts")).expect("free now"));
    one.answer(visit, "1", "醒来");
    one.client.close().expect("closed");
    let closed = one.client.save(visit, &[answer("1", "x")], None).expect_err("closed");
    assert_eq!(closed.code(), "client.closed");
}

#[test]
fn a_client_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
}
