//! The second factor: who needs one, how it is set up, asked for and reset.

use crate::deployment::{Answer, Deployment, PASSWORD};
use axum::http::StatusCode;
use futures::FutureExt as _;
use liuhen_server::{
    config::{Config, SecondFactorRule},
    ledger::{clock, verify},
};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

pub async fn strict() -> Deployment {
    Deployment::found_with(|config| Config { second_factor: SecondFactorRule::Required, ..config }).await
}

/// The code an authenticator shows `steps` of 30 seconds from now.
pub fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let seconds = u64::try_from(clock::now_ms() / 1000 + 30 * steps).expect("after 1970");
    Builder::new().with_secret(secret).build_noncompliant().generate(seconds).to_string()
}

/// Six digits that are not the code of any step near now.
fn wrong_code(secret: &str) -> String {
    let near: Vec<String> = (-2..=2).map(|steps| code(secret, steps)).collect();
    (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).expect("one of ten")
}

async fn begin(deployment: &Deployment, login: &str) -> String {
    deployment.post(login, "/api/v1/second-factor", &json!({})).await.created()["secret"]
        .as_str()
        .expect("a secret")
        .to_owned()
}

async fn confirm(deployment: &Deployment, login: &str, code: &str) -> Answer {
    deployment.post(login, "/api/v1/second-factor/confirmation", &json!({ "code": code })).await
}

/// Sets a factor up and gives its secret.
pub async fn set_up(deployment: &Deployment, login: &str) -> String {
    let secret = begin(deployment, login).await;
    let confirmed = confirm(deployment, login, &code(&secret, 0)).await;
    assert_eq!(confirmed.status, StatusCode::NO_CONTENT, "{confirmed:?}");
    secret
}

async fn sign_in(deployment: &Deployment, login: &str, password: &str, code: &str) -> Answer {
    let credentials = json!({ "login": login, "password": password, "code": code });
    deployment.post("", "/api/v1/sessions", &credentials).await
}

/// Changes a table behind the server's back.
async fn alter(deployment: &Deployment, sql: &'static str) {
    let altered = deployment.state.ledger.commit(move |tx| {
        async move {
            sqlx::query(sql).execute(tx.conn()).await?;
            Ok(())
        }
        .boxed()
    });
    altered.await.expect("a commit");
}

#[tokio::test]
async fn who_needs_a_second_factor_and_has_none_can_only_set_one_up() {
    let mut deployment = strict().await;
    assert_eq!(deployment.sign_in("admin").await["second_factor"], "missing");
    for (method, path) in [
        ("GET", "/api/v1/accounts"),
        ("GET", "/api/v1/subjects"),
        ("POST", "/api/v1/departments"),
        ("POST", "/api/v1/accounts/current/password"),
    ] {
        let answer = deployment.send("admin", method, path, Some(&json!({}))).await;
        assert_eq!(answer.problem(403), "session.second_factor_missing", "{method} {path}");
    }
    let current = deployment.get("admin", "/api/v1/sessions/current").await.ok();
    assert_eq!((&current["login"], &current["second_factor"]), (&json!("admin"), &json!("missing")));

    let secret = begin(&deployment, "admin").await;
    assert_eq!(secret, begin(&deployment, "admin").await, "a page that is loaded again shows the same");
    let wrong = confirm(&deployment, "admin", &wrong_code(&secret)).await;
    assert_eq!(wrong.problem(409), "second_factor.wrong_code");
    assert_eq!(confirm(&deployment, "admin", &code(&secret, 0)).await.status, StatusCode::NO_CONTENT);
    deployment.get("admin", "/api/v1/accounts").await.ok();
    let current = deployment.get("admin", "/api/v1/sessions/current").await.ok();
    assert_eq!(current["second_factor"], "confirmed");
    let again = deployment.post("admin", "/api/v1/second-factor", &json!({})).await;
    assert_eq!(again.problem(409), "second_factor.already_confirmed");
    deployment.close().await;
}

#[tokio::test]
async fn a_code_is_asked_for_and_is_good_once() {
    let deployment = strict().await;
    let secret = set_up(&deployment, "admin").await;
    let typed = sign_in(&deployment, "admin", PASSWORD, &code(&secret, 0)).await;
    assert_eq!(typed.problem(401), "session.wrong_code", "the code that confirmed it was used");
    let next = code(&secret, 1);
    let session = sign_in(&deployment, "admin", PASSWORD, &next).await.created();
    assert_eq!(session["second_factor"], "confirmed");
    let again = sign_in(&deployment, "admin", PASSWORD, &next).await;
    assert_eq!(again.problem(401), "session.wrong_code");
    deployment.close().await;
}

