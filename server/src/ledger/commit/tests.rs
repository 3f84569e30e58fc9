use super::*;
use crate::store::Store;
use liuhen_trace::merkle;
use serde_json::json;
use std::path::Path;

async fn open(data: &Path) -> (Store, Ledger, tokio::task::JoinHandle<Connection>) {
    let signer = Signer::open(&data.join("signer")).expect("keys");
    let (store, writer) = Store::open(data).await.expect("a database");
    let (ledger, task) = Ledger::start(writer, signer).await.expect("a committer");
    (store, ledger, task)
}

fn act(kind: &'static str) -> NewAct {
    NewAct { kind, actor: None, detail: json!({}), rows: Vec::new(), blobs: Vec::new() }
}

async fn log(ledger: &Ledger, kind: &'static str) -> Result<Committed<u64>, ApiError> {
    ledger.commit(move |tx| Box::pin(async move { tx.act(act(kind)).await })).await
}

#[tokio::test]
async fn leaves_are_numbered_in_commit_order_and_the_note_is_over_all_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, ledger, _task) = open(folder.path()).await;
    let commits = (0..100).map(|_| log(&ledger, "test.act"));
    let mut leaves = Vec::new();
    for committed in futures::future::join_all(commits).await {
        let committed = committed.expect("a commit");
        assert!(committed.output < committed.state.size);
        let signed = ledger.note_key().check(&committed.note).expect("a signed note");
        assert_eq!(signed.state, committed.state);
        leaves.push(committed.output);
    }
    leaves.sort_unstable();
    assert_eq!(leaves, (0..100).collect::<Vec<u64>>());
    let mut conn = store.read().await.expect("a reader");
    let mut tree = Tree::default();
    for index in 0..100 {
        let row = store::ledger::leaf(&mut conn, index).await.expect("a query").expect("a leaf");
        tree.append(merkle::leaf_hash(&row.bytes));
    }
    assert_eq!(tree.root(), ledger.latest().state.root);
}

#[tokio::test]
async fn a_proposal_that_fails_or_panics_takes_nothing_of_the_others_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_store, ledger, _task) = open(folder.path()).await;
    let failing = ledger.commit::<(), _>(|tx| {
        Box::pin(async move {
            tx.act(act("test.lost")).await?;
            Err(ApiError::conflict("test.refused", "on purpose"))
        })
    });
    let panicking = ledger.commit::<(), _>(|tx| {
        Box::pin(async move {
            tx.act(act("test.lost")).await?;
            panic!("on purpose")
        })
    });
    let (first, failed, panicked, last) =
        tokio::join!(log(&ledger, "test.first"), failing, panicking, log(&ledger, "test.last"));
    assert_eq!(failed.expect_err("a refusal").code(), "test.refused");
    assert_eq!(panicked.expect_err("a fault").code(), "internal");
    let mut leaves = [first.expect("a commit").output, last.expect("a commit").output];
    leaves.sort_unstable();
    assert_eq!(leaves, [0, 1]);
    assert_eq!(log(&ledger, "test.after").await.expect("a commit").output, 2);
}

#[tokio::test]
async fn consistency_is_proven_between_any_two_states_and_across_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut states = Vec::new();
    for _ in 0..3 {
        let (store, ledger, task) = open(folder.path()).await;
        for _ in 0..7 {
            states.push(log(&ledger, "test.act").await.expect("a commit").state);
        }
        let newest = ledger.latest().state;
        let mut conn = store.read().await.expect("a reader");
        for old in &states {
            let proof = proof::range(&mut conn, old.size, old.size, newest.size).await.expect("a proof");
            assert_eq!(proof.verify_consistency(old.size, old.root, newest.size, newest.root), Ok(()));
        }
        drop(ledger);
        task.await.expect("the committer ends");
    }
}

#[tokio::test]
async fn a_database_older_than_what_was_signed_is_not_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_store, ledger, task) = open(folder.path()).await;
    log(&ledger, "test.act").await.expect("a commit");
    drop(ledger);
    store::checkpoint_wal(task.await.expect("the writer")).await.expect("a checkpoint");
    let old = std::fs::read(folder.path().join("liuhen.sqlite")).expect("a database");
    let (_store, ledger, task) = open(folder.path()).await;
    log(&ledger, "test.act").await.expect("a commit");
    drop(ledger);
    store::checkpoint_wal(task.await.expect("the writer")).await.expect("a checkpoint");

    std::fs::write(folder.path().join("liuhen.sqlite"), old).expect("rolled back");
    let signer = Signer::open(&folder.path().join("signer")).expect("keys");
    let (_store, writer) = Store::open(folder.path()).await.expect("a database");
    let refused = Ledger::start(writer, signer).await.err().expect("a refusal");
    assert!(format!("{refused:#}").contains("signer.smaller_tree"), "{refused:#}");
}

#[tokio::test]
async fn what_could_not_be_signed_is_signed_before_anything_more_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, ledger, task) = open(folder.path()).await;
    let signed = log(&ledger, "test.act").await.expect("a commit").state;
    let obstacle = folder.path().join("signer/checkpoint.new");
    std::fs::create_dir(&obstacle).expect("where the signer writes");

    let unsigned = log(&ledger, "test.act").await.expect_err("no signature");
    assert_eq!(unsigned.code(), "ledger.stored_unsigned");
    for _ in 0..2 {
        assert_eq!(log(&ledger, "test.act").await.expect_err("no signature").code(), "ledger.unsigned");
    }
    let mut conn = store.read().await.expect("a reader");
    let head = store::ledger::head(&mut conn).await.expect("a query").expect("a head");
    assert_eq!((head.size, ledger.latest().state), (2, signed), "one is stored, none is shown");

    std::fs::remove_dir(&obstacle).expect("the way is free");
    let after = log(&ledger, "test.act").await.expect("a commit");
    assert_eq!((after.output, after.state.size), (2, 3));
    let proof = proof::range(&mut conn, 1, 1, 3).await.expect("a proof");
    assert_eq!(proof.verify_consistency(1, signed.root, 3, after.state.root), Ok(()));
    drop((conn, ledger));
    task.await.expect("the committer ends");
}

#[tokio::test]
async fn a_commit_that_a_crash_left_unsigned_is_signed_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_store, ledger, task) = open(folder.path()).await;
    let signed = log(&ledger, "test.act").await.expect("a commit").state;
    std::fs::create_dir(folder.path().join("signer/checkpoint.new")).expect("where the signer writes");
    log(&ledger, "test.act").await.expect_err("no signature");
    drop(ledger);
    task.await.expect("the committer ends");

    std::fs::remove_dir(folder.path().join("signer/checkpoint.new")).expect("the way is free");
    let (store, ledger, _task) = open(folder.path()).await;
    let latest = ledger.latest();
    assert_eq!(latest.state.size, 2);
    assert_eq!(ledger.note_key().check(&latest.note).expect("a signed note").state, latest.state);
    let mut conn = store.read().await.expect("a reader");
    let proof = proof::range(&mut conn, 1, 1, 2).await.expect("a proof");
    assert_eq!(proof.verify_consistency(1, signed.root, 2, latest.state.root), Ok(()));
}
