//! What a trial of the API against its description once found, and the description itself.

use crate::{
    casework::{Office, checklist},
    deployment::{Answer, Deployment, PASSWORD},
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
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
async fn a_wait_that_clients_would_cut_off_is_refused() {
    let deployment = Deployment::staffed().await;
    assert_eq!(
        deployment.get("wang", "/api/v1/changes?wait_seconds=6").await.problem(400),
        "request.wrong_query"
    );
    deployment.get("wang", "/api/v1/changes?wait_seconds=5").await.ok();
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

/// Behind a cursor that was cut off nothing follows: that would look like the end of the list.
#[tokio::test]
async fn a_cursor_that_is_damaged_or_of_another_order_is_refused() {
    let office = Office::open().await;
    office.issue(&[&office.zhang]).await;
    office.issue(&[&office.zhang]).await;
    let deployment = &office.deployment;
    let orders = ["oldest", "newest", "due"];
    for order in orders {
        let first = deployment.get("wang", &format!("/api/v1/tasks?limit=1&order={order}")).await.ok();
        let next = first["next"].as_str().expect("a second page").to_owned();
        for other in orders {
            let page =
                deployment.get("wang", &format!("/api/v1/tasks?limit=1&order={other}&cursor={next}")).await;
            match other == order {
                true => assert_eq!(page.ok()["items"].as_array().map(Vec::len), Some(1), "{order}"),
                false => assert_eq!(page.problem(404), "request.unknown_cursor", "{order} for {other}"),
            }
        }
        let cut = &next[..next.len() - 1];
        let page = deployment.get("wang", &format!("/api/v1/tasks?order={order}&cursor={cut}")).await;
        assert_eq!(page.problem(404), "request.unknown_cursor", "{cut}");
    }
    for list in ["departments", "accounts", "devices", "subjects", "checklists", "tasks", "conflicts"] {
        for cursor in ["", "zz", "0", "ffff", "%00", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"] {
            let page = deployment.get("wang", &format!("/api/v1/{list}?cursor={cursor}")).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{list} {cursor}");
            assert_eq!(page.problem(404), "request.unknown_cursor");
        }
    }
}

#[tokio::test]
async fn an_array_is_not_taken_for_an_object_with_its_fields_in_order() {
    let deployment = Deployment::staffed().await;
    let shapes = [
        ("admin", "POST", "/api/v1/departments", json!(["阵列局"])),
        ("admin", "POST", "/api/v1/departments", json!([])),
        ("wang", "POST", "/api/v1/subjects", json!([[null, "甲餐馆"]])),
        ("", "POST", "/api/v1/sessions", json!(["admin", PASSWORD, null])),
    ];
    for (login, method, path, body) in shapes {
        let answer = deployment.send(login, method, path, Some(&body)).await;
        assert_eq!(answer.problem(422), "request.wrong_shape", "{path} {body}");
    }
}

#[tokio::test]
async fn a_body_that_is_packed_or_of_another_type_is_refused() {
    let deployment = Deployment::staffed().await;
    let checklist = checklist(1, "甲").to_string();
    let cases = [
        ("/api/v1/departments", "application/json", "gzip", "request.content_encoding"),
        ("/api/v1/checklists", "application/json", "gzip", "request.content_encoding"),
        ("/api/v1/imports/subjects", "application/octet-stream", "br", "request.content_encoding"),
        ("/api/v1/checklists", "text/plain", "identity", "request.content_type"),
    ];
    for (path, content_type, coding, code) in cases {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", deployment.token("admin")))
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CONTENT_ENCODING, coding)
            .body(Body::from(checklist.clone()));
        let answer = deployment.raw(request.expect("a request")).await;
        assert_eq!(answer.problem(415), code, "{path}");
    }
}

#[tokio::test]
async fn addresses_and_headers_have_a_limit_that_is_told() {
    let deployment = Deployment::staffed().await;
    let answer = deployment.get("wang", &format!("/api/v1/tasks?q={}", "a".repeat(8192))).await;
    assert_eq!(answer.problem(414), "request.address_too_long");
    let request = Request::get("/api/v1/tasks").header("x-long", "a".repeat(32 * 1024)).body(Body::empty());
    let answer = deployment.raw(request.expect("a request")).await;
    assert_eq!(answer.problem(431), "request.headers_too_large");
}

#[tokio::test]
async fn a_place_beyond_any_log_is_refused() {
    let deployment = Deployment::staffed().await;
    deployment.get("wang", "/api/v1/changes?after=9223372036854775807").await.ok();
    let answer = deployment.get("wang", "/api/v1/changes?after=9223372036854775808").await;
    assert_eq!(answer.problem(400), "request.wrong_query");
}

#[tokio::test]
async fn no_cache_keeps_an_answer_and_no_browser_takes_it_for_a_page() {
    let deployment = Deployment::staffed().await;
    for path in ["/api/v1/subjects", "/api/v1/sessions/current", "/api/v1/tasks/none"] {
        let answer = deployment.get("wang", path).await;
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn the_page_of_the_description_runs_nothing_from_elsewhere() {
    let deployment = Deployment::found().await;
    let page = asked(&deployment, "/api/v1/docs/").await;
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    let missing = asked(&deployment, "/api/v1/docs/nothing.js").await;
    assert_eq!(missing.problem(404), "request.unknown_path");
}