#[tokio::test]
async fn no_answer_tells_whether_the_password_is_right_to_whom_has_no_code() {
    let deployment = strict().await;
    let secret = set_up(&deployment, "admin").await;
    let (right, wrong) = (code(&secret, 1), wrong_code(&secret));
    let answers = [
        sign_in(&deployment, "admin", PASSWORD, &wrong).await,
        sign_in(&deployment, "admin", "wrong horse battery", &right).await,
        sign_in(&deployment, "admin", "wrong horse battery", &wrong).await,
    ];
    for answer in &answers {
        assert_eq!(answer.problem(401), "session.wrong_code");
        assert_eq!(answer.body["detail"], answers[0].body["detail"]);
    }
    let without = [
        deployment.credentials("admin", PASSWORD).await,
        deployment.credentials("admin", "wrong horse battery").await,
        sign_in(&deployment, "admin", PASSWORD, "  ").await,
    ];
    for answer in &without {
        assert_eq!(answer.problem(401), "session.code_required");
        assert_eq!(answer.body["detail"], without[0].body["detail"]);
    }
}

#[tokio::test]
async fn a_login_that_nobody_has_may_be_asked_for_a_code_too_and_always_or_never() {
    let deployment = strict().await;
    let mut codes = Vec::new();
    for n in 0..40 {
        let login = format!("nobody{n}");
        let first = deployment.credentials(&login, PASSWORD).await.problem(401);
        assert_eq!(first, deployment.credentials(&login, PASSWORD).await.problem(401));
        let expected = match first.as_str() {
            "session.code_required" => "session.wrong_code",
            _ => "session.wrong_credentials",
        };
        assert_eq!(sign_in(&deployment, &login, PASSWORD, "123456").await.problem(401), expected);
        codes.push(first);
    }
    for code in ["session.code_required", "session.wrong_credentials"] {
        assert!(codes.iter().any(|known| known == code), "{code}: {codes:?}");
    }
}

#[tokio::test]
async fn guessing_codes_has_to_wait_like_guessing_passwords() {
    let deployment = strict().await;
    let secret = set_up(&deployment, "admin").await;
    let wrong = wrong_code(&secret);
    for _ in 0..10 {
        assert_eq!(sign_in(&deployment, "admin", PASSWORD, &wrong).await.problem(401), "session.wrong_code");
    }
    let locked = sign_in(&deployment, "admin", PASSWORD, &code(&secret, 1)).await;
    assert_eq!(locked.problem(429), "session.locked");
}

#[tokio::test]
async fn a_used_code_that_is_sent_again_counts_as_a_guess() {
    let deployment = strict().await;
    let secret = set_up(&deployment, "admin").await;
    let used = code(&secret, 0);
    for _ in 0..10 {
        assert_eq!(sign_in(&deployment, "admin", PASSWORD, &used).await.problem(401), "session.wrong_code");
    }
    let locked = sign_in(&deployment, "admin", PASSWORD, &code(&secret, 1)).await;
    assert_eq!(locked.problem(429), "session.locked");
}

