//! Requests that overtake each other.

use crate::{
    casework::{Office, id},
    deployment::{Answer, Deployment, PASSWORD},
};
use futures::{FutureExt as _, future::join_all};
use liuhen_server::{
    acts::{
        access::{
            Actor,
            accounts::{self, AccountChange, AccountState},
        },
        registry::subjects,
    },
    ledger::NewAct,
};
use serde_json::json;
use std::collections::BTreeMap;

fn codes(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut codes = BTreeMap::new();
    for answer in answers {
        let code = match answer.status.is_success() {
            true => "ok".to_owned(),
            false => answer.problem(answer.status.as_u16()),
        };
        *codes.entry(code).or_default() += 1;
    }
    codes
}

fn counted<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(code, count)| (code.to_owned(), count)).collect()
}

async fn actor(deployment: &Deployment, account: &str) -> Actor {
    let mut conn = deployment.state.store.read().await.expect("a reader");
    Actor::load(&mut conn, account).await.expect("a query").expect("an account")
}

#[tokio::test]
async fn what_somebody_planned_before_their_deactivation_is_not_written_after_it() {
    let mut deployment = Deployment::found().await;
    let wang = deployment.hire("wang", &["supervisor"], None).await;
    let authorised = actor(&deployment, &wang).await;
    let path = format!("/api/v1/accounts/{wang}");
    deployment.send("admin", "PATCH", &path, Some(&json!({ "state": "inactive" }))).await.ok();
    let wish = serde_json::from_value(json!({ "name": "某餐馆" })).expect("a subject");
    let late = subjects::register(&deployment.state, &authorised, vec![wish]).await;
    assert_eq!(late.expect_err("a refusal").code(), "access.changed_meanwhile");
    deployment.close().await;
}

#[tokio::test]
async fn two_administrators_cannot_put_each_other_out_at_once() {
    let mut deployment = Deployment::found().await;
    let (first, second) = (
        deployment.account("admin").await,
        deployment.hire("second", &["department_administrator"], None).await,
    );
    let (one, other) = (actor(&deployment, &first).await, actor(&deployment, &second).await);
    let out = || AccountChange { state: Some(AccountState::Inactive), ..AccountChange::default() };
    let state = &deployment.state;
    let (a, b) = tokio::join!(
        accounts::change(state, &one, &second, out()),
        accounts::change(state, &other, &first, out())
    );
    assert_eq!([a.is_ok(), b.is_ok()].into_iter().filter(|ok| *ok).count(), 1, "{a:?} {b:?}");
    deployment.close().await;
}

#[tokio::test]
async fn a_refresh_token_used_twice_at_once_is_good_once_and_ends_the_sign_in() {
    let mut deployment = Deployment::found().await;
    let session = deployment.sign_in("admin").await;
    let body = json!({ "refresh_token": session["refresh_token"] });
    let answers = join_all((0..8).map(|_| deployment.post("", "/api/v1/sessions/refresh", &body))).await;
    assert_eq!(codes(&answers), counted([("ok", 1), ("session.refresh_reused", 7)]));
    let won = answers.iter().find(|answer| answer.status.is_success()).expect("one");
    let body = json!({ "refresh_token": won.body["refresh_token"] });
    let after = deployment.post("", "/api/v1/sessions/refresh", &body).await;
    assert_eq!(after.problem(401), "session.refresh_reused");
}

#[tokio::test]
async fn guessing_at_once_has_to_wait_like_guessing_in_a_row() {
    let deployment = Deployment::found().await;
    let answers = join_all((0..40).map(|_| deployment.credentials("admin", "wrong horse battery"))).await;
    assert_eq!(codes(&answers), counted([("session.locked", 30), ("session.wrong_credentials", 10)]));
}

