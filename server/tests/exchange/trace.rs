//! The trace of a visit: every entry and every act, verified as it is read.

use crate::{
    evidence::{photo, upload},
    ledger::open,
    office::{Issued, Office},
};
use liuhen_inspection::task::Step;
use liuhen_trace::EntryKind;
use serde_json::{Value, json};

async fn busy_visit() -> (Office, Issued) {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    zhang.synchronise().await;
    li.synchronise().await;
    zhang.step(task.visit, Step::Opened);
    zhang.answer(task.visit, "1-2", 4);
    li.answer(task.visit, "1-2", 9);
    photo(&mut zhang, task.visit, b"picture");
    zhang.exchange().await;
    upload(&office, &zhang, b"picture").await;
    li.exchange().await;
    office.judged().await;
    let mut stranger = office.phone("zhang", 5).await;
    stranger.synchronise().await;
    office.reassign(&task, &["zhang"]).await;
    li.synchronise().await;
    li.append(EntryKind::CheckIn, li.body(Some(task.visit)), None);
    li.exchange().await;
    let visit = office.view(task.visit).await;
    let open = &visit["conflicts"][0];
    let seen: Vec<&Value> =
        open["values"].as_array().expect("values").iter().map(|claim| &claim["change"]).collect();
    let body = json!({ "path": open["path"], "value": 9, "seen": seen });
    let path = format!("/api/v1/visits/{}/resolutions", task.visit);
    office.deployment.post("wang", &path, &body).await.created();
    zhang.synchronise().await;
    zhang.seal(task.visit, false);
    zhang.synchronise().await;
    office.judged().await;
    let path = format!("/api/v1/visits/{}/reviews", task.visit);
    office.deployment.post("wang", &path, &json!({ "outcome": "accepted" })).await.created();
    (office, task)
}

async fn trace(office: &Office, task: &Issued, query: &str) -> Value {
    let path = format!("/api/v1/visits/{}/trace{query}", task.visit);
    office.deployment.get("wang", &path).await.ok()
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().expect("a list")
}

