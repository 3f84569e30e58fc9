//! Changing one's own password.

use crate::deployment::{Answer, Deployment, PASSWORD};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use futures::future::join_all;
use serde_json::json;

const NEW: &str = "another long password";

async fn change(deployment: &Deployment, login: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "current": current, "new": new });
    deployment.post(login, "/api/v1/accounts/current/password", &body).await
}

#[tokio::test]
async fn ones_own_password_is_changed_by_whoever_knows_it_and_other_sign_ins_end() {
    let deployment = Deployment::staffed().await;
    let other = deployment.credentials("wang", PASSWORD).await.created();
    let wrong = change(&deployment, "wang", "wrong horse battery", NEW).await;
    assert_eq!(wrong.problem(403), "password.wrong");
    assert_eq!(change(&deployment, "wang", PASSWORD, "short").await.problem(422), "password.too_short");
    assert_eq!(change(&deployment, "wang", PASSWORD, NEW).await.status, StatusCode::NO_CONTENT);
    deployment.get("wang", "/api/v1/subjects").await.ok();
    let refresh = json!({ "refresh_token": other["refresh_token"] });
    let ended = deployment.post("", "/api/v1/sessions/refresh", &refresh).await;
    assert_eq!(ended.problem(401), "session.ended");
    assert_eq!(deployment.credentials("wang", PASSWORD).await.problem(401), "session.wrong_credentials");
    deployment.credentials("wang", NEW).await.created();
    deployment.close().await;
}

#[tokio::test]
async fn a_sign_in_left_open_is_no_way_around_the_guard() {
    let deployment = Deployment::staffed().await;
    for _ in 0..10 {
        let wrong = change(&deployment, "wang", "wrong horse battery", NEW).await;
        assert_eq!(wrong.problem(403), "password.wrong");
    }
    let locked = change(&deployment, "wang", PASSWORD, NEW).await;
    assert_eq!(locked.problem(429), "session.locked");
    assert!(locked.headers.contains_key("retry-after"));
    assert_eq!(deployment.credentials("wang", PASSWORD).await.problem(429), "session.locked");
}

/// The change sent under a key, as a client does that may have to send it again.
async fn keyed(deployment: &Deployment, key: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "current": current, "new": new }).to_string();
    let request = Request::post("/api/v1/accounts/current/password")
        .header(header::AUTHORIZATION, format!("Bearer {}", deployment.token("wang")))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    deployment.raw(request.body(Body::from(body)).expect("a request")).await
}

#[tokio::test]
async fn a_change_that_is_sent_again_under_its_key_is_answered_as_the_first_time() {
    let deployment = Deployment::staffed().await;
    let leaves = || deployment.state.ledger.latest().state.size;
    let before = leaves();
    for _ in 0..3 {
        assert_eq!(keyed(&deployment, "k", PASSWORD, NEW).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(leaves(), before + 1);
    let other = keyed(&deployment, "k2", PASSWORD, NEW).await;
    assert_eq!(other.problem(403), "password.wrong", "another request is none that was carried out");
    let reused = keyed(&deployment, "k", PASSWORD, "one more long password").await;
    assert_eq!(reused.problem(403), "password.wrong", "a key opens nothing without the password");
    deployment.credentials("wang", NEW).await.created();
    deployment.close().await;
}

#[tokio::test]
async fn of_changes_sent_at_once_under_one_key_one_is_carried_out_and_all_are_answered() {
    let deployment = Deployment::staffed().await;
    let before = deployment.state.ledger.latest().state.size;
    let answers = join_all((0..6).map(|_| keyed(&deployment, "k", PASSWORD, NEW))).await;
    for answer in answers {
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }
    assert_eq!(deployment.state.ledger.latest().state.size, before + 1);
    deployment.close().await;
}

#[tokio::test]
async fn an_administrators_sign_in_left_open_is_no_way_to_a_password_of_their_own() {
    let deployment = Deployment::found().await;
    let path = format!("/api/v1/accounts/{}", deployment.account("admin").await);
    let answer = deployment.send("admin", "PATCH", &path, Some(&json!({ "password": NEW }))).await;
    assert_eq!(answer.problem(403), "account.own_change");
    deployment.credentials("admin", PASSWORD).await.created();
}

#[tokio::test]
async fn a_password_is_not_kept_in_what_is_remembered_of_its_request() {
    let deployment = Deployment::staffed().await;
    let said = json!({ "current": PASSWORD, "new": NEW }).to_string();
    assert_eq!(keyed(&deployment, "k", PASSWORD, NEW).await.status, StatusCode::NO_CONTENT);
    let mut conn = deployment.state.store.read().await.expect("a reader");
    let kept: Vec<u8> =
        sqlx::query_scalar("SELECT request FROM idempotency").fetch_one(&mut *conn).await.expect("a row");
    // As whoever has the database, and not the server's secret, would try out passwords.
    let mut guess = liuhen_trace::digest::Sha256Stream::default();
    for part in ["POST", "/api/v1/accounts/current/password"] {
        guess.update(&(part.len() as u64).to_be_bytes());
        guess.update(part.as_bytes());
    }
    guess.update(said.as_bytes());
    assert_ne!(kept, guess.finish());
}
