//! Requests sent twice under one key.

use crate::{
    casework::{Office, checklist, id},
    deployment::{Answer, Deployment, PASSWORD},
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use futures::{FutureExt as _, future::join_all};
use serde_json::{Value, json};

async fn keyed(deployment: &Deployment, login: &str, key: &str, path: &str, body: &Value) -> Answer {
    keyed_as(deployment, login, key, "POST", path, body).await
}

async fn keyed_as(
    deployment: &Deployment,
    login: &str,
    key: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", deployment.token(login)))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    deployment.raw(request.expect("a request")).await
}

fn leaves(deployment: &Deployment) -> u64 {
    deployment.state.ledger.latest().state.size
}

#[tokio::test]
async fn a_request_sent_twice_is_carried_out_once_and_answered_alike() {
    let deployment = Deployment::staffed().await;
    let before = leaves(&deployment);
    let subjects = json!([{ "name": "甲餐馆" }, { "name": "乙餐馆" }]);
    let first = keyed(&deployment, "wang", "k1", "/api/v1/subjects", &subjects).await.created();
    let again = keyed(&deployment, "wang", "k1", "/api/v1/subjects", &subjects).await.created();
    assert_eq!(first, again);
    assert_eq!(leaves(&deployment), before + 1);
    let other = keyed(&deployment, "wang", "k2", "/api/v1/subjects", &subjects).await.created();
    assert_ne!(first, other);
    deployment.close().await;
}

#[tokio::test]
async fn every_kind_of_act_is_carried_out_once() {
    let office = Office::open().await;
    let (deployment, zhang) = (&office.deployment, &office.zhang);
    let task = id(&office.issue(&[zhang]).await["id"]);
    let account = json!({ "login": "new", "password": PASSWORD, "name": "新", "roles": ["supervisor"] });
    let wishes = [
        ("admin", "/api/v1/departments".to_owned(), json!({ "name": "分局" })),
        ("admin", "/api/v1/accounts".to_owned(), account),
        ("wang", "/api/v1/checklists".to_owned(), checklist(7, "甲")),
        (
            "wang",
            format!("/api/v1/tasks/{task}/assignment"),
            json!({ "assignees": [office.li], "reason": "换人" }),
        ),
        ("wang", format!("/api/v1/tasks/{task}/recall"), json!({ "reason": "重复" })),
    ];
    for (login, path, body) in wishes {
        let before = leaves(deployment);
        let first = keyed(deployment, login, &path, &path, &body).await;
        assert!(first.status.is_success(), "{path}: {first:?}");
        let again = keyed(deployment, login, &path, &path, &body).await;
        assert_eq!((first.status, &first.body), (again.status, &again.body), "{path}");
        assert_eq!(leaves(deployment), before + 1, "{path}");
    }
    let name = json!({ "name": "李同志" });
    let path = format!("/api/v1/accounts/{zhang}");
    let first = keyed_as(deployment, "admin", "patch", "PATCH", &path, &name).await.ok();
    assert_eq!(first, keyed_as(deployment, "admin", "patch", "PATCH", &path, &name).await.ok());
    office.deployment.close().await;
}

#[tokio::test]
async fn another_request_under_a_used_key_is_refused() {
    let deployment = Deployment::staffed().await;
    let (path, body) = ("/api/v1/subjects", json!({ "name": "甲餐馆" }));
    keyed(&deployment, "wang", "k", path, &body).await.created();
    let before = leaves(&deployment);
    for (path, body) in [
        (path, json!({ "name": "乙餐馆" })),
        ("/api/v1/subjects?x=1", body),
        ("/api/v1/checklists", checklist(1, "甲")),
    ] {
        let answer = keyed(&deployment, "wang", "k", path, &body).await;
        assert_eq!(answer.problem(409), "idempotency.key_reused", "{path}");
    }
    assert_eq!(leaves(&deployment), before);
}

#[tokio::test]
async fn each_account_has_its_own_keys() {
    let deployment = Deployment::staffed().await;
    let (path, body) = ("/api/v1/subjects", json!({ "name": "甲餐馆" }));
    let wang = keyed(&deployment, "wang", "k", path, &body).await.created();
    let admin = keyed(&deployment, "admin", "k", path, &body).await.created();
    assert_ne!(wang, admin);
}

#[tokio::test]
async fn of_requests_sent_at_once_one_is_carried_out_and_all_are_answered() {
    let deployment = Deployment::staffed().await;
    let before = leaves(&deployment);
    let body = json!({ "name": "甲餐馆" });
    let answers = join_all((0..8).map(|_| keyed(&deployment, "wang", "k", "/api/v1/subjects", &body))).await;
    let first = answers[0].body.clone();
    for answer in answers {
        assert_eq!(answer.created(), first);
    }
    assert_eq!(leaves(&deployment), before + 1);
    deployment.close().await;
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again_under_its_key() {
    let deployment = Deployment::staffed().await;
    let body = json!({ "name": "分局" });
    let refused = keyed(&deployment, "wang", "k", "/api/v1/departments", &body).await;
    assert_eq!(refused.problem(403), "access.denied");
    let admin = keyed(&deployment, "admin", "k", "/api/v1/departments", &body).await.created();
    let taken = keyed(&deployment, "admin", "k2", "/api/v1/departments", &body).await;
    assert_eq!(taken.problem(409), "department.name_taken");
    let other = json!({ "name": "二分局" });
    keyed(&deployment, "admin", "k2", "/api/v1/departments", &other).await.created();
    assert_eq!(keyed(&deployment, "admin", "k", "/api/v1/departments", &body).await.created(), admin);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_a_read_has_none() {
    let deployment = Deployment::staffed().await;
    let body = json!({ "name": "甲餐馆" });
    for key in ["", "a b", &"k".repeat(65)] {
        let answer = keyed(&deployment, "wang", key, "/api/v1/subjects", &body).await;
        assert_eq!(answer.problem(400), "idempotency.bad_key", "{key:?}");
    }
    keyed_as(&deployment, "wang", "a b", "GET", "/api/v1/subjects", &json!({})).await.ok();
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day_and_its_row_with_it() {
    let deployment = Deployment::staffed().await;
    let (path, body) = ("/api/v1/subjects", json!({ "name": "甲餐馆" }));
    let first = keyed(&deployment, "wang", "k", path, &body).await.created();
    let aged = deployment.state.ledger.commit(|tx| {
        async move {
            sqlx::query("UPDATE idempotency SET created_at_ms = created_at_ms - 86400001")
                .execute(tx.conn())
                .await?;
            Ok(())
        }
        .boxed()
    });
    aged.await.expect("a commit");
    assert_ne!(keyed(&deployment, "wang", "k", path, &body).await.created(), first);
    let mut conn = deployment.state.store.read().await.expect("a reader");
    let rows: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM idempotency").fetch_one(&mut *conn).await.expect("a count");
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn somebody_put_out_meanwhile_gets_no_kept_answer() {
    let mut deployment = Deployment::found().await;
    let wang = deployment.hire("wang", &["supervisor"], None).await;
    let (path, body) = ("/api/v1/subjects", json!({ "name": "甲餐馆" }));
    keyed(&deployment, "wang", "k", path, &body).await.created();
    let out = json!({ "state": "inactive" });
    deployment.send("admin", "PATCH", &format!("/api/v1/accounts/{wang}"), Some(&out)).await.ok();
    let answer = keyed(&deployment, "wang", "k", path, &body).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
