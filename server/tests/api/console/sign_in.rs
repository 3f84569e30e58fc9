//! Signing in, staying signed in, and one's own account.

use super::{Browser, hidden, html, location, page};
use crate::{
    casework::Office,
    deployment::{Deployment, PASSWORD},
    second_factor,
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use liuhen_server::{
    acts::access::tokens::Audience,
    config::{Config, SecondFactorRule},
    ledger::clock,
};
use serde_json::json;

#[tokio::test]
async fn a_wrong_password_is_told_and_never_echoed() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::new(&deployment);
    let answer = browser.post("/console/sign-in", &[("login", "wang"), ("password", "secret guess")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(html(&answer).contains("账号或密码不正确"));
    assert!(html(&answer).contains("value=\"wang\"") && !html(&answer).contains("secret guess"));
    location(&browser.get("/console").await);
}

#[tokio::test]
async fn the_cookie_is_for_this_server_alone_and_ends_with_the_sign_out() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::new(&deployment);
    let answer = browser.sign_in("wang").await;
    let cookie = answer.headers["set-cookie"].to_str().expect("plain text").to_owned();
    for part in ["liuhen_console=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "over plain HTTP it would never come back");
    let mut tls = Browser::new(&deployment);
    let fields = [("login", "wang"), ("password", PASSWORD)];
    let refused = tls.post_from(Some("https://console.example"), "/console/sign-in", &fields).await;
    let over_tls = refused.headers["set-cookie"].to_str().expect("plain text");
    assert!(over_tls.starts_with("__Host-liuhen_console=") && over_tls.contains("Secure"), "{over_tls}");

    let token = cookie.split(['=', ';']).nth(1).expect("a token").to_owned();
    let home = browser.get("/console").await;
    assert!(!page(&home).contains(&token), "no page carries the token");
    location(&browser.post("/console/sign-out", &[]).await);
    let mut thief = Browser::new(&deployment);
    thief.cookies.push(("liuhen_console".into(), token));
    assert!(location(&thief.get("/console").await).starts_with("/console/sign-in"), "it is over for good");
}

#[tokio::test]
async fn who_needs_a_second_factor_is_led_to_it_first() {
    let with_factor = |config| Config { second_factor: SecondFactorRule::Required, ..config };
    let deployment = Deployment::found_with(with_factor).await;
    let mut browser = Browser::signed_in(&deployment, "admin").await;
    for path in ["/console", "/console/accounts", "/console/account"] {
        assert_eq!(location(&browser.get(path).await), "/console/account/second-factor", "{path}");
    }
    let answer = browser.get("/console/account/second-factor").await;
    let setup = page(&answer);
    assert!(setup.contains("data:image/svg+xml;base64,"), "{setup}");
    let wrong = browser.post("/console/account/second-factor", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&wrong).contains("动态口令不正确"));
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_the_present_one() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::signed_in(&deployment, "zhang").await;
    let path = "/console/account/password";
    let change = |current: &'static str, new: &'static str, again: &'static str| {
        [("once", "1"), ("current_password", current), ("new_password", new), ("new_password_again", again)]
    };
    let refused = [
        (change(PASSWORD, "a quiet new sentence", "a quiet new sentense"), "两次输入的新密码不一致"),
        (change("not mine at all", "a quiet new sentence", "a quiet new sentence"), "当前密码不正确"),
        (change(PASSWORD, "short", "short"), "密码过短"),
    ];
    for (fields, told) in refused {
        let answer = browser.post(path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        assert!(html(&answer).contains(told), "{}", html(&answer));
        assert!(!html(&answer).contains("a quiet new sentence"), "no password comes back");
    }
    for _ in 0..2 {
        let form = change(PASSWORD, "a quiet new sentence", "a quiet new sentence");
        let done = browser.post(path, &form).await;
        assert_eq!(location(&done), "/console/account?done=password", "sent twice, it is done once");
    }
    assert!(page(&browser.get("/console/account?done=password").await).contains("密码已修改"));
}

#[tokio::test]
async fn a_form_sent_when_the_sign_in_had_ended_goes_on_after_the_next_one() {
    let office = Office::open().await;
    let task = office.issue(&[&office.zhang, &office.li]).await;
    let task = task["id"].as_str().expect("an id");
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    browser.forget_everything();
    let path = format!("/console/tasks/{task}/recall");
    let fields = [("reason", "对象已停业"), ("once", "k-1"), ("password", "hush")];
    let asked = browser.post(&path, &fields).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let asked = html(&asked).to_owned();
    assert!(asked.contains("没有丢失") && !asked.contains("hush"));
    let (resume_path, body) = (hidden(&asked, "resume_path"), hidden(&asked, "resume_body"));
    let body = body.replace("&#38;", "&").replace("&amp;", "&");
    let sign_in =
        [("login", "wang"), ("password", PASSWORD), ("resume_path", resume_path), ("resume_body", &body)];
    let resumed = browser.post("/console/sign-in", &sign_in).await;
    let resumed = page(&resumed).to_owned();
    assert_eq!(hidden(&resumed, "reason"), "对象已停业");
    assert!(resumed.contains(&format!("action=\"{path}\"")));
    let done = browser.post(&path, &[("reason", hidden(&resumed, "reason")), ("once", "k-1")]).await;
    assert_eq!(location(&done), format!("/console/tasks/{task}?done=recalled"));
}

#[tokio::test]
async fn a_cookie_that_came_over_tls_is_renewed_and_removed_as_one() {
    let deployment = Deployment::staffed().await;
    let mut browser = Browser::new(&deployment);
    let fields = [("login", "wang"), ("password", PASSWORD)];
    location(&browser.post_from(Some("https://console.example"), "/console/sign-in", &fields).await);
    // As one that was given out ten minutes ago; a read over TLS says nothing of TLS.
    let (wang, now_ms) = (deployment.account("wang").await, clock::now_ms());
    let old = deployment.state.tokens.check(Audience::Console, &browser.cookies[0].1).expect("our own");
    let old = deployment.state.tokens.issue(Audience::Console, &wang, &old.sid, now_ms - 600_000);
    browser.cookies[0].1 = old.expect("a token");
    let home = browser.get("/console").await;
    page(&home);
    let renewed = home.headers["set-cookie"].to_str().expect("plain text");
    assert!(renewed.starts_with("__Host-liuhen_console=") && renewed.contains("Secure"), "{renewed}");
    let out = browser.post_from(Some("https://console.example"), "/console/sign-out", &[]).await;
    let removed = out.headers["set-cookie"].to_str().expect("plain text");
    assert!(removed.starts_with("__Host-liuhen_console=;") && removed.contains("Secure"), "{removed}");
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn over_tls_a_neighbours_cookie_signs_nobody_in() {
    let deployment = Deployment::staffed().await;
    let mut neighbour = Browser::signed_in(&deployment, "wang").await;
    page(&neighbour.get("/console").await);
    let tossed = format!("liuhen_console={}", neighbour.cookies[0].1);
    let request = Request::get("/console").header("x-forwarded-proto", "https").header("cookie", tossed);
    let answer = deployment.raw(request.body(Body::empty()).expect("a request")).await;
    assert!(location(&answer).starts_with("/console/sign-in"), "{answer:?}");
}

#[tokio::test]
async fn codes_and_guesses_count_at_the_console_and_in_the_api_alike() {
    let deployment = second_factor::strict().await;
    let secret = second_factor::set_up(&deployment, "admin").await;
    let next = second_factor::code(&secret, 1);
    let mut browser = Browser::new(&deployment);
    let fields = [("login", "admin"), ("password", PASSWORD), ("code", next.as_str())];
    assert_eq!(location(&browser.post("/console/sign-in", &fields).await), "/console");
    let again = json!({ "login": "admin", "password": PASSWORD, "code": next });
    let replayed = deployment.post("", "/api/v1/sessions", &again).await;
    assert_eq!(replayed.problem(401), "session.wrong_code");
    for _ in 0..9 {
        let guess = [("login", "Admin"), ("password", "wrong horse battery"), ("code", "000000")];
        let refused = Browser::new(&deployment).post("/console/sign-in", &guess).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    let locked = deployment.post("", "/api/v1/sessions", &again).await;
    assert_eq!(locked.problem(429), "session.locked");
    let told = Browser::new(&deployment).post("/console/sign-in", &fields).await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(html(&told).contains("失败次数过多"));
    page(&browser.get("/console").await);
}
