//! `liuhen admin`, while the server runs and while it does not, and what a client sends twice because
//! the server died in between.

use liuhen_tests::harness::{
    authenticator::Authenticator,
    server::{self, ADMIN_LOGIN, ADMIN_PASSWORD, Launch, Server},
    server_program,
    supervisor::{Api, Reply, text},
};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

const NEW_PASSWORD: &str = "another long password";

fn admin(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(server_program().expect("built"));
    command.arg("admin").args(arguments).arg("--data").arg(data);
    command.env("LIUHEN_ADMIN_PASSWORD", NEW_PASSWORD).output().expect("it starts")
}

fn sign_in(server: &Server, login: &str, password: &str) -> Reply {
    let credentials = json!({ "login": login, "password": password });
    Api::new(&server.url()).try_post("/api/v1/sessions", &credentials).expect("an answer")
}

fn verified(data: &Path) {
    server::verify_ledger(data).expect("the ledger verifies");
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", server::shown(output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[track_caller]
fn refused(output: &Output, said: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains(said), "{}", server::shown(output));
}

fn create_li(data: &Path) -> Output {
    admin(data, &["create", "--login", "li", "--name", "李娜", "--department", "市场监督管理局"])
}

#[test]
fn orders_are_carried_out_by_the_server_that_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::create(folder.path()).expect("a server");
    assert_eq!(succeeded(&create_li(folder.path())).len(), 32, "an id");
    refused(&create_li(folder.path()), "account.login_taken");
    assert_eq!(sign_in(&server, "li", NEW_PASSWORD).status, 201);

    let before = server.admin().expect("a sign-in");
    succeeded(&admin(folder.path(), &["reset", "--login", ADMIN_LOGIN, "--password"]));
    assert_eq!(before.send("GET", "/api/v1/accounts", &[], &[]).expect("an answer").code(), "session.ended");
    assert_eq!(sign_in(&server, ADMIN_LOGIN, ADMIN_PASSWORD).code(), "session.wrong_credentials");
    assert_eq!(sign_in(&server, ADMIN_LOGIN, NEW_PASSWORD).status, 201);

    for _ in 0..10 {
        sign_in(&server, "li", "wrong horse battery");
    }
    assert_eq!(sign_in(&server, "li", NEW_PASSWORD).code(), "session.locked");
    succeeded(&admin(folder.path(), &["unlock", "--login", "li"]));
    assert_eq!(sign_in(&server, "li", NEW_PASSWORD).status, 201);
    refused(&admin(folder.path(), &["unlock", "--login", "nobody"]), "account.unknown");
    refused(&admin(folder.path(), &["reset", "--login", "li"]), "--password");

    let socket = folder.path().join("control.sock");
    let mode = fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop().expect("it stops");
    verified(folder.path());
}

#[test]
fn orders_are_carried_out_in_a_folder_that_nobody_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::create(folder.path()).expect("a server");
    server.kill().expect("it ends");
    assert!(folder.path().join("control.sock").exists(), "a dead server leaves its socket");
    succeeded(&create_li(folder.path()));
    succeeded(&admin(folder.path(), &["reset", "--login", ADMIN_LOGIN, "--password", "--second-factor"]));
    succeeded(&admin(folder.path(), &["unlock", "--login", ADMIN_LOGIN]));
    verified(folder.path());
    let server = Server::open(folder.path()).expect("it starts again");
    assert_eq!(sign_in(&server, ADMIN_LOGIN, NEW_PASSWORD).status, 201);
    assert_eq!(sign_in(&server, "li", NEW_PASSWORD).status, 201);
}

#[test]
fn nobody_else_of_the_machine_reads_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("made/by/the/server");
    Server::create(&data).expect("a server").stop().expect("it stops");
    assert_eq!(fs::metadata(&data).expect("a folder").permissions().mode() & 0o777, 0o700);
}

#[test]
fn root_gives_no_order_in_the_folder_of_a_user_who_could_not_serve_it_afterwards() {
    const SOMEBODY: u32 = 1000;
    let folder = tempfile::tempdir().expect("a folder");
    Server::create(folder.path()).expect("a server").stop().expect("it stops");
    if std::os::unix::fs::chown(folder.path(), Some(SOMEBODY), None).is_err() {
        // Only root can give a folder away, and only root is warned.
        return;
    }
    let before = fs::read(folder.path().join("signer/checkpoint")).expect("a checkpoint");
    refused(&create_li(folder.path()), "of user 1000");
    assert_eq!(fs::read(folder.path().join("signer/checkpoint")).expect("a checkpoint"), before);
    let server = Server::open(folder.path()).expect("it starts");
    succeeded(&create_li(folder.path()));
    server.stop().expect("it stops");
    verified(folder.path());
}

#[test]
fn a_lost_authenticator_is_taken_away_and_the_next_sign_in_sets_up_another() {
    let folder = tempfile::tempdir().expect("a folder");
    Server::create(folder.path()).expect("a server").stop().expect("it stops");
    let server = Server::launch(folder.path(), Launch { second_factor: true, ..Launch::default() });
    let server = server.expect("a server");
    let session = sign_in(&server, ADMIN_LOGIN, ADMIN_PASSWORD).json();
    assert_eq!(session["second_factor"], "missing");
    let api = Api::signed_in(&server.url(), ADMIN_LOGIN, ADMIN_PASSWORD).expect("a sign-in");
    let missing = api.send("GET", "/api/v1/accounts", &[], &[]).expect("an answer");
    assert_eq!((missing.status, missing.code().as_str()), (403, "session.second_factor_missing"));
    let begun = api.post("/api/v1/second-factor", &json!({})).expect("a secret");
    let authenticator = Authenticator::new(text(&begun, "secret").expect("a secret")).expect("base32");
    let code = json!({ "code": authenticator.fresh_code().expect("a code") });
    let confirmed = api.try_post("/api/v1/second-factor/confirmation", &code).expect("an answer");
    assert_eq!(confirmed.status, 204, "{confirmed}");
    assert_eq!(api.send("GET", "/api/v1/accounts", &[], &[]).expect("an answer").status, 200);
    assert_eq!(sign_in(&server, ADMIN_LOGIN, ADMIN_PASSWORD).code(), "session.code_required");

    succeeded(&admin(folder.path(), &["reset", "--login", ADMIN_LOGIN, "--second-factor"]));
    assert_eq!(api.send("GET", "/api/v1/accounts", &[], &[]).expect("an answer").code(), "session.ended");
    let session = sign_in(&server, ADMIN_LOGIN, ADMIN_PASSWORD).json();
    assert_eq!(session["second_factor"], "missing");
    server.stop().expect("it stops");
    verified(folder.path());
}

#[test]
fn what_is_sent_again_after_the_server_died_is_carried_out_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::create(folder.path()).expect("a server");
    let body = json!([{ "name": "甲餐馆" }]);
    let send = |server: &Server| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "the-one")];
        let admin = server.admin().expect("a sign-in");
        admin.send("POST", "/api/v1/subjects", &headers, body.to_string().as_bytes()).expect("an answer")
    };
    let first = send(&server);
    assert_eq!(first.status, 201, "{first}");
    for _ in 0..2 {
        server = server.kill_and_reopen().expect("it starts again");
        assert_eq!(send(&server), first);
    }
    let registered = server.admin().expect("a sign-in").list("/api/v1/subjects").expect("a list");
    assert_eq!(registered.len(), 1);
    server.stop().expect("it stops");
    verified(folder.path());
}
