//! Dispatch, re-assignment and recall, by their forms.

use super::{Browser, hidden, html, location, page};
use crate::casework::Office;
use axum::http::StatusCode;

/// The id behind `/console/tasks/`.
fn task_in(location: &str) -> &str {
    let rest = location.strip_prefix("/console/tasks/").expect("a task's page");
    rest.split('?').next().unwrap_or_default()
}

#[tokio::test]
async fn a_task_is_dispatched_once_however_often_the_form_is_sent() {
    let office = Office::open().await;
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let found = browser.get("/console/tasks/new?q=%E9%A4%90%E9%A6%86").await;
    let link = format!("/console/tasks/new?subject={}", office.subject);
    assert!(page(&found).contains(&link), "found by a part of its name");
    let form = browser.get(&link).await;
    let once = hidden(page(&form), "once").to_owned();
    let fields = [
        ("once", once.as_str()),
        ("subject", &office.subject),
        ("checklist", &office.checklist),
        ("lead", &office.zhang),
        ("others", &office.li),
        ("due_on", "2030-01-31"),
        ("instructions", "先看冷库"),
    ];
    let first = browser.post("/console/tasks/new", &fields).await;
    let again = browser.post("/console/tasks/new", &fields).await;
    assert_eq!(location(&first), location(&again));
    let tasks = office.deployment.get("wang", "/api/v1/tasks").await.ok();
    assert_eq!(tasks["items"].as_array().expect("a list").len(), 1);
    assert_eq!(tasks["items"][0]["assignees"][0]["account"], office.zhang, "who leads comes first");
    let shown = browser.get(location(&first)).await;
    for text in ["任务已下发", "先看冷库", "2030-01-31", "zhang 同志", "li 同志"] {
        assert!(page(&shown).contains(text), "{text}");
    }
    office.deployment.close().await;
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_with_what_was_entered() {
    let office = Office::open().await;
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let entered = [
        ("once", "k"),
        ("subject", office.subject.as_str()),
        ("checklist", &office.checklist),
        ("lead", &office.zhang),
        ("instructions", "一段写了很久的说明"),
        ("due_on", "2026-13-40"),
    ];
    let alone = browser.post("/console/tasks/new", &entered).await;
    assert_eq!(alone.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = html(&alone);
    assert!(shown.contains("现场检查至少两人") && shown.contains("一段写了很久的说明"), "{shown}");
    assert!(shown.contains(&format!("value=\"{}\" selected", office.zhang)), "the choice is kept");
    assert_ne!(hidden(shown, "once"), "k", "what is corrected is another request");

    let mut with_two = entered.to_vec();
    with_two.push(("others", &office.li));
    let bad_date = browser.post("/console/tasks/new", &with_two).await;
    assert_eq!(bad_date.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&bad_date).contains("id=\"due_on-fault\""), "{}", html(&bad_date));
    let none = office.deployment.get("wang", "/api/v1/tasks").await.ok();
    assert_eq!(none["items"], serde_json::json!([]));
}

#[tokio::test]
async fn a_task_is_given_to_others_and_taken_back_with_a_reason() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    let task = task["id"].as_str().expect("an id");
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let assignment = format!("/console/tasks/{task}/assignment");
    let form = browser.get(&assignment).await;
    assert!(page(&form).contains(&format!("value=\"{}\" selected", office.zhang)), "as it is now");
    let swap = [("lead", office.li.as_str()), ("others", &office.zhang), ("once", "a")];
    let without_reason = browser.post(&assignment, &swap).await;
    assert_eq!(without_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&without_reason).contains("请填写改派原因"));
    let with_reason = [&swap[..], &[("reason", "轮换")]].concat();
    let answer = browser.post(&assignment, &with_reason).await;
    assert_eq!(task_in(location(&answer)), task);

    let recall = format!("/console/tasks/{task}/recall");
    let empty = browser.post(&recall, &[("reason", " "), ("once", "b")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&empty).contains("id=\"reason-fault\""));
    let done = browser.post(&recall, &[("reason", "对象已停业"), ("once", "c")]).await;
    let shown = browser.get(location(&done)).await;
    assert!(page(&shown).contains("对象已停业") && !page(&shown).contains(&recall), "it is over");
    let again = browser.post(&recall, &[("reason", "再来"), ("once", "d")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&again).contains("任务已撤回"));
    office.deployment.close().await;
}

#[tokio::test]
async fn each_role_is_offered_and_allowed_its_own_work() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    let path = format!("/console/tasks/{}", task["id"].as_str().expect("an id"));
    for (login, dispatches, reads) in
        [("zhang", false, true), ("shen", false, true), ("admin", false, false), ("wang", true, true)]
    {
        let mut browser = Browser::signed_in(&office.deployment, login).await;
        let home = browser.get("/console").await;
        assert_eq!(page(&home).contains("/console/tasks/new"), dispatches, "{login}");
        let shown = browser.get(&path).await;
        assert_eq!(shown.status == StatusCode::OK, reads, "{login}");
        assert_eq!(html(&shown).contains(&format!("{path}/recall")), dispatches, "{login}");
        let form = browser.get(&format!("{path}/assignment")).await;
        assert_eq!(form.status == StatusCode::OK, dispatches, "{login}");
        let sent = browser.post(&format!("{path}/recall"), &[("reason", "x"), ("once", "1")]).await;
        if !dispatches {
            assert_eq!(sent.status, StatusCode::FORBIDDEN, "{login}");
        }
        let accounts = page(&home).contains("href=\"/console/accounts\"");
        assert_eq!(accounts, login != "zhang", "{login}");
        if dispatches {
            location(&sent);
        }
    }
}
