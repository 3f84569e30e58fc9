//! Disagreements decided at the console: the phones, the ledger check and a second supervisor see it.

use crate::{
    deployment::{Answer, PASSWORD},
    ledger::open,
    office::{Issued, Office},
    phone::Phone,
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use liuhen_engine::{field::Scalar, wire};
use liuhen_inspection::conflict::Writers;
use liuhen_server::{
    acts::access::sessions::{self, Credentials},
    ledger::verify,
};
use liuhen_trace::{DeviceId, DocumentId, EntryKind};
use serde_json::{Value, json};

/// Two phones that wrote 4 and 9 on one item without knowing of each other.
struct Quarrel {
    office: Office,
    task: Issued,
    zhang: Phone,
    li: Phone,
}

impl Quarrel {
    async fn begin() -> Self {
        let mut office = Office::open().await;
        office.deployment.hire("zhao", &["supervisor"], None).await;
        let task = office.issue(&["zhang", "li"]).await;
        let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
        zhang.synchronise().await;
        li.synchronise().await;
        zhang.answer(task.visit, "1-2", 4);
        li.answer(task.visit, "1-2", 9);
        zhang.synchronise().await;
        li.synchronise().await;
        office.judged().await;
        Self { office, task, zhang, li }
    }

    async fn conflicts(&self) -> Vec<Value> {
        let view = self.office.view(self.task.visit).await;
        view["conflicts"].as_array().expect("a list").clone()
    }

    /// The values that disagree now, as a form would send them.
    async fn seen(&self) -> Vec<Value> {
        let conflicts = self.conflicts().await;
        let open = conflicts.iter().find(|conflict| conflict["state"] == "open").expect("an open one");
        open["values"].as_array().expect("a list").iter().map(|claim| claim["change"].clone()).collect()
    }

    async fn resolve(&self, login: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/visits/{}/resolutions", self.task.visit);
        self.office.deployment.post(login, &path, body).await
    }

    async fn choose(&self, login: &str, value: i64) -> Answer {
        let body = json!({ "path": "responses/1-2", "value": value, "seen": self.seen().await });
        self.resolve(login, &body).await
    }
}

/// What a phone shows on the disputed item: the values, and whether they disagree.
fn shown(phone: &Phone, visit: DocumentId) -> (Vec<Scalar>, usize) {
    let fields = phone.documents[&visit].fields();
    let path = liuhen_engine::shape::Path::field("responses", "1-2");
    let values = fields[&path].current.iter().map(|written| written.value.clone()).collect();
    let open = liuhen_inspection::conflict::conflicts(&fields, &Writers::new())
        .into_iter()
        .filter(|conflict| conflict.chosen.is_none())
        .count();
    (values, open)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_decides_and_every_phone_and_the_ledger_check_take_it() {
    let mut quarrel = Quarrel::begin().await;
    let visit = quarrel.task.visit;
    quarrel.zhang.synchronise().await;
    assert_eq!(shown(&quarrel.zhang, visit).1, 1, "the phones see that they disagree");
    let decided = quarrel.choose("wang", 9).await.created();
    assert_eq!((&decided["value"], &decided["admitted"]), (&json!(9), &json!(true)), "{decided}");
    assert_eq!(decided["name"], "wang 同志");
    let conflicts = quarrel.conflicts().await;
    assert_eq!(conflicts[0]["state"], "resolved");
    assert_eq!(conflicts[0]["chosen"]["author"]["name"], "wang 同志");
    for phone in [&mut quarrel.zhang, &mut quarrel.li] {
        phone.synchronise().await;
        assert_eq!(shown(phone, visit), (vec![Scalar::Int(9)], 0), "decided on the phone, too");
    }
    let mut late = quarrel.office.phone("zhang", 3).await;
    late.synchronise().await;
    assert_eq!(shown(&late, visit), (vec![Scalar::Int(9)], 0), "a phone that begins gets it as a backfill");
    quarrel.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_wrote_without_knowing_of_the_decision_is_a_new_disagreement() {
    let mut quarrel = Quarrel::begin().await;
    let visit = quarrel.task.visit;
    quarrel.zhang.synchronise().await;
    quarrel.zhang.answer(visit, "1-2", 6);
    quarrel.choose("wang", 9).await.created();
    quarrel.zhang.synchronise().await;
    quarrel.office.judged().await;
    let states: Vec<Value> =
        quarrel.conflicts().await.iter().map(|conflict| conflict["state"].clone()).collect();
    assert!(states.contains(&json!("open")) && states.contains(&json!("resolved")), "{states:?}");
    let again = quarrel.choose("wang", 6).await.created();
    assert_eq!(again["seq"], 1, "the second entry of the same desk: {again}");
    quarrel.li.synchronise().await;
    assert_eq!(shown(&quarrel.li, visit), (vec![Scalar::Int(6)], 0));
    quarrel.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_tap_is_one_decision_and_another_supervisor_is_told_that_it_is_decided() {
    let quarrel = Quarrel::begin().await;
    let seen = quarrel.seen().await;
    let body = |value: i64| json!({ "path": "responses/1-2", "value": value, "seen": seen.clone() });
    let (nine, four) = (body(9), body(4));
    let taps = futures::future::join3(
        quarrel.resolve("wang", &nine),
        quarrel.resolve("wang", &nine),
        quarrel.resolve("zhao", &four),
    );
    let (first, second, other) = taps.await;
    match other.status {
        StatusCode::CREATED => {
            assert_eq!(first.problem(409), "conflict.decided");
            assert_eq!(second.problem(409), "conflict.decided");
        }
        _ => {
            assert_eq!(other.problem(409), "conflict.decided");
            assert_eq!(first.created(), second.created(), "two taps, one entry");
        }
    }
    let resolved = quarrel.conflicts().await.iter().filter(|found| found["state"] == "resolved").count();
    assert_eq!(resolved, 1);
    let answers = [quarrel.resolve("wang", &nine).await.status, quarrel.resolve("zhao", &four).await.status];
    assert!(answers.contains(&StatusCode::CREATED) && answers.contains(&StatusCode::CONFLICT), "{answers:?}");
    quarrel.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_over_a_value_they_have_not_seen_or_without_a_reason_for_a_new_one() {
    let mut quarrel = Quarrel::begin().await;
    let seen = quarrel.seen().await;
    let mut third = quarrel.office.phone("zhang", 3).await;
    let body = |path: &str, value: Value, seen: &[Value], reason: Option<&str>| json!({ "path": path, "value": value, "seen": seen, "reason": reason });
    let partly = body("responses/1-2", json!(9), &seen[..1], None);
    assert_eq!(quarrel.resolve("wang", &partly).await.problem(409), "conflict.changed");
    let unfounded = body("responses/1-2", json!(5), &seen, None);
    assert_eq!(quarrel.resolve("wang", &unfounded).await.problem(409), "conflict.reason_missing");
    let misfit = body("responses/1-2", json!("cold"), &seen, Some("读数不清"));
    assert_eq!(quarrel.resolve("wang", &misfit).await.problem(422), "visit.wrong_value");
    for path in ["responses/1-1", "responses/nowhere", "", "/", "a/b/c/d"] {
        let elsewhere = body(path, json!(9), &seen, None);
        assert_eq!(quarrel.resolve("wang", &elsewhere).await.problem(404), "conflict.unknown", "{path:?}");
    }
    for login in ["zhang", "shen", "admin"] {
        let chosen = body("responses/1-2", json!(9), &seen, None);
        assert_eq!(quarrel.resolve(login, &chosen).await.problem(403), "access.denied", "{login}");
    }
    let without = json!({ "path": "responses/1-2", "seen": seen });
    assert_eq!(quarrel.resolve("wang", &without).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let measured = body("responses/1-2", json!(5), &seen, Some("复测为 5 度"));
    quarrel.resolve("wang", &measured).await.created();
    quarrel.li.synchronise().await;
    third.synchronise().await;
    assert_eq!(shown(&third, quarrel.task.visit), (vec![Scalar::Int(5)], 0));
    quarrel.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_after_the_seal_is_a_supplement() {
    let mut quarrel = Quarrel::begin().await;
    quarrel.zhang.synchronise().await;
    quarrel.zhang.seal(quarrel.task.visit, false);
    quarrel.zhang.synchronise().await;
    quarrel.office.judged().await;
    let decided = quarrel.choose("wang", 4).await.created();
    let view = quarrel.office.view(quarrel.task.visit).await;
    let supplements = view["supplements"].as_array().expect("a list");
    assert_eq!(supplements.len(), 1, "{view}");
    assert_eq!(supplements[0]["change"], decided["change"]);
    quarrel.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_that_was_revoked_is_replaced_and_its_key_is_not_heard_over_the_network() {
    let mut quarrel = Quarrel::begin().await;
    let account = quarrel.office.deployment.account("wang").await;
    quarrel.zhang.synchronise().await;
    quarrel.zhang.answer(quarrel.task.visit, "1-2", 6);
    let first = quarrel.choose("wang", 9).await.created();
    let key = quarrel.office.state().ledger.desk_key(&account, 0);
    let mut thief = quarrel.office.phone("zhang", 9).await;
    thief.key = key;
    thief.device = DeviceId::derive(&thief.key.public());
    let body = thief.body(Some(quarrel.task.visit));
    thief.append(EntryKind::CheckIn, body, None);
    thief.cut();
    let request = wire::pack(&thief.request());
    let signed = thief.signed("POST", wire::EXCHANGE_PATH, &[], request);
    assert_eq!(quarrel.office.send(signed).await.problem(403), "device.desk");
    let mut carrier = quarrel.office.phone("li", 8).await;
    carrier.unsent.clone_from(&thief.unsent);
    let effects = carrier.exchange().await;
    assert_eq!(effects.refused[0].code, "device.desk");

    let path = format!("/api/v1/devices/{}/revocation", thief.device);
    quarrel.office.deployment.post("admin", &path, &json!({ "reason": "更换" })).await.ok();
    quarrel.zhang.synchronise().await;
    quarrel.office.judged().await;
    let second = quarrel.choose("wang", 6).await.created();
    assert_eq!((&first["seq"], &second["seq"]), (&json!(0), &json!(0)));
    assert_ne!(first["chain"], second["chain"], "a desk of its own");
    quarrel.li.synchronise().await;
    assert_eq!(shown(&quarrel.li, quarrel.task.visit), (vec![Scalar::Int(6)], 0));
    quarrel.office.deployment.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_is_told_from_a_phone_in_the_list_of_devices() {
    let quarrel = Quarrel::begin().await;
    quarrel.choose("wang", 9).await.created();
    let listed = quarrel.office.deployment.get("admin", "/api/v1/devices").await.ok();
    let wang = quarrel.office.deployment.account("wang").await;
    let devices = listed["items"].as_array().expect("a list");
    assert!(devices.len() > 1);
    for device in devices {
        assert_eq!(device["desk"], device["account"] == *wang, "{device}");
    }
    let given = Credentials { login: "admin".into(), password: PASSWORD.into(), code: None };
    let session = sessions::sign_in_at_console(quarrel.office.state(), given).await.expect("a sign-in");
    let cookie = format!("liuhen_console={}", session.token);
    let request = Request::get("/console/devices").header(header::COOKIE, cookie);
    let page = quarrel.office.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(page.body.as_str().expect("a page").matches(">办公端<").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_check_names_every_tampered_row_of_a_decision() {
    let quarrel = Quarrel::begin().await;
    let decided = quarrel.choose("wang", 9).await.created();
    let leaf = decided["leaf"].as_i64().expect("a leaf");
    let folder = quarrel.office.deployment.close().await;
    let tampered = [
        format!("UPDATE entry SET body = body || x'00' WHERE leaf = {leaf}"),
        format!("UPDATE entry SET change = NULL WHERE leaf = {leaf}"),
        format!("UPDATE entry SET kind = 1 WHERE leaf = {leaf}"),
        format!("UPDATE entry SET verdict = 3, code = 'access.never_assigned' WHERE leaf = {leaf}"),
        format!("UPDATE segment SET signature = zeroblob(64) WHERE leaf = {leaf}"),
        format!("DELETE FROM act WHERE leaf = {leaf} + 1"),
        format!("UPDATE act SET body = body || x'00' WHERE leaf = {leaf} + 1"),
        "UPDATE device SET name = 'phone' WHERE name LIKE '%Desk'".to_owned(),
        "DELETE FROM device WHERE name LIKE '%Desk'".to_owned(),
    ];
    for change in tampered {
        let copy = tempfile::tempdir().expect("a folder");
        copy_folder(folder.path(), copy.path());
        let mut conn = open(copy.path()).await;
        sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(&mut conn).await.expect("changed");
        let report = verify::check(copy.path()).await.expect("a check");
        assert!(!report.verified, "{change} went unseen");
    }
    assert!(verify::check(folder.path()).await.expect("a check").verified);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy_folder(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("a copy")),
        }
    }
}
