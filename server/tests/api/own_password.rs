//! Changing one's own password.

use crate::deployment::{Answer, Deployment, PASSWORD};
use axum::http::StatusCode;
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
