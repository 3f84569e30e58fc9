//! Backups of a folder that is served, and phones against what was restored from one.

use crate::{
    deployment::config,
    evidence::{Uploads, photo, upload},
    ledger::lived_in,
    office::{Issued, Office},
    phone::Phone,
};
use axum::http::StatusCode;
use liuhen_engine::wire::{self, EXCHANGE_PATH};
use liuhen_server::{
    AppState,
    backup::{self, Evidence},
    ledger::verify,
    routes, store,
};
use liuhen_trace::DocumentId;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const ADMITTED: i64 = 1;
const HELD: i64 = 4;

struct Scene {
    office: Office,
    /// Holds the backup and what is restored.
    folder: TempDir,
    task: Issued,
    zhang: Phone,
}

/// A phone with one receipted answer.
async fn scene() -> Scene {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let mut zhang = office.phone("zhang", 1).await;
    zhang.synchronise().await;
    zhang.answer(task.visit, "1-2", 4);
    photo(&mut zhang, task.visit, b"before");
    zhang.synchronise().await;
    upload(&office, &zhang, b"before").await;
    zhang.synchronise().await;
    Scene { office, folder: tempfile::tempdir().expect("a folder"), task, zhang }
}

impl Scene {
    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    /// Beside the server, which goes on.
    async fn back_up(&self) {
        let data = &self.office.state().config.data;
        backup::take(data, &self.backup(), Evidence::Copied).await.expect("a backup");
    }

    /// The server ends, and what the backup holds is served.
    async fn restore(&self) -> AppState {
        let data = self.folder.path().join("restored");
        backup::restore(&self.backup(), &data, None).await.expect("a restore");
        AppState::open(config(data)).await.expect("a folder to serve").0
    }
}

