//! From the registers to the review.

use crate::deployment::Deployment;
use axum::http::StatusCode;
use futures::FutureExt as _;
use liuhen_server::{
    ApiError, AppState,
    acts::tasks,
    ledger::NewAct,
    store::{self, CommittedRow as _},
};
use serde_json::{Value, json};

pub fn checklist(version: u32, title: &str) -> Value {
    json!({
        "code": "food-safety", "version": version, "title": title,
        "items": [
            { "code": "1-1", "text": "食品经营许可证是否在有效期内", "response": { "type": "bool" } },
            { "code": "1-2", "text": "冷藏温度", "response": { "type": "int" } },
        ],
    })
}

/// A staffed deployment with one subject and one checklist.
pub struct Office {
    pub deployment: Deployment,
    pub subject: String,
    pub checklist: String,
    pub zhang: String,
    pub li: String,
}

impl Office {
    pub async fn open() -> Self {
        let deployment = Deployment::staffed().await;
        let subject = json!({
            "name": "某餐馆", "address": "人民路 1 号", "code": "92110000X", "latitude": 39.9, "longitude": 116.4,
        });
        let subject = deployment.post("wang", "/api/v1/subjects", &subject).await.created();
        let checklist =
            deployment.post("wang", "/api/v1/checklists", &checklist(1, "食品安全")).await.created();
        Self {
            subject: id(&subject["items"][0]["id"]),
            checklist: id(&checklist["hash"]),
            zhang: deployment.account("zhang").await,
            li: deployment.account("li").await,
            deployment,
        }
    }

    pub fn task(&self, assignees: &[&String]) -> Value {
        json!({
            "subject": self.subject, "checklist": self.checklist, "assignees": assignees,
            "instructions": "先看冷库", "due_on": "2026-12-31",
        })
    }

    pub async fn issue(&self, assignees: &[&String]) -> Value {
        let answer = self.deployment.post("wang", "/api/v1/tasks", &self.task(assignees)).await;
        answer.created()["items"][0].clone()
    }
}

pub fn id(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}

/// As the exchange does when an assignee's seal is admitted.
async fn mark_done(state: &AppState, task: &Value) {
    let task = id(task);
    let done = state.ledger.commit(move |tx| {
        async move {
            let row = store::tasks::by_id(tx.conn(), &task).await?;
            let row = row.ok_or_else(|| ApiError::not_found("task.unknown", task))?;
            let row = store::tasks::TaskRow { state: "done".into(), ended_at_ms: Some(tx.now_ms()), ..row };
            store::tasks::save_state(tx.conn(), &row).await?;
            let assignees = store::task_assignees::of_task(tx.conn(), &row.id).await?;
            let leaf = tx.next_leaf();
            tasks::tell(tx.conn(), leaf, tasks::visit_of(&row.visit)?, &assignees).await?;
            let (detail, rows) = (json!({}), vec![row.commitment()]);
            tx.act(NewAct { kind: "task.advanced", actor: None, detail, rows, blobs: Vec::new() }).await
        }
        .boxed()
    });
    done.await.expect("a commit");
}

#[tokio::test]
async fn a_checklist_version_is_registered_once_and_never_changes() {
    let deployment = Deployment::staffed().await;
    let first = deployment.post("wang", "/api/v1/checklists", &checklist(1, "食品安全")).await.created();
    let again = deployment.post("wang", "/api/v1/checklists", &checklist(1, "食品安全")).await.created();
    assert_eq!(first, again);
    let other = deployment.post("wang", "/api/v1/checklists", &checklist(1, "食品安全（改）")).await;
    assert_eq!(other.problem(409), "checklist.version_taken");
    deployment.post("wang", "/api/v1/checklists", &checklist(2, "食品安全（改）")).await.created();
    let bad = json!({ "code": "a b", "version": 1, "title": "x", "items": [] });
    assert_eq!(deployment.post("wang", "/api/v1/checklists", &bad).await.problem(422), "checklist.bad_code");
    let shown = deployment.get("zhang", &format!("/api/v1/checklists/{}", id(&first["hash"]))).await.ok();
    assert_eq!(shown["checklist"]["items"][0]["code"], "1-1");
}

