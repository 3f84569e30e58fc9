//! What a trial of the API against its description once found, and the description itself.

use crate::deployment::{Answer, Deployment};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;

/// By somebody who is not signed in.
async fn asked(deployment: &Deployment, path: &str) -> Answer {
    deployment.raw(Request::get(path).body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn the_description_and_its_page_are_there_for_everybody() {
    let deployment = Deployment::found().await;
    let description = asked(&deployment, "/api/v1/openapi.json").await.ok();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(asked(&deployment, "/api/v1/docs/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_role_that_is_named_twice_is_refused() {
    let deployment = Deployment::staffed().await;
    let new = json!({
        "login": "twice", "password": "a password of some length", "name": "x", "roles": ["auditor", "auditor"],
    });
    let answer = deployment.post("admin", "/api/v1/accounts", &new).await;
    assert_eq!(answer.problem(422), "request.wrong_shape");
}

#[tokio::test]
async fn a_wait_that_gateways_would_cut_off_is_refused() {
    let deployment = Deployment::staffed().await;
    assert_eq!(
        deployment.get("wang", "/api/v1/changes?wait_seconds=26").await.problem(400),
        "request.wrong_query"
    );
    deployment.get("wang", "/api/v1/changes?wait_seconds=25").await.ok();
}

#[tokio::test]
async fn a_column_that_no_table_has_is_refused() {
    let deployment = Deployment::staffed().await;
    let answer =
        deployment.post("wang", "/api/v1/imports/subjects?dry_run=true&name_column=201", &json!([])).await;
    assert_eq!(answer.problem(400), "request.wrong_query");
}

#[tokio::test]
async fn a_login_is_made_of_what_every_keyboard_has() {
    let deployment = Deployment::staffed().await;
    for (login, status) in [("zhang-2", 201), ("李娜", 201), (" li", 422), ("é", 422), ("a b", 422)] {
        let new = json!({
            "login": login, "password": "a password of some length", "name": "x", "roles": ["supervisor"],
        });
        let answer = deployment.post("admin", "/api/v1/accounts", &new).await;
        assert_eq!(answer.status.as_u16(), status, "{login:?}");
    }
}
