//! Bad input and the server's own surface.

use crate::deployment::Deployment;
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use liuhen_server::{AppState, config::Config};
use serde_json::json;

fn post(deployment: &Deployment, path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", deployment.token("admin")))
        .header(header::CONTENT_TYPE, content_type)
        .body(body.into())
        .expect("a request")
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_with_a_code() {
    let deployment = Deployment::found().await;
    let path = "/api/v1/departments";
    let cases = [
        (post(&deployment, path, "application/json", "{\"name\":"), 400, "request.malformed_json"),
        (post(&deployment, path, "application/json", "{\"nom\":\"x\"}"), 422, "request.wrong_shape"),
        (post(&deployment, path, "text/plain", "{\"name\":\"x\"}"), 415, "request.content_type"),
        (post(&deployment, path, "application/json", vec![b' '; 1_000_001]), 413, "request.too_large"),
        (
            post(&deployment, "/api/v1/checklists", "application/json", vec![b' '; 1_000_001]),
            413,
            "request.too_large",
        ),
        (post(&deployment, "/api/v1/subjects", "application/json", "[]"), 422, "subject.wrong_count"),
    ];
    for (request, status, code) in cases {
        assert_eq!(deployment.raw(request).await.problem(status), code);
    }
}

#[tokio::test]
async fn unknown_paths_methods_and_ids_are_problems() {
    let deployment = Deployment::staffed().await;
    assert_eq!(deployment.get("admin", "/api/v1/nowhere").await.problem(404), "request.unknown_path");
    assert_eq!(deployment.get("admin", "/nowhere").await.problem(404), "request.unknown_path");
    let answer = deployment.send("admin", "DELETE", "/api/v1/departments", None).await;
    assert_eq!(answer.problem(405), "request.wrong_method");
    let unknown = [
        ("subjects", "subject.unknown"),
        ("checklists", "checklist.unknown"),
        ("tasks", "task.unknown"),
        ("visits", "visit.unknown"),
        ("evidence", "evidence.unknown"),
        ("accounts", "account.unknown"),
    ];
    for (path, code) in unknown {
        for id in ["0", &"0".repeat(32), &"0".repeat(64)] {
            assert_eq!(deployment.get("wang", &format!("/api/v1/{path}/{id}")).await.problem(404), code);
        }
    }
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let deployment = Deployment::found().await;
    for token in ["", "x.y.z", "eyJhbGciOiJub25lIn0.e30."] {
        let request = Request::get("/api/v1/departments")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        assert_eq!(deployment.raw(request).await.problem(401), "session.access_invalid");
    }
}

#[tokio::test]
async fn a_request_id_that_a_gateway_gave_is_kept() {
    let deployment = Deployment::found().await;
    let request = Request::get("/nowhere").header("x-request-id", "gateway-17").body(Body::empty());
    let answer = deployment.raw(request.expect("a request")).await;
    assert_eq!(answer.problem(404), "request.unknown_path");
    assert_eq!(answer.body["instance"], "gateway-17");
}

#[tokio::test]
async fn health_readiness_metrics_and_the_checkpoint_need_no_sign_in() {
    let deployment = Deployment::found().await;
    assert_eq!(deployment.get("", "/healthz").await.ok(), "ok\n");
    assert_eq!(deployment.get("", "/readyz").await.ok(), "ready\n");
    let metrics = deployment.get("", "/metrics").await.ok();
    let metrics = metrics.as_str().expect("text");
    assert!(metrics.contains("liuhen_ledger_leaves"), "{metrics}");
    assert!(metrics.contains("route=\"/readyz\""), "{metrics}");
    let checkpoint = deployment.get("", "/api/v1/ledger/checkpoint").await.ok();
    let note = checkpoint["note"].as_str().expect("a note");
    let checked = deployment.state.ledger.note_key().check(note).expect("our own signature");
    assert_eq!(json!(checked.state.size), checkpoint["size"]);
    assert_eq!(checked.state.size, 2, "the department and the administrator");
}

#[tokio::test]
async fn a_data_folder_serves_one_process_and_outlives_it() {
    let mut deployment = Deployment::found().await;
    deployment.hire("wang", &["supervisor"], None).await;
    let config = Config::clone(&deployment.state.config);
    let second = AppState::open(config.clone()).await.err().expect("the folder is in use");
    assert!(format!("{second:#}").contains("another process"), "{second:#}");
    let size = deployment.state.ledger.latest().state.size;
    let _folder = deployment.close().await;
    let (state, background) = AppState::open(config).await.expect("the folder is free");
    assert_eq!(state.ledger.latest().state.size, size);
    state.close(background).await.expect("a clean stop");
}

#[tokio::test]
async fn hostile_bodies_are_told_with_a_code() {
    let deployment = Deployment::found().await;
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let many = format!("[{}{{\"name\":\"x\"}}]", "{\"name\":\"x\"},".repeat(50_000));
    let nested = "[".repeat(100_000);
    let cases: [(&str, Vec<u8>, u16, &str); 8] = [
        ("departments", deep.clone().into(), 422, "request.wrong_shape"),
        ("subjects", deep.clone().into(), 422, "request.wrong_shape"),
        ("subjects", nested.into(), 422, "request.wrong_shape"),
        ("checklists", deep.into(), 422, "checklist.malformed"),
        ("departments", b"{\"name\":\"\xff\xfe\"}".to_vec(), 400, "request.malformed_json"),
        ("departments", b"\xef\xbb\xbf{}".to_vec(), 400, "request.malformed_json"),
        ("subjects", many.into(), 422, "subject.wrong_count"),
        ("departments", b"{\"name\":\"a\\u0000b\"}".to_vec(), 422, "text.control_character"),
    ];
    for (path, body, status, code) in cases {
        let request = post(&deployment, &format!("/api/v1/{path}"), "application/json", body);
        assert_eq!(deployment.raw(request).await.problem(status), code, "{path}");
    }
}

#[tokio::test]
async fn odd_ids_in_paths_are_unknown_and_never_a_fault() {
    let deployment = Deployment::staffed().await;
    let ids = ["%ff%fe", "%00", "..%2f..%2fetc%2fpasswd", "%27%20OR%201=1", "é", "%F0%9F%98%80", "a%20b"];
    for id in ids {
        for path in ["subjects", "checklists", "tasks", "visits", "evidence", "accounts"] {
            let Ok(uri) = format!("/api/v1/{path}/{id}").parse::<axum::http::Uri>() else { continue };
            let answer = deployment.get("wang", &uri.to_string()).await;
            answer.problem(404);
        }
    }
}

#[tokio::test]
async fn forged_cursors_and_limits_are_told_with_a_code() {
    let deployment = Deployment::staffed().await;
    let lists = ["departments", "accounts", "devices", "subjects", "checklists", "tasks", "conflicts"];
    for list in lists {
        for limit in ["0", "-1", "501", "x", "99999999999999999999", "1.5", ""] {
            let answer = deployment.get("wang", &format!("/api/v1/{list}?limit={limit}")).await;
            assert_eq!(answer.problem(400), "request.wrong_query", "{list} {limit}");
        }
        assert_eq!(
            deployment.get("wang", &format!("/api/v1/{list}?limit=1&limit=2")).await.problem(400),
            "request.wrong_query"
        );
        assert_eq!(
            deployment.get("wang", &format!("/api/v1/{list}?colour=red")).await.problem(400),
            "request.wrong_query"
        );
        for cursor in ["%00", "zzzz", "-1.-1", "%ff", "'%20OR%201=1"] {
            let Ok(uri) = format!("/api/v1/{list}?cursor={cursor}").parse::<axum::http::Uri>() else {
                continue;
            };
            let answer = deployment.get("wang", &uri.to_string()).await;
            match answer.status.is_success() {
                true => assert!(list != "conflicts"),
                false if answer.status == StatusCode::BAD_REQUEST => {
                    assert_eq!(answer.problem(400), "request.wrong_query", "{list} {cursor}");
                }
                false => assert_eq!(answer.problem(404), "request.unknown_cursor", "{list} {cursor}"),
            }
        }
    }
    for cursor in ["x", "..", "00.00", "00.00.x", "1.2.3.4"] {
        let answer = deployment.get("wang", &format!("/api/v1/evidence?missing&cursor={cursor}")).await;
        assert!(answer.status == 200 || answer.problem(404) == "request.unknown_cursor", "{cursor}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let deployment = Deployment::found().await;
    for (method, path) in
        [("PUT", "/api/v1/subjects"), ("GET", "/sync/v1/exchange"), ("GET", "/files"), ("POST", "/healthz")]
    {
        let answer = deployment.send("admin", method, path, None).await;
        assert_eq!(answer.problem(405), "request.wrong_method", "{method} {path}");
        assert!(answer.headers.contains_key(header::ALLOW), "{method} {path}");
    }
}