async fn verdicts(state: &AppState, visit: DocumentId) -> Vec<(i64, Option<String>)> {
    let mut conn = state.store.read().await.expect("a reader");
    loop {
        if store::exchange::first_pending_leaf(&mut conn).await.expect("a read").is_none() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let rows = store::visits::trace(&mut conn, visit, None, 1_000).await.expect("a trace");
    rows.into_iter().map(|row| (row.verdict, row.code)).collect()
}

async fn assert_verified(state: &AppState) {
    let report = verify::check(&state.config.data).await.expect("a readable folder");
    assert!(report.verified, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_behind_the_backup_goes_on_where_it_was() {
    let mut scene = scene().await;
    scene.back_up().await;
    let (held, position) = (scene.zhang.checkpoint, scene.zhang.position.clone().expect("a position"));
    scene.zhang.answer(scene.task.visit, "1-2", 5);
    let state = scene.restore().await;
    scene.zhang.move_to(&state);
    let effects = scene.zhang.synchronise().await.remove(0);
    let change = effects.epoch.expect("another epoch");
    assert_eq!((change.before, change.lost_from), (held.expect("a checkpoint"), None));
    assert_eq!(effects.receipted.len(), 1, "what it had not handed in");
    assert_eq!((effects.position.epoch, effects.matters.len()), (2, 0), "nothing is told twice");
    assert!(effects.position.cursor >= position.cursor);
    assert!(verdicts(&state, scene.task.visit).await.iter().all(|(verdict, _)| *verdict == ADMITTED));
    assert_verified(&state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_beyond_the_backup_hands_in_what_the_server_lacks() {
    let mut scene = scene().await;
    scene.back_up().await;
    let (visit, photo_bytes) = (scene.task.visit, b"after");
    scene.zhang.answer(visit, "1-2", 5);
    let blob = photo(&mut scene.zhang, visit, photo_bytes);
    scene.zhang.synchronise().await;
    upload(&scene.office, &scene.zhang, photo_bytes).await;
    scene.zhang.synchronise().await;
    let before = scene.office.verdicts(visit).await;
    let state = scene.restore().await;
    scene.zhang.move_to(&state);
    let effects = scene.zhang.follow().await;
    let change = effects.epoch.expect("another epoch");
    assert_eq!(change.lost_from, Some(0));
    assert!(change.opening.leaf() < change.before.size);
    assert_eq!(effects.blobs_wanted, [blob.hash], "and nothing that was restored");
    assert_eq!(verdicts(&state, visit).await, before);
    assert!(scene.zhang.exchange().await.epoch.is_none());
    assert_verified(&state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_and_a_phone_from_after_the_backup_hold_up_nothing() {
    let mut scene = scene().await;
    scene.back_up().await;
    let lost = scene.office.issue(&["zhang"]).await;
    let mut new = scene.office.phone("li", 2).await;
    scene.zhang.synchronise().await;
    new.synchronise().await;
    scene.zhang.answer(lost.visit, "1-2", 7);
    scene.zhang.answer(scene.task.visit, "1-2", 8);
    new.answer(scene.task.visit, "1-2", 9);
    scene.zhang.synchronise().await;
    let state = scene.restore().await;

    new.move_to(&state);
    new.cut();
    let request = new.signed("POST", EXCHANGE_PATH, &[], wire::pack(&new.request()));
    let (status, body) = crate::office::send_raw(&state, request).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(String::from_utf8_lossy(&body).contains("device.unknown"), "it keeps everything");

    scene.zhang.move_to(&state);
    scene.zhang.follow().await;
    let (held, code) = verdicts(&state, lost.visit).await.remove(0);
    assert_eq!((held, code.as_deref()), (HELD, Some("document.not_restored")));
    assert!(verdicts(&state, scene.task.visit).await.iter().all(|(verdict, _)| *verdict == ADMITTED));
    let effects = scene.zhang.synchronise().await;
    assert!(effects.iter().all(|effects| effects.quarantined.is_empty()), "it gives up nothing");
    assert_verified(&state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_from_after_the_backup_is_no_ground_to_refuse_work() {
    let mut scene = scene().await;
    let other = scene.office.issue(&["li"]).await;
    scene.back_up().await;
    scene.office.reassign(&other, &["zhang"]).await;
    scene.zhang.synchronise().await;
    scene.zhang.answer(other.visit, "1-2", 7);
    scene.zhang.synchronise().await;
    let state = scene.restore().await;
    scene.zhang.move_to(&state);
    scene.zhang.follow().await;
    let (verdict, code) = verdicts(&state, other.visit).await.remove(0);
    assert_eq!((verdict, code.as_deref()), (HELD, Some("access.not_restored")));
    assert_verified(&state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_restored_folder_restores_into_the_epoch_behind_it() {
    let mut scene = scene().await;
    scene.back_up().await;
    scene.zhang.answer(scene.task.visit, "1-2", 5);
    let state = scene.restore().await;
    scene.zhang.move_to(&state);
    scene.zhang.synchronise().await;
    let (again, data) = (scene.folder.path().join("again"), scene.folder.path().join("third"));
    backup::take(&state.config.data, &again, Evidence::Copied).await.expect("a backup");
    for (epoch, code) in
        [(2, "restore.epoch_too_low"), (0, "restore.epoch_too_low"), (u64::MAX, "restore.epoch_too_high")]
    {
        let refused = backup::restore(&again, &data, Some(epoch)).await.expect_err("a number of no use");
        assert!(refused.to_string().starts_with(code), "{refused:#}");
        assert!(!data.exists(), "it is told before anything is laid out");
    }
    let restored = backup::restore(&again, &data, None).await.expect("a restore");
    assert_eq!(restored.opening.epoch, 3);
    let third = AppState::open(config(data)).await.expect("a folder to serve").0;
    scene.zhang.answer(scene.task.visit, "1-2", 6);
    scene.zhang.move_to(&third);
    let effects = scene.zhang.synchronise().await.remove(0);
    assert_eq!(effects.epoch.map(|change| (change.opening.epoch, change.lost_from)), Some((3, None)));
    assert!(verdicts(&third, scene.task.visit).await.iter().all(|(verdict, _)| *verdict == ADMITTED));
    assert_verified(&third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_and_half_uploads_do_not_come_back() {
    let mut scene = scene().await;
    let blob = photo(&mut scene.zhang, scene.task.visit, b"half");
    scene.zhang.exchange().await;
    let begun = Uploads { office: &scene.office, phone: &scene.zhang }.create(blob.hash, 4).await;
    assert_eq!(begun.status, StatusCode::CREATED);
    scene.back_up().await;
    let uploads = async |data: &Path| -> i64 {
        let mut conn = crate::ledger::open(data).await;
        sqlx::query_scalar("SELECT COUNT(*) FROM upload").fetch_one(&mut conn).await.expect("a count")
    };
    assert_eq!(uploads(&scene.office.state().config.data).await, 1);
    let state = scene.restore().await;
    assert_eq!(uploads(&state.config.data).await, 0);
    let token = scene.office.deployment.token("zhang");
    let request = axum::http::Request::get("/api/v1/sessions/current")
        .header("authorization", format!("Bearer {token}"))
        .body(axum::body::Body::empty());
    let answer = tower::ServiceExt::oneshot(routes::router(state), request.expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_from_before_acts_were_listed_by_visit_is_restored() {
    let (data, _) = lived_in().await;
    let mut conn = crate::ledger::open(data.path()).await;
    sqlx::query("DELETE FROM act_about").execute(&mut conn).await.expect("forgotten");
    sqlx::Connection::close(conn).await.expect("closed");
    let folder = tempfile::tempdir().expect("a folder");
    let (to, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    backup::take(data.path(), &to, Evidence::Copied).await.expect("a backup");
    backup::restore(&to, &restored, None).await.expect("what can be filled in is no damage");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_nobody_opened_and_one_that_is_hidden_are_found() {
    let scene = scene().await;
    scene.back_up().await;
    let data = scene.folder.path().join("restored");
    backup::restore(&scene.backup(), &data, None).await.expect("a restore");
    let mut conn = crate::ledger::open(&data).await;
    for (change, undo) in [
        ("UPDATE log_epoch SET epoch = 3", "UPDATE log_epoch SET epoch = 2"),
        ("UPDATE log_epoch SET leaf = leaf - 1", "UPDATE log_epoch SET leaf = leaf + 1"),
        ("UPDATE ledger_head SET epoch = 1", "UPDATE ledger_head SET epoch = 2"),
        ("INSERT INTO log_epoch VALUES (3, 1)", "DELETE FROM log_epoch WHERE epoch = 3"),
    ] {
        sqlx::query(change).execute(&mut conn).await.expect("changed");
        let report = verify::check(&data).await.expect("a check");
        let named = |misfit: &verify::Misfit| {
            misfit.place.starts_with("log_epoch") || misfit.place.starts_with("ledger_head")
        };
        assert!(report.misfits.iter().any(named), "{change}: {report}");
        sqlx::query(undo).execute(&mut conn).await.expect("undone");
    }
    let report = verify::check(&data).await.expect("a check");
    assert!(report.verified, "everything was put back: {report}");
}
