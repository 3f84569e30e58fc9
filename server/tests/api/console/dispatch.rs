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
    for text in ["任务已下达", "先看冷库", "2030-01-31", "zhang 同志", "li 同志"] {
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

#[tokio::test]
async fn a_task_given_to_others_meanwhile_is_not_given_away_again_unseen() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    let task = task["id"].as_str().expect("an id");
    let path = format!("/console/tasks/{task}/assignment");
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let held = hidden(page(&browser.get(&path).await), "held").to_owned();
    let swap = [("lead", office.li.as_str()), ("others", &office.zhang), ("reason", "轮换"), ("held", &held)];
    location(&browser.post(&path, &[&swap[..], &[("once", "a")]].concat()).await);
    let back = [("lead", office.zhang.as_str()), ("others", &office.li), ("reason", "调整"), ("held", &held)];
    let stale = browser.post(&path, &[&back[..], &[("once", "b")]].concat()).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = html(&stale);
    assert!(shown.contains("刚刚被他人调整") && shown.contains("li 同志、zhang 同志"), "{shown}");
    assert!(shown.contains("调整</textarea>"), "what was entered is kept");
    let now = hidden(shown, "held").to_owned();
    let seen = [&back[..3], &[("once", "c"), ("held", now.as_str())]].concat();
    location(&browser.post(&path, &seen).await);
    browser.post(&format!("/console/tasks/{task}/recall"), &[("reason", "停业"), ("once", "d")]).await;
    for form in ["assignment", "recall"] {
        let over = browser.get(&format!("/console/tasks/{task}/{form}")).await;
        assert_eq!(location(&over), format!("/console/tasks/{task}"), "a task that is over has no {form}");
    }
}

#[tokio::test]
async fn whoever_sees_no_tasks_is_not_told_that_there_are_none() {
    let office = Office::open().await;
    office.issue(&[&office.zhang, &office.li]).await;
    let mut browser = Browser::signed_in(&office.deployment, "admin").await;
    let home = browser.get("/console").await;
    let shown = page(&home);
    assert!(!shown.contains("还没有任务") && !shown.contains("href=\"/console/tasks\""), "{shown}");
    assert!(shown.contains("href=\"/console/accounts\""));
}

#[tokio::test]
async fn every_link_of_a_task_leads_somewhere() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let shown =
        browser.get(&format!("/console/tasks/{}?done=issued", task["id"].as_str().expect("an id"))).await;
    let shown = page(&shown).to_owned();
    let links = shown.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for link in links.filter(|link| link.starts_with("/console/") && !link.contains("/static/")) {
        let answer = browser.get(link.split('#').next().unwrap_or_default()).await;
        let led = [StatusCode::OK, StatusCode::SEE_OTHER];
        assert!(led.contains(&answer.status), "{link}: {answer:?}");
    }
    assert!(!shown.contains("next=/console/tasks/01?done") && !shown.contains("done%3Dissued"), "said once");
}

#[tokio::test]
async fn a_form_page_that_is_reloaded_leads_to_where_the_form_stands() {
    let office = Office::open().await;
    let mut browser = Browser::signed_in(&office.deployment, "admin").await;
    let account = format!("/console/accounts/{}", office.zhang);
    for (form, stands) in [
        (format!("{account}/state"), account.as_str()),
        (format!("{account}/password"), &account),
        (format!("{account}/second-factor"), &account),
        ("/console/devices/01".to_owned(), "/console/devices"),
        ("/console/devices/01/revocation".to_owned(), "/console/devices/01"),
        ("/console/sign-out".to_owned(), "/console"),
    ] {
        assert_eq!(location(&browser.get(&form).await), stands, "{form}");
    }
    let short = browser.post(&format!("{account}/password"), &[("password", "short"), ("once", "1")]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&short).contains(&format!("data-page=\"{account}\"")), "{}", html(&short));
}