#[tokio::test]
async fn an_issued_task_shows_subject_people_and_visit() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    assert_eq!(task["state"], "issued");
    assert_eq!(task["subject"]["name"], "某餐馆");
    assert_eq!(task["subject"]["latitude_e7"], 399_000_000);
    assert_eq!(task["checklist"]["hash"], office.checklist);
    assert_eq!(task["assignees"][0]["account"], office.zhang);
    assert_eq!(task["assignees"][0]["department"], "市局");

    let path = format!("/api/v1/tasks/{}", id(&task["id"]));
    assert_eq!(office.deployment.get("zhang", &path).await.ok(), task);
    let visit = format!("/api/v1/visits/{}", id(&task["visit"]));
    let shown = office.deployment.get("li", &visit).await.ok();
    assert_eq!(shown["visit"], task["visit"]);
    assert_eq!(shown["conflicts"], json!([]));
    let trace = office.deployment.get("wang", &format!("{visit}/trace")).await.ok();
    assert_eq!(
        (&trace["items"][0]["kind"], &trace["items"][0]["who"]["name"]),
        (&json!("task.issued"), &json!("wang 同志"))
    );
    assert_eq!((trace["items"].as_array().map(Vec::len), &trace["next"]), (Some(1), &Value::Null));
    office.deployment.close().await;
}

#[tokio::test]
async fn tasks_are_issued_all_or_none_and_each_mistake_has_its_code() {
    let office = Office::open().await;
    let (wang, stranger) = (office.deployment.account("wang").await, "0".repeat(32));
    let with = |key: &str, value: Value| {
        let mut task = office.task(&[&office.zhang]);
        task[key] = value;
        task
    };
    let refused = [
        (with("subject", json!(stranger)), "task.unknown_subject", 404),
        (with("checklist", json!(stranger)), "task.unknown_checklist", 404),
        (with("assignees", json!([])), "task.no_assignee", 422),
        (with("assignees", json!([office.zhang, office.zhang])), "task.duplicate_assignee", 422),
        (with("assignees", json!([stranger])), "task.unknown_assignee", 404),
        (with("assignees", json!([wang])), "task.assignee_not_inspector", 409),
        (with("due_on", json!("2026-02-30")), "date.malformed", 422),
        (with("instructions", json!("长".repeat(9_000))), "text.too_long", 422),
        (with("colour", json!("red")), "request.wrong_shape", 422),
    ];
    for (bad, code, status) in refused {
        let both = json!([office.task(&[&office.zhang]), bad]);
        let answer = office.deployment.post("wang", "/api/v1/tasks", &both).await;
        assert_eq!(answer.problem(status), code, "{bad}");
    }
    let none = office.deployment.post("wang", "/api/v1/tasks", &json!([])).await;
    assert_eq!(none.problem(422), "task.wrong_count");
    assert_eq!(office.deployment.get("wang", "/api/v1/tasks").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn a_reassigned_task_is_lost_to_one_and_held_by_the_other() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang]).await;
    let path = format!("/api/v1/tasks/{}", id(&task["id"]));
    let wish = json!({ "assignees": [office.li], "reason": "请假" });
    let denied = office.deployment.post("zhang", &format!("{path}/assignment"), &wish).await;
    assert_eq!(denied.problem(403), "access.denied");

    let changed = office.deployment.post("wang", &format!("{path}/assignment"), &wish).await.ok();
    assert_eq!(changed["assignees"][0]["account"], office.li);
    assert_eq!(changed["assignments"][1]["account"], office.zhang);
    assert!(changed["assignments"][1]["left_leaf"].is_i64());
    assert_eq!(office.deployment.get("zhang", &path).await.problem(403), "access.denied");
    assert_eq!(office.deployment.get("zhang", "/api/v1/tasks").await.ok()["items"], json!([]));
    office.deployment.get("li", &path).await.ok();

    let size = office.deployment.state.ledger.latest().state.size;
    office.deployment.post("wang", &format!("{path}/assignment"), &wish).await.ok();
    assert_eq!(office.deployment.state.ledger.latest().state.size, size, "the same list is no act");
    office.deployment.close().await;
}

