//! A disk that is full, keys that are gone, a stop that cannot be clean.

use crate::deployment::{Deployment, PASSWORD};
use axum::{
    body::Body,
    http::{Request, header},
};
use futures::FutureExt as _;
use liuhen_server::{
    ApiError, AppState,
    acts::access::{Role, Roles, accounts::NewAccount},
    config::Config,
    founding,
    state::SIGNER_FOLDER,
    store,
};
use serde_json::json;
use std::time::Duration;

/// Lets the database grow to `pages` and no further, as a full disk does.
async fn limit_pages(state: &AppState, pages: u32) {
    let limited = state.ledger.commit(move |tx| {
        async move {
            let pragma = match pages {
                1 => "PRAGMA max_page_count = 1",
                _ => "PRAGMA max_page_count = 1073741823",
            };
            sqlx::query(pragma).execute(tx.conn()).await?;
            Ok::<(), ApiError>(())
        }
        .boxed()
    });
    limited.await.expect("a commit");
}

#[tokio::test]
async fn a_full_disk_is_told_and_everything_goes_on_when_there_is_space_again() {
    let deployment = Deployment::staffed().await;
    let size = deployment.state.ledger.latest().state.size;
    limit_pages(&deployment.state, 1).await;
    let subjects: Vec<_> = (0..200).map(|n| json!({ "name": format!("餐馆 {n}") })).collect();
    let full = deployment.post("wang", "/api/v1/subjects", &json!(subjects)).await;
    assert_eq!(full.problem(503), "storage.unavailable");
    assert!(full.headers.contains_key("retry-after"));
    assert_eq!(deployment.state.ledger.latest().state.size, size);
    limit_pages(&deployment.state, 0).await;
    deployment.post("wang", "/api/v1/subjects", &json!(subjects)).await.created();
    assert_eq!(deployment.state.ledger.latest().state.size, size + 1);
    deployment.close().await;
}

#[tokio::test]
async fn a_database_without_its_keys_is_not_served_with_new_ones() {
    let deployment = Deployment::found().await;
    let config = Config::clone(&deployment.state.config);
    let folder = deployment.close().await;
    let keys = folder.path().join(SIGNER_FOLDER);
    let aside = folder.path().join("aside");
    std::fs::rename(&keys, &aside).expect("moved");
    for _ in 0..2 {
        let error = AppState::open(config.clone()).await.err().expect("a refusal");
        assert!(format!("{error:#}").contains("signer.keys_missing"), "{error:#}");
        assert!(!keys.exists(), "no new keys");
    }
    std::fs::rename(&aside, &keys).expect("moved back");
    let (state, background) = AppState::open(config).await.expect("the old keys");
    state.close(background).await.expect("a clean stop");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_reader_that_never_ends() {
    let deployment = Deployment::found().await;
    let reader = deployment.state.store.read().await.expect("a reader");
    let Deployment { state, background, .. } = deployment;
    let stopped = tokio::time::timeout(Duration::from_secs(20), state.close(background)).await;
    assert!(stopped.is_ok(), "the stop hangs");
    drop(reader);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_wherever_it_is_sent() {
    let short = Duration::from_millis(100);
    let deployment = Deployment::found_with(|config| Config { request_time_max: short, ..config }).await;
    let cases = [
        ("/api/v1/sessions", 503, "request.timeout"),
        ("/sync/v1/exchange", 503, "request.timeout"),
        ("/files", 400, "upload.cut"),
    ];
    for (path, status, code) in cases {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("tus-resumable", "1.0.0")
            .body(Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()))
            .expect("a request");
        let answer = tokio::time::timeout(Duration::from_secs(5), deployment.raw(request)).await;
        assert_eq!(answer.expect("an answer").problem(status), code, "{path}");
    }
}

#[tokio::test]
async fn challenges_that_were_never_used_are_forgotten() {
    let deployment = Deployment::staffed().await;
    let zhang = deployment.account("zhang").await;
    let kept = deployment.state.ledger.commit(move |tx| {
        async move {
            for old in 0..10u8 {
                store::devices::insert_challenge(tx.conn(), &[old; 32], &zhang, 0, 1).await?;
            }
            store::devices::insert_challenge(tx.conn(), &[99; 32], &zhang, 2, 3).await?;
            let kept = "SELECT COUNT(*) FROM enrolment_challenge";
            let kept: i64 = sqlx::query_scalar(kept).fetch_one(&mut *tx.conn()).await?;
            assert!(!store::devices::take_challenge(tx.conn(), &[99; 32], &zhang, 3).await?, "expired");
            assert!(store::devices::take_challenge(tx.conn(), &[99; 32], &zhang, 2).await?, "in time");
            Ok::<i64, ApiError>(kept)
        }
        .boxed()
    });
    assert_eq!(kept.await.expect("a commit").output, 1);
}

#[tokio::test]
async fn there_is_one_department_at_the_top() {
    let deployment = Deployment::found().await;
    let config = Config::clone(&deployment.state.config);
    let _folder = deployment.close().await;
    let second = |department: &str, login: &str| {
        let account = NewAccount {
            login: login.to_owned(),
            password: PASSWORD.to_owned(),
            name: "第二人".to_owned(),
            certificate_no: String::new(),
            department: None,
            roles: Roles::from([Role::DepartmentAdministrator]),
        };
        founding::found(config.clone(), department.to_owned(), account)
    };
    let mistyped = second("市局 2", "second").await.expect_err("two at the top");
    assert!(mistyped.to_string().contains("department.top_taken"), "{mistyped}");
    second("市局", "second").await.expect("a second administrator of the same");
}
