//! Signing in, staying signed in, and being put out.

use crate::deployment::{Deployment, PASSWORD};
use axum::http::StatusCode;
use liuhen_server::{config::Config, store};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn refresh(deployment: &Deployment, token: &Value) -> crate::deployment::Answer {
    deployment.post("", "/api/v1/sessions/refresh", &json!({ "refresh_token": token })).await
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_are_refused_alike() {
    let deployment = Deployment::found().await;
    let wrong = deployment.credentials("admin", "wrong horse battery").await;
    assert_eq!(wrong.problem(401), "session.wrong_credentials");
    // Half of the unknown logins are asked for a code, as many of the known ones are.
    let mut codes = BTreeSet::new();
    for number in 0..64 {
        let unknown = deployment.credentials(&format!("nobody{number}"), PASSWORD).await;
        match unknown.problem(401).as_str() {
            "session.wrong_credentials" => assert_eq!(wrong.body["detail"], unknown.body["detail"]),
            code => assert_eq!(code, "session.code_required"),
        }
        codes.insert(unknown.problem(401));
    }
    assert_eq!(codes.len(), 2);
    assert_eq!(deployment.credentials("  ADMIN ", PASSWORD).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn guessing_has_to_wait_and_the_right_password_waits_with_it() {
    let deployment = Deployment::found().await;
    for _ in 0..10 {
        let answer = deployment.credentials("admin", "wrong horse battery").await;
        assert_eq!(answer.problem(401), "session.wrong_credentials");
    }
    let locked = deployment.credentials("admin", PASSWORD).await;
    assert_eq!(locked.problem(429), "session.locked");
    assert!(locked.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_sign_in() {
    let mut deployment = Deployment::found().await;
    let first = deployment.sign_in("admin").await;
    let second = refresh(&deployment, &first["refresh_token"]).await.ok();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(refresh(&deployment, &first["refresh_token"]).await.problem(401), "session.refresh_reused");
    assert_eq!(refresh(&deployment, &second["refresh_token"]).await.problem(401), "session.refresh_reused");
    let answer = deployment.get("admin", "/api/v1/sessions/current").await;
    assert_eq!(answer.problem(401), "session.ended");
    deployment.sign_in("admin").await;
    deployment.get("admin", "/api/v1/sessions/current").await.ok();
}

#[tokio::test]
async fn an_expired_or_unknown_refresh_token_is_refused() {
    let mut deployment = Deployment::found_with(|config| Config { refresh_days: 0, ..config }).await;
    let session = deployment.sign_in("admin").await;
    assert_eq!(refresh(&deployment, &session["refresh_token"]).await.problem(401), "session.refresh_expired");
    assert_eq!(refresh(&deployment, &json!("made up")).await.problem(401), "session.refresh_unknown");
}

#[tokio::test]
async fn signing_out_ends_the_access_token_too() {
    let mut deployment = Deployment::found().await;
    let session = deployment.sign_in("admin").await;
    let answer = deployment.send("admin", "DELETE", "/api/v1/sessions/current", None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(deployment.get("admin", "/api/v1/departments").await.problem(401), "session.ended");
    assert_eq!(refresh(&deployment, &session["refresh_token"]).await.problem(401), "session.ended");
}

#[tokio::test]
async fn a_changed_role_and_a_deactivation_count_from_the_next_request() {
    let mut deployment = Deployment::found().await;
    let wang = deployment.hire("wang", &["supervisor"], None).await;
    let path = format!("/api/v1/accounts/{wang}");
    deployment.get("wang", "/api/v1/accounts").await.ok();

    let change = json!({ "roles": ["inspector"] });
    deployment.send("admin", "PATCH", &path, Some(&change)).await.ok();
    assert_eq!(deployment.get("wang", "/api/v1/accounts").await.problem(401), "session.ended");
    deployment.sign_in("wang").await;
    assert_eq!(deployment.get("wang", "/api/v1/accounts").await.problem(403), "access.denied");

    let change = json!({ "state": "inactive" });
    deployment.send("admin", "PATCH", &path, Some(&change)).await.ok();
    assert_eq!(deployment.get("wang", "/api/v1/subjects").await.problem(401), "session.ended");
    assert_eq!(deployment.credentials("wang", PASSWORD).await.problem(401), "account.inactive");
}

#[tokio::test]
async fn a_new_password_puts_out_whoever_had_the_old_one() {
    let mut deployment = Deployment::found().await;
    let wang = deployment.hire("wang", &["supervisor"], None).await;
    let path = format!("/api/v1/accounts/{wang}");
    let short = deployment.send("admin", "PATCH", &path, Some(&json!({ "password": "short" }))).await;
    assert_eq!(short.problem(422), "password.too_short");
    let change = json!({ "password": "another long password" });
    deployment.send("admin", "PATCH", &path, Some(&change)).await.ok();
    assert_eq!(deployment.get("wang", "/api/v1/subjects").await.problem(401), "session.ended");
    assert_eq!(deployment.credentials("wang", PASSWORD).await.problem(401), "session.wrong_credentials");
    deployment.credentials("wang", "another long password").await.created();
}

#[tokio::test]
async fn a_login_that_nobody_can_have_is_refused_like_others_and_not_remembered() {
    let deployment = Deployment::found().await;
    for login in ["x".repeat(500_000), "a b".to_owned(), String::new(), "\u{202e}admin".to_owned()] {
        let answer = deployment.credentials(&login, PASSWORD).await;
        assert_eq!(answer.problem(401), "session.wrong_credentials");
        let mut conn = deployment.state.store.read().await.expect("a reader");
        let guard = store::credentials::login_guard(&mut conn, &login).await.expect("a query");
        assert_eq!(guard, None, "{} bytes kept", login.len());
    }
}