fn failed(page: &Value) -> Vec<(i64, Vec<String>)> {
    let lines = items(page).iter().filter(|line| line["verification"]["passed"] == false);
    lines
        .map(|line| {
            let checks = line["verification"]["checks"].as_array().expect("checks");
            let failed = checks.iter().filter(|check| check["passed"] == false);
            let names = failed.map(|check| check["what"].as_str().expect("a name").to_owned());
            (line["leaf"].as_i64().expect("a leaf"), names.collect())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_and_every_act_stands_in_the_order_of_the_log_and_is_verified() {
    let (office, task) = busy_visit().await;
    let page = trace(&office, &task, "").await;
    let kinds: Vec<&str> = items(&page).iter().map(|line| line["kind"].as_str().expect("a kind")).collect();
    for kind in [
        "task.issued",
        "receipt",
        "edit",
        "capture",
        "task.advanced",
        "evidence.held",
        "task.reassigned",
        "entry.quarantined",
        "resolution",
        "conflict.resolved",
        "seal",
        "visit.reviewed",
    ] {
        assert!(kinds.contains(&kind), "{kind} is missing: {kinds:?}");
    }
    assert_eq!(failed(&page), [], "{page:#}");
    let places: Vec<(i64, i64)> = items(&page)
        .iter()
        .map(|line| (line["leaf"].as_i64().expect("a leaf"), line["seq"].as_i64().unwrap_or(-1)))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    for line in items(&page) {
        let (when, who) = (&line["when"], &line["who"]);
        assert!(
            when["after_ms"].as_i64().unwrap_or(0) <= when["before_ms"].as_i64().expect("a time"),
            "{line}"
        );
        match line["kind"].as_str() {
            Some("edit") => {
                assert_eq!((&who["certificate_no"], &who["desk"]), (&json!("GA-1"), &json!(false)))
            }
            Some("resolution") => {
                assert_eq!((&who["name"], &who["desk"]), (&json!("wang 同志"), &json!(true)))
            }
            Some("task.issued" | "conflict.resolved") => assert_eq!(who["name"], "wang 同志"),
            Some("evidence.held") => assert_eq!(who, &Value::Null),
            _ => {}
        }
    }
    let mut paged = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = trace(&office, &task, &query).await;
        paged.extend(items(&page).clone());
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=3&cursor={next}"),
            None => break,
        }
    }
    let plain = |lines: &[Value]| -> Vec<Value> { lines.iter().map(|line| line["leaf"].clone()).collect() };
    assert_eq!(plain(&paged), plain(items(&page)), "the pages together are the whole");
    let aside = trace(&office, &task, "?not_admitted=true").await;
    assert!(items(&aside).iter().all(|line| line["entry"]["verdict"] == "quarantined"), "{aside:#}");
    assert_eq!(items(&aside).len(), 1);
    office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_tampered_with_is_shown_as_failed_and_the_page_is_shown() {
    let (office, task) = busy_visit().await;
    let untouched = trace(&office, &task, "").await;
    let lines = items(&untouched).len();
    let leaf_of = |kind: &str| {
        let line = items(&untouched).iter().find(|line| line["kind"] == kind).expect("such a line");
        line["leaf"].as_i64().expect("a leaf")
    };
    let (edit, act) = (leaf_of("edit"), leaf_of("task.reassigned"));
    let tampered = [
        (format!("UPDATE entry SET body = body || x'00' WHERE leaf = {edit}"), edit, "content"),
        (format!("UPDATE entry SET hash = zeroblob(32) WHERE leaf = {edit}"), edit, "signature"),
        (format!("UPDATE entry SET kind = 99 WHERE leaf = {edit}"), edit, "content"),
        (format!("UPDATE entry SET salt = 'not bytes' WHERE leaf = {edit}"), edit, "content"),
        (format!("UPDATE segment SET signature = zeroblob(64) WHERE leaf = {edit}"), edit, "signature"),
        (format!("UPDATE segment SET header = x'00' WHERE leaf = {edit}"), edit, "leaf"),
        (format!("UPDATE act SET body = x'00' WHERE leaf = {act}"), act, "content"),
        (format!("DELETE FROM act WHERE leaf = {act}"), act, "content"),
        (format!("UPDATE ledger_leaf SET bytes = bytes || x'00' WHERE leaf = {act}"), act, "inclusion"),
        (format!("UPDATE ledger_leaf SET hash = zeroblob(32) WHERE leaf = {act}"), act, "leaf"),
        ("UPDATE device SET signed_grant = zeroblob(80)".to_owned(), edit, "grant"),
        ("UPDATE ledger_node SET hash = zeroblob(32) WHERE level = 2".to_owned(), act, "inclusion"),
    ];
    let mut conn = open(office.deployment.folder.path()).await;
    for (change, leaf, check) in tampered {
        sqlx::query("ATTACH DATABASE ':memory:' AS kept").execute(&mut conn).await.expect("attached");
        for table in ["entry", "segment", "act", "ledger_leaf", "ledger_node", "device"] {
            let copy = format!("CREATE TABLE kept.{table} AS SELECT * FROM main.{table}");
            sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&mut conn).await.expect("kept");
        }
        sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(&mut conn).await.expect("changed");
        let page = trace(&office, &task, "").await;
        assert_eq!(items(&page).len(), lines, "{change}");
        let failed = failed(&page);
        assert!(
            failed.iter().any(|(at, checks)| *at == leaf && checks.iter().any(|known| known == check)),
            "{change}: {failed:?}"
        );
        for table in ["entry", "segment", "act", "ledger_leaf", "ledger_node", "device"] {
            let back = format!("REPLACE INTO main.{table} SELECT * FROM kept.{table}");
            sqlx::query(sqlx::AssertSqlSafe(back)).execute(&mut conn).await.expect("put back");
        }
        sqlx::query("DETACH DATABASE kept").execute(&mut conn).await.expect("detached");
    }
    assert_eq!(failed(&trace(&office, &task, "").await), [], "everything was put back");
    drop(conn);
    office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_learns_which_acts_speak_of_a_visit() {
    let (office, task) = busy_visit().await;
    let before = trace(&office, &task, "").await;
    let folder = office.deployment.close().await;
    let mut conn = open(folder.path()).await;
    sqlx::query("DELETE FROM act_about").execute(&mut conn).await.expect("forgotten");
    drop(conn);
    let config = liuhen_server::config::Config::new(folder.path().to_owned());
    let (state, background) = liuhen_server::AppState::open(config).await.expect("opened");
    state.close(background).await.expect("closed");
    let report = liuhen_server::ledger::verify::check(folder.path()).await.expect("a check");
    assert!(report.verified, "{report}");
    assert!(items(&before).len() > 10);
}