#[tokio::test]
async fn a_code_sent_twice_at_once_opens_one_sign_in() {
    let deployment = strict().await;
    let secret = set_up(&deployment, "admin").await;
    let next = code(&secret, 1);
    let tries = (0..6).map(|_| sign_in(&deployment, "admin", PASSWORD, &next));
    let answers = futures::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn an_administrator_resets_a_factor_and_its_sign_ins_end() {
    let mut deployment = strict().await;
    set_up(&deployment, "admin").await;
    let wang = deployment.hire("wang", &["supervisor"], None).await;
    let path = format!("/api/v1/accounts/{wang}/second-factor");
    let none = deployment.send("admin", "DELETE", &path, None).await;
    assert_eq!(none.problem(409), "second_factor.unknown");
    let old = set_up(&deployment, "wang").await;
    let own = deployment.send("wang", "DELETE", &path, None).await;
    assert_eq!(own.problem(403), "access.denied");
    let admin = deployment.account("admin").await;
    let path_of_own = format!("/api/v1/accounts/{admin}/second-factor");
    let own = deployment.send("admin", "DELETE", &path_of_own, None).await;
    assert_eq!(own.problem(403), "account.own_change");

    let removed = deployment.send("admin", "DELETE", &path, None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    assert_eq!(deployment.get("wang", "/api/v1/sessions/current").await.problem(401), "session.ended");
    assert_eq!(deployment.sign_in("wang").await["second_factor"], "missing");
    let new = set_up(&deployment, "wang").await;
    assert_ne!(old, new);
    let unknown = deployment.send("admin", "DELETE", "/api/v1/accounts/x/second-factor", None).await;
    assert_eq!(unknown.problem(404), "account.unknown");
    deployment.close().await;
}

#[tokio::test]
async fn nobody_resets_the_factor_of_an_auditor_who_may_not_appoint_one() {
    let mut deployment = strict().await;
    set_up(&deployment, "admin").await;
    let below = deployment.post("admin", "/api/v1/departments", &json!({ "name": "分局" })).await.created();
    let below = below["id"].as_str().expect("an id").to_owned();
    let shen = deployment.hire("shen", &["auditor"], Some(&below)).await;
    set_up(&deployment, "shen").await;
    deployment.hire("liu", &["department_administrator"], Some(&below)).await;
    set_up(&deployment, "liu").await;
    let path = format!("/api/v1/accounts/{shen}/second-factor");
    assert_eq!(deployment.send("liu", "DELETE", &path, None).await.problem(403), "access.denied");
    assert_eq!(deployment.send("admin", "DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    deployment.close().await;
}

#[tokio::test]
async fn a_role_that_needs_a_factor_needs_it_from_the_next_sign_in() {
    let mut deployment = strict().await;
    set_up(&deployment, "admin").await;
    let zhang = deployment.hire("zhang", &["inspector"], None).await;
    let current = deployment.get("zhang", "/api/v1/sessions/current").await.ok();
    assert_eq!(current["second_factor"], "not_required");
    deployment.get("zhang", "/api/v1/subjects").await.ok();
    let change = json!({ "roles": ["inspector", "supervisor"] });
    deployment.send("admin", "PATCH", &format!("/api/v1/accounts/{zhang}"), Some(&change)).await.ok();
    assert_eq!(deployment.get("zhang", "/api/v1/subjects").await.problem(401), "session.ended");
    assert_eq!(deployment.sign_in("zhang").await["second_factor"], "missing");
    let answer = deployment.get("zhang", "/api/v1/subjects").await;
    assert_eq!(answer.problem(403), "session.second_factor_missing");
    set_up(&deployment, "zhang").await;
    deployment.get("zhang", "/api/v1/subjects").await.ok();
    deployment.close().await;
}

#[tokio::test]
async fn a_secret_belongs_to_the_sign_in_that_was_shown_it_and_confirming_ends_the_others() {
    let mut deployment = strict().await;
    let shown = begin(&deployment, "admin").await;
    let refresh_token = deployment.sign_in("admin").await["refresh_token"].clone();
    let foreign = confirm(&deployment, "admin", &code(&shown, 0)).await;
    assert_eq!(foreign.problem(409), "second_factor.not_begun");
    let own = begin(&deployment, "admin").await;
    assert_ne!(shown, own);
    assert_eq!(
        confirm(&deployment, "admin", &code(&shown, 0)).await.problem(409),
        "second_factor.wrong_code"
    );

    let other: Value = deployment.credentials("admin", PASSWORD).await.created();
    assert_eq!(confirm(&deployment, "admin", &code(&own, 0)).await.status, StatusCode::NO_CONTENT);
    let ended = json!({ "refresh_token": other["refresh_token"] });
    let ended = deployment.post("", "/api/v1/sessions/refresh", &ended).await;
    assert_eq!(ended.problem(401), "session.ended");
    let goes_on = json!({ "refresh_token": refresh_token });
    let session = deployment.post("", "/api/v1/sessions/refresh", &goes_on).await.ok();
    assert_eq!(session["second_factor"], "confirmed");
}

#[tokio::test]
async fn a_secret_that_was_not_confirmed_in_time_is_gone() {
    let deployment = strict().await;
    let shown = begin(&deployment, "admin").await;
    alter(&deployment, "UPDATE second_factor_pending SET expires_at_ms = 0").await;
    let late = confirm(&deployment, "admin", &code(&shown, 0)).await;
    assert_eq!(late.problem(409), "second_factor.not_begun");
    assert_ne!(shown, begin(&deployment, "admin").await);
}

#[tokio::test]
async fn where_it_is_optional_nobody_is_stopped_and_whoever_set_one_up_is_asked() {
    let deployment = Deployment::staffed().await;
    deployment.get("wang", "/api/v1/accounts").await.ok();
    let secret = set_up(&deployment, "wang").await;
    assert_eq!(deployment.credentials("wang", PASSWORD).await.problem(401), "session.code_required");
    sign_in(&deployment, "wang", PASSWORD, &code(&secret, 1)).await.created();
    deployment.close().await;
}

#[tokio::test]
async fn the_ledger_commits_to_the_factor_and_does_not_hold_its_secret() {
    let deployment = strict().await;
    let shown = set_up(&deployment, "admin").await;
    let secret = Secret::try_from_base32(&shown).expect("base32").as_ref().to_vec();
    let mut conn = deployment.state.store.read().await.expect("a reader");
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM act").fetch_all(&mut *conn).await.expect("acts");
    drop(conn);
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    for body in &bodies {
        assert!(!holds(body, &secret) && !holds(body, shown.as_bytes()), "the secret is in an act");
    }
    alter(&deployment, "UPDATE second_factor SET secret = zeroblob(20)").await;
    let report = verify::check(deployment.folder.path()).await.expect("a readable folder");
    assert!(!report.verified);
    assert!(format!("{report:?}").contains("second_factor"), "{report:?}");
}
