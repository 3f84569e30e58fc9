//! What keeps strangers out.

use super::{Browser, html, location, page};
use crate::{casework::Office, deployment::Deployment};
use axum::http::StatusCode;

#[tokio::test]
async fn every_page_asks_who_is_there_and_leads_back_after_the_sign_in() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::new(&deployment);
    for path in ["/console", "/console/tasks?state=done", "/console/account", "/console/nothing/here"] {
        let answer = browser.get(path).await;
        assert!(location(&answer).starts_with("/console/sign-in?next="), "{path}: {answer:?}");
    }
    let changes = browser.get("/console/changes").await;
    assert!(location(&changes).starts_with("/console/sign-in"));
    let fields =
        [("login", "wang"), ("password", crate::deployment::PASSWORD), ("next", "/console/tasks?state=done")];
    let answer = browser.post("/console/sign-in", &fields).await;
    assert_eq!(location(&answer), "/console/tasks?state=done");
    page(&browser.get("/console/tasks?state=done").await);
}

#[tokio::test]
async fn nobody_is_led_away_from_the_console() {
    let deployment = Deployment::staffed().await;
    for next in ["https://evil.example/console", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = Browser::new(&deployment);
        let fields = [("login", "wang"), ("password", crate::deployment::PASSWORD), ("next", next)];
        assert_eq!(location(&browser.post("/console/sign-in", &fields).await), "/console", "{next}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang]).await;
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let path = format!("/console/tasks/{}/recall", task["id"].as_str().expect("an id"));
    for origin in [Some("https://evil.example"), Some("null"), Some("http://console.example.evil"), None] {
        let answer = browser.post_from(origin, &path, &[("reason", "x"), ("once", "1")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
        assert!(html(&answer).contains("request.other_origin"));
    }
    let sign_in = [("login", "wang"), ("password", crate::deployment::PASSWORD)];
    let foreign = browser.post_from(Some("https://evil.example"), "/console/sign-in", &sign_in).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "nobody is signed in by another site");
    let shown = format!("/api/v1/tasks/{}", task["id"].as_str().expect("an id"));
    assert_eq!(office.deployment.get("wang", &shown).await.ok()["state"], "issued");
}

#[tokio::test]
async fn every_answer_forbids_foreign_content_frames_and_caches() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::signed_in(&deployment, "wang").await;
    for path in ["/console", "/console/sign-in", "/console/nothing", "/console/static/console.css"] {
        let answer = browser.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().expect("plain text");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        if !path.contains("static") {
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        }
    }
    for path in ["/console", "/console/tasks", "/console/account", "/console/sign-in"] {
        let answer = browser.get(path).await;
        if answer.status == StatusCode::OK {
            let html = page(&answer);
            assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick="));
            assert!(!html.contains("<script>"), "no script inside {path}");
        }
    }
}

#[tokio::test]
async fn what_people_wrote_is_shown_and_never_run() {
    let office = Office::open().await;
    let mut task = office.task(&[&office.zhang, &office.li]);
    task["instructions"] = "<script>alert(1)</script>\" onload=\"x".into();
    let task = office.deployment.post("wang", "/api/v1/tasks", &task).await.created();
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let path = format!("/console/tasks/{}", task["items"][0]["id"].as_str().expect("an id"));
    let answer = browser.get(&path).await;
    let html = page(&answer);
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(html.contains("&#60;script&#62;alert(1)") || html.contains("&lt;script&gt;alert(1)"), "{html}");
}

#[tokio::test]
async fn what_goes_wrong_is_a_page_in_the_language_chosen() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::signed_in(&deployment, "zhang").await;
    let missing = browser.get("/console/tasks/0").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(html(&missing).contains("没有该任务"));
    location(&browser.get("/console/language?to=en&next=/console/tasks").await);
    let missing = browser.get("/console/tasks/0").await;
    assert!(html(&missing).contains("No such task") && html(&missing).contains("<html lang=\"en\">"));
    let denied = browser.get("/console/tasks/new?subject=0").await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    assert!(html(&denied).contains("You are not permitted"));
    let query = browser.get("/console/tasks?state=asleep").await;
    assert_eq!(query.status, StatusCode::BAD_REQUEST);
    html(&query);
}