#[tokio::test]
async fn an_old_password_opens_no_session_that_outlives_its_change() {
    let mut deployment = Deployment::found().await;
    let wang = deployment.hire("wang", &["supervisor"], None).await;
    let admin = actor(&deployment, &deployment.account("admin").await).await;
    let state = &deployment.state;
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let blocked = state.ledger.commit(move |_| {
        async move {
            let _ = held.await;
            Ok(())
        }
        .boxed()
    });
    let password = Some("another long password".to_owned());
    let changed =
        accounts::change(state, &admin, &wang, AccountChange { password, ..AccountChange::default() });
    // Longer than a request takes to come to the commit.
    let a_while = async || {
        for _ in 0..100 {
            actor(&deployment, &wang).await;
        }
    };
    let signed_in = async {
        a_while().await;
        deployment.credentials("wang", PASSWORD).await
    };
    let both_wait = async {
        a_while().await;
        a_while().await;
        release.send(()).expect("the committer waits");
    };
    let (_, changed, signed_in, ()) = tokio::join!(blocked, changed, signed_in, both_wait);
    changed.expect("a change");
    if let Some(token) = signed_in.body["refresh_token"].as_str() {
        let answer =
            deployment.post("", "/api/v1/sessions/refresh", &json!({ "refresh_token": token })).await;
        assert_eq!(answer.problem(401), "session.ended");
    }
}

#[tokio::test]
async fn of_two_who_take_the_same_name_or_version_one_is_told() {
    let deployment = Deployment::staffed().await;
    let department = json!({ "name": "分局" });
    let answers =
        join_all((0..6).map(|_| deployment.post("admin", "/api/v1/departments", &department))).await;
    assert_eq!(codes(&answers), counted([("department.name_taken", 5), ("ok", 1)]));
    let account = json!({ "login": "new", "password": PASSWORD, "name": "新", "roles": ["supervisor"] });
    let answers = join_all((0..6).map(|_| deployment.post("admin", "/api/v1/accounts", &account))).await;
    assert_eq!(codes(&answers), counted([("account.login_taken", 5), ("ok", 1)]));
    let versions: Vec<_> =
        (0..6).map(|n| crate::casework::checklist(1, if n == 0 { "甲" } else { "乙" })).collect();
    let answers =
        join_all(versions.iter().map(|body| deployment.post("wang", "/api/v1/checklists", body))).await;
    let codes = codes(&answers);
    assert_eq!(codes.values().sum::<usize>(), 6);
    assert!(codes.keys().all(|code| ["ok", "checklist.version_taken"].contains(&code.as_str())), "{codes:?}");
    deployment.close().await;
}

#[tokio::test]
async fn a_task_is_recalled_once_and_reassigned_in_some_order() {
    let office = Office::open().await;
    let task = id(&office.issue(&[&office.zhang]).await["id"]);
    let path = |what: &str| format!("/api/v1/tasks/{task}/{what}");
    let to = |who: &str| json!({ "assignees": [who], "reason": "换人" });
    let (zhang, li, recall) = (to(&office.zhang), to(&office.li), json!({ "reason": "重复" }));
    let assignment = path("assignment");
    let wishes = [&zhang, &li, &zhang, &li, &zhang, &li];
    let answers = join_all(wishes.iter().map(|wish| office.deployment.post("wang", &assignment, wish))).await;
    assert_eq!(codes(&answers), counted([("ok", 6)]));
    let back = path("recall");
    let answers = join_all((0..6).map(|_| office.deployment.post("wang", &back, &recall))).await;
    assert_eq!(codes(&answers), counted([("ok", 1), ("task.already_recalled", 5)]));
    office.deployment.close().await;
}

#[tokio::test]
async fn what_a_caller_who_left_had_asked_for_is_committed_whole() {
    let deployment = Deployment::found().await;
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let ledger = deployment.state.ledger.clone();
    let blocked = tokio::spawn(async move {
        let blocked = ledger.commit(move |_| {
            async move {
                let _ = held.await;
                Ok(())
            }
            .boxed()
        });
        blocked.await.map(|committed| committed.state.size)
    });
    let act =
        NewAct { kind: "test.act", actor: None, detail: json!({}), rows: Vec::new(), blobs: Vec::new() };
    let mut left = Box::pin(deployment.state.ledger.commit(move |tx| tx.act(act).boxed()));
    assert!(left.as_mut().now_or_never().is_none());
    drop(left);
    release.send(()).expect("the committer waits");
    let size = blocked.await.expect("no panic").expect("a commit");
    let after = deployment.post("admin", "/api/v1/departments", &json!({ "name": "分局" })).await;
    after.created();
    assert_eq!(deployment.state.ledger.latest().state.size, size.max(3) + 1);
    deployment.close().await;
}