#[tokio::test]
async fn a_recalled_task_is_nobodys_and_is_not_recalled_twice() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    let path = format!("/api/v1/tasks/{}", id(&task["id"]));
    let recall = json!({ "reason": "重复派发" });
    let recalled = office.deployment.post("wang", &format!("{path}/recall"), &recall).await.ok();
    assert_eq!((&recalled["state"], &recalled["assignees"]), (&json!("recalled"), &json!([])));
    assert_eq!(recalled["recall_reason"], "重复派发");
    let again = office.deployment.post("wang", &format!("{path}/recall"), &recall).await;
    assert_eq!(again.problem(409), "task.already_recalled");
    let wish = json!({ "assignees": [office.li], "reason": "再派" });
    let late = office.deployment.post("wang", &format!("{path}/assignment"), &wish).await;
    assert_eq!(late.problem(409), "task.already_recalled");
    let unknown = office.deployment.post("wang", "/api/v1/tasks/00/recall", &recall).await;
    assert_eq!(unknown.problem(404), "task.unknown");
    office.deployment.close().await;
}

#[tokio::test]
async fn a_visit_is_reviewed_once_its_record_is_sealed() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang]).await;
    let path = format!("/api/v1/visits/{}/reviews", id(&task["visit"]));
    let accepted = json!({ "outcome": "accepted" });
    let early = office.deployment.post("wang", &path, &accepted).await;
    assert_eq!(early.problem(409), "review.not_sealed");

    mark_done(&office.deployment.state, &task["id"]).await;
    assert_eq!(office.deployment.post("zhang", &path, &accepted).await.problem(403), "access.denied");
    let silent = office.deployment.post("wang", &path, &json!({ "outcome": "returned" })).await;
    assert_eq!(silent.problem(422), "text.empty");
    let returned = json!({ "outcome": "returned", "opinion": "缺冷库照片" });
    office.deployment.post("wang", &path, &returned).await.created();
    let shown = office.deployment.get("zhang", &format!("/api/v1/tasks/{}", id(&task["id"]))).await.ok();
    assert_eq!(shown["review"]["comment"], "缺冷库照片");
    office.deployment.post("wang", &path, &accepted).await.created();
    let all = office.deployment.get("shen", &path).await.ok();
    let outcomes: Vec<&Value> =
        all["items"].as_array().expect("a list").iter().map(|r| &r["outcome"]).collect();
    assert_eq!(outcomes, [&json!("returned"), &json!("accepted")]);

    let recall = json!({ "reason": "x" });
    let late =
        office.deployment.post("wang", &format!("/api/v1/tasks/{}/recall", id(&task["id"])), &recall).await;
    assert_eq!(late.problem(409), "task.already_done");
    office.deployment.close().await;
}

#[tokio::test]
async fn lists_are_read_page_by_page_without_gap_or_double() {
    let office = Office::open().await;
    let subjects: Vec<Value> = (0..7).map(|n| json!({ "name": format!("餐馆 {n}") })).collect();
    office.deployment.post("wang", "/api/v1/subjects", &json!(subjects)).await.created();
    let tasks: Vec<Value> = (0..150).map(|_| office.task(&[&office.zhang])).collect();
    office.deployment.post("wang", "/api/v1/tasks", &json!(tasks)).await.created();
    for (path, expected) in
        [("subjects?limit=3", 8), ("tasks?limit=64", 150), ("tasks?state=issued&limit=50", 150)]
    {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = office.deployment.get("wang", &format!("/api/v1/{path}{cursor}")).await.ok();
            seen.extend(page["items"].as_array().expect("a list").iter().map(|item| id(&item["id"])));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), count), (expected, expected), "{path}");
    }
    assert_eq!(office.deployment.get("li", "/api/v1/tasks").await.ok()["items"], json!([]));
    let other = format!("/api/v1/tasks?assignee={}", office.zhang);
    assert_eq!(office.deployment.get("li", &other).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        office.deployment.get("wang", "/api/v1/tasks?state=lost").await.problem(400),
        "request.wrong_query"
    );
    assert_eq!(
        office.deployment.get("wang", "/api/v1/tasks?limit=0").await.problem(400),
        "request.wrong_query"
    );
}
