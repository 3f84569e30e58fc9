//! The register of inspected parties: search, changes, and the dossier.

use crate::{casework::Office, deployment::Deployment};
use serde_json::{Value, json};

async fn register(deployment: &Deployment, subjects: Value) -> Vec<String> {
    let list = deployment.post("wang", "/api/v1/subjects", &subjects).await.created();
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

async fn names(deployment: &Deployment, query: &str) -> Vec<String> {
    let list = deployment.get("zhang", &format!("/api/v1/subjects?{query}")).await.ok();
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_search_finds_names_codes_and_addresses_as_they_are_typed() {
    let deployment = Deployment::staffed().await;
    let subjects = json!([
        { "name": "某某餐馆（北店）", "address": "人民路1号", "code": "91350100M000100Y43" },
        { "name": "Coffee 50%_off", "address": "Main Street 2" },
        { "name": "Coffee 500 off", "address": "人民路3号" },
    ]);
    register(&deployment, subjects).await;
    assert_eq!(names(&deployment, "q=%E5%8C%97%E5%BA%97").await, ["某某餐馆（北店）"]);
    assert_eq!(names(&deployment, "q=m000100y").await, ["某某餐馆（北店）"]);
    assert_eq!(names(&deployment, "q=main%20street").await, ["Coffee 50%_off"]);
    assert_eq!(names(&deployment, "q=50%25_").await, ["Coffee 50%_off"], "signs of patterns are signs");
    assert_eq!(names(&deployment, "q=COFFEE&limit=1").await, ["Coffee 50%_off"]);
    assert_eq!(names(&deployment, "q=%20").await.len(), 3);
    let long = deployment.get("zhang", &format!("/api/v1/subjects?q={}", "a".repeat(65))).await;
    assert_eq!(long.problem(400), "request.wrong_query");
}

#[tokio::test]
async fn a_change_keeps_what_was_before_and_the_ledger_knows_both() {
    let deployment = Deployment::staffed().await;
    let subject = json!({ "name": "甲店", "latitude": 26.08, "longitude": 119.3, "source_datum": "GCJ-02" });
    let id = register(&deployment, subject).await.remove(0);
    let path = format!("/api/v1/subjects/{id}");
    let patch = async |body: Value| deployment.send("wang", "PATCH", &path, Some(&body)).await;
    let leaves = deployment.state.ledger.latest().state.size;
    let same = patch(json!({ "name": "甲店" })).await.ok();
    assert_eq!((same["name"].as_str(), deployment.state.ledger.latest().state.size), (Some("甲店"), leaves));
    let changed = patch(json!({ "name": "乙店", "phone": "5" })).await.ok();
    assert_eq!((changed["name"].as_str(), changed["source_datum"].as_str()), (Some("乙店"), Some("GCJ-02")));
    let moved =
        patch(json!({ "place": { "kind": "moved", "latitude": 26.1, "longitude": 119.3 } })).await.ok();
    assert_eq!((moved["latitude"].as_f64(), moved["source_datum"].as_str()), (Some(26.1), Some("WGS-84")));
    let gone = patch(json!({ "place": { "kind": "removed" } })).await.ok();
    assert!(gone["latitude"].is_null() && gone["source_datum"].is_null());
    assert_eq!(patch(json!({ "name": " " })).await.problem(422), "text.empty");
    assert_eq!(patch(json!({ "nam": "x" })).await.problem(422), "request.wrong_shape");
    for login in ["zhang", "shen"] {
        let denied = deployment.send(login, "PATCH", &path, Some(&json!({ "name": "x" }))).await;
        assert_eq!(denied.problem(403), "access.denied");
    }
    let unknown = deployment.send("wang", "PATCH", "/api/v1/subjects/none", Some(&json!({}))).await;
    assert_eq!(unknown.problem(404), "subject.unknown");
    let dossier = deployment.get("zhang", &format!("{path}/dossier")).await.ok();
    let versions = dossier["versions"].as_array().expect("versions");
    let told: Vec<_> =
        versions.iter().map(|it| (it["version"].as_i64(), it["subject"]["name"].as_str())).collect();
    assert_eq!(
        told,
        [(Some(4), Some("乙店")), (Some(3), Some("乙店")), (Some(2), Some("乙店")), (Some(1), Some("甲店"))]
    );
    assert_eq!(versions[3]["replaced_by"], "wang 同志");
    assert_eq!(versions[3]["until_ms"], versions[2]["from_ms"]);
    assert!(versions[0]["until_ms"].is_null());
    deployment.close().await;
}

#[tokio::test]
async fn a_dossier_shows_the_casework_that_its_reader_may_read() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang]).await;
    let subject = task["subject"]["id"].as_str().expect("an id");
    let path = format!("/api/v1/subjects/{subject}/dossier");
    let of = async |login: &str| office.deployment.get(login, &path).await.ok();
    for login in ["wang", "zhang", "shen"] {
        let dossier = of(login).await;
        assert_eq!(dossier["tasks"][0]["task"]["id"], task["id"], "{login}");
        assert_eq!(
            (dossier["open_corrections"].as_i64(), dossier["has_more_tasks"].as_bool()),
            (Some(0), Some(false))
        );
    }
    assert_eq!(of("li").await["tasks"], json!([]), "not their task");
    let unknown = office.deployment.get("wang", "/api/v1/subjects/none/dossier").await;
    assert_eq!(unknown.problem(404), "subject.unknown");
}
