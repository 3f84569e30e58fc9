//! Backups as an operator takes and restores them: what is in one, what is refused, what is left behind.

use crate::{deployment::config, ledger::lived_in};
use liuhen_server::{
    AppState,
    backup::{self, Evidence, MANIFEST_FILE},
    ledger::verify,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_any_file_of_a_backup_makes_the_restore_fail_and_names_it() {
    let (data, _) = lived_in().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    let manifest = backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    assert_eq!(backup::check(&to).expect("as it was taken"), manifest);
    let report = verify::check(&to).await.expect("a backup reads like a folder");
    assert!(report.verified, "{report}");

    let mut files = Vec::new();
    files_below(&to, &mut files);
    let kinds =
        ["liuhen.sqlite", "checkpoint", "log.key", "deployment.key", "session.key", "origin", "blobs"];
    for kind in kinds {
        assert!(files.iter().any(|file| file.to_string_lossy().contains(kind)), "{kind} is not in it");
    }
    for file in &files {
        let whole = fs::read(file).expect("a file");
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let named = if name.starts_with(MANIFEST_FILE) { MANIFEST_FILE } else { &name };
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [flipped, whole[..whole.len() - 1].to_vec()] {
            fs::write(file, damaged).expect("written");
            let refused = backup::restore(&to, &restored, None).await.expect_err("damage").to_string();
            assert!(refused.starts_with("backup.damaged") && refused.contains(named), "{name}: {refused}");
            assert!(!restored.exists(), "nothing is laid out");
        }
        fs::remove_file(file).expect("removed");
        let refused = backup::restore(&to, &restored, None).await.expect_err("a missing file").to_string();
        assert!(refused.starts_with("backup.") && refused.contains(named), "{name}: {refused}");
        fs::write(file, whole).expect("put back");
    }
    backup::restore(&to, &restored, None).await.expect("everything was put back");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten_and_nothing_half_is_served() {
    let (data, hash) = lived_in().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    let code = |error: anyhow::Error| error.to_string().split(':').next().unwrap_or_default().to_owned();
    fs::create_dir(folder.path().join("backup.partial")).expect("in the way");
    let refused = backup::take(data.path(), &to, Evidence::Copied).await.expect_err("interrupted before");
    assert_eq!(code(refused), "backup.in_the_way");
    fs::remove_dir(folder.path().join("backup.partial")).expect("removed");

    let evidence = liuhen_server::evidence::path_of(data.path(), hash);
    let bytes = fs::read(&evidence).expect("evidence");
    fs::write(&evidence, b"Picture").expect("written");
    let refused = backup::take(data.path(), &to, Evidence::Copied).await.expect_err("damaged evidence");
    assert_eq!(code(refused), "backup.evidence_damaged");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing half is left");
    fs::write(&evidence, bytes).expect("put back");

    backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    let refused = backup::take(data.path(), &to, Evidence::Copied).await.expect_err("there is one");
    assert_eq!(code(refused), "backup.exists");
    let refused = AppState::open(config(to.clone())).await.err().expect("a backup is not served");
    assert_eq!(code(refused), "restore.unfinished");
    fs::create_dir(&restored).expect("a folder");
    fs::write(restored.join("mine"), b"mine").expect("written");
    let refused = backup::restore(&to, &restored, None).await.expect_err("not empty");
    assert_eq!(code(refused), "restore.not_empty");
    assert_eq!(fs::read(restored.join("mine")).expect("untouched"), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_among_the_keys_or_the_evidence_is_refused_and_changes_nothing_there() {
    let (data, _) = lived_in().await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(data.path(), &link).expect("a link");
    let mut before = Vec::new();
    files_below(data.path(), &mut before);
    for to in [data.path().join("signer/backup"), data.path().join("blobs/a/b"), link.join("signer/today")] {
        let refused = backup::take(data.path(), &to, Evidence::Copied).await.expect_err("inside");
        assert!(refused.to_string().starts_with("backup.inside_data"), "{refused:#}");
    }
    let mut after = Vec::new();
    files_below(data.path(), &mut after);
    assert_eq!(before.len(), after.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_only_linked_to_is_in_the_backup() {
    let (data, _) = lived_in().await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (key, kept) = (data.path().join("signer/log.key"), elsewhere.path().join("log.key"));
    fs::rename(&key, &kept).expect("moved");
    std::os::unix::fs::symlink(&kept, &key).expect("a link");
    let (to, restored) = (elsewhere.path().join("backup"), elsewhere.path().join("restored"));
    backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    backup::restore(&to, &restored, None).await.expect("a restore");
    assert_eq!(fs::read(restored.join("signer/log.key")).expect("a key"), fs::read(&kept).expect("the key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_into_a_folder_while_it_is_restored_or_reads_it_then() {
    use std::os::unix::fs::PermissionsExt as _;
    let (data, _) = lived_in().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    backup::restore(&to, &restored, None).await.expect("a restore");
    let mode = fs::metadata(&restored).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o077, 0, "the database holds secrets");
    let raced = folder.path().join("raced");
    let copies = [(); 3].map(|()| backup::restore(&to, &raced, None));
    let done = futures::future::join_all(copies).await;
    let served = done.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(served, 1, "one of three at once; the others took nothing of it away: {done:?}");
    let report = verify::check(&raced).await.expect("a check");
    assert!(report.verified, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_restore_left_is_told_from_a_folder_that_is_in_use() {
    let (data, _) = lived_in().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    fs::create_dir(&restored).expect("a folder");
    fs::copy(to.join(MANIFEST_FILE), restored.join(MANIFEST_FILE)).expect("as far as it came");
    let refused = backup::restore(&to, &restored, None).await.expect_err("not empty").to_string();
    assert!(refused.starts_with("restore.not_empty") && refused.contains("interrupted"), "{refused}");
    let refused = AppState::open(config(restored.clone())).await.err().expect("half a restore").to_string();
    assert!(refused.starts_with("restore.unfinished"), "{refused}");
    fs::remove_dir_all(&restored).expect("removed");
    backup::restore(&to, &restored, None).await.expect("a restore");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_newer_program_is_refused_before_anything_is_laid_out() {
    let (data, _) = lived_in().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (to, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    let mut manifest = backup::check(&to).expect("as it was taken");
    manifest.schema += 1;
    for file in [MANIFEST_FILE, "backup.json.sha256"] {
        fs::remove_file(to.join(file)).expect("removed");
    }
    manifest.write(&to).expect("written");
    let refused = backup::restore(&to, &restored, None).await.expect_err("newer").to_string();
    assert!(refused.starts_with("store.newer_schema"), "{refused}");
    assert!(!restored.exists());
}
