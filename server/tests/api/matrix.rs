//! Every operation of the API, tried by every role on what belongs to their own department and on what
//! belongs to another one.

use crate::{
    casework::{Office, id},
    deployment::{Answer, Deployment, PASSWORD},
    devices,
};
use liuhen_trace::SoftwareKey;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ALL: &str = "isda";
const NOBODY: &str = "";

/// Who may: **i**nspectors, **s**upervisors, **d**epartment administrators, **a**uditors. First in their own
/// department, then in another. An inspector's own task is theirs.
///
/// Operations without an object of a department stand with the same letters twice.
const RULES: [(&str, &str, &str); 48] = [
    ("POST /sessions", ALL, ALL),
    ("POST /sessions/refresh", ALL, ALL),
    ("GET /sessions/current", ALL, ALL),
    ("POST /second-factor", ALL, ALL),
    ("POST /second-factor/confirmation", ALL, ALL),
    ("GET /departments", ALL, ALL),
    ("POST /departments", "d", NOBODY),
    ("GET /accounts", "sda", "sda"),
    ("POST /accounts", "d", NOBODY),
    ("POST /accounts/current/password", ALL, ALL),
    ("GET /accounts/{account}", "sda", "a"),
    ("PATCH /accounts/{account}", "d", NOBODY),
    ("DELETE /accounts/{account}/second-factor", "d", NOBODY),
    ("GET /devices", ALL, ALL),
    ("POST /devices", "i", "i"),
    ("POST /devices/challenge", "i", "i"),
    ("POST /devices/{device}/revocation", "id", NOBODY),
    ("GET /subjects", ALL, ALL),
    ("POST /subjects", "sd", NOBODY),
    ("GET /subjects/{subject}", ALL, "a"),
    ("PATCH /subjects/{subject}", "sd", NOBODY),
    ("GET /subjects/{subject}/dossier", ALL, "a"),
    ("POST /imports/subjects", "sd", NOBODY),
    ("GET /exports/subjects", ALL, ALL),
    ("GET /exports/tasks", ALL, ALL),
    ("GET /exports/findings", ALL, ALL),
    ("GET /checklists", ALL, ALL),
    ("POST /checklists", "sd", "sd"),
    ("GET /checklists/{checklist}", ALL, ALL),
    ("GET /checklists/{checklist}/file", ALL, ALL),
    ("GET /tasks", ALL, ALL),
    ("GET /tasks/figures", ALL, ALL),
    ("GET /tasks/{task}", "isa", "a"),
    ("GET /tasks/{task}/steps", "isa", "a"),
    ("GET /visits/{visit}", "isa", "a"),
    ("GET /visits/{visit}/trace", "isa", "a"),
    ("GET /visits/{visit}/reviews", "isa", "a"),
    ("GET /visits/{visit}/evidence", "isa", "a"),
    ("POST /visits/{visit}/reviews", "s", NOBODY),
    ("POST /visits/{visit}/resolutions", "s", NOBODY),
    ("GET /conflicts", "sa", "sa"),
    ("GET /evidence", "sa", "sa"),
    ("GET /inspectors", "s", "s"),
    ("GET /changes", ALL, ALL),
    ("GET /ledger/checkpoint", ALL, ALL),
    ("POST /tasks", "s", NOBODY),
    ("POST /tasks/{task}/assignment", "s", NOBODY),
    ("POST /tasks/{task}/recall", "s", NOBODY),
];

/// Not in [`RULES`]: what ends the sign-in that is tried with, and files, which a phone has to hand in first
/// (`tests/exchange/pictures.rs`).
const ELSEWHERE: [&str; 4] = [
    "DELETE /sessions/current",
    "GET /evidence/{evidence}",
    "GET /evidence/{evidence}/preview",
    "GET /evidence/{evidence}/thumbnail",
];

const ROLES: [(char, &str); 4] =
    [('i', "inspector"), ('d', "department_administrator"), ('a', "auditor"), ('s', "supervisor")];

/// A department with somebody in each role, a bystander, and one thing of each kind.
struct Side {
    name: &'static str,
    department: String,
    /// An account that none of those is who try.
    account: String,
    device: String,
    subject: String,
    checklist: String,
    task: String,
    visit: String,
}

impl Side {
    async fn found(office: &mut Office, name: &'static str, seed: u8) -> Self {
        let deployment = &mut office.deployment;
        let new = json!({ "name": format!("{name} department") });
        let department = id(&deployment.post("admin", "/api/v1/departments", &new).await.created()["id"]);
        for (letter, role) in ROLES {
            deployment.hire(&login(name, letter), &[role], Some(&department)).await;
        }
        let account = deployment.hire(&login(name, 'x'), &["inspector"], Some(&department)).await;
        let inspector = deployment.account(&login(name, 'i')).await;
        let (key, supervisor) = (SoftwareKey::from_seed([seed; 32]), login(name, 's'));
        let device = devices::enrol(deployment, &login(name, 'i'), &key).await.created();
        let subject = json!({ "name": format!("{name} subject") });
        let subject = deployment.post(&supervisor, "/api/v1/subjects", &subject).await.created();
        let subject = id(&subject["items"][0]["id"]);
        let task = json!({
            "subject": subject, "checklist": office.checklist, "assignees": [inspector],
            "instructions": format!("{name} instructions"),
        });
        let task = deployment.post(&supervisor, "/api/v1/tasks", &task).await.created()["items"][0].clone();
        Self {
            name,
            department,
            account,
            device: id(&device["device"]),
            subject,
            checklist: office.checklist.clone(),
            task: id(&task["id"]),
            visit: id(&task["visit"]),
        }
    }

    fn path(&self, template: &str) -> String {
        let ids = [
            ("{account}", &self.account),
            ("{device}", &self.device),
            ("{subject}", &self.subject),
            ("{checklist}", &self.checklist),
            ("{task}", &self.task),
            ("{visit}", &self.visit),
        ];
        ids.into_iter().fold(format!("/api/v1{template}"), |path, (place, id)| path.replace(place, id))
    }

    /// What nobody of another department but an auditor is told.
    fn told_in(&self, text: &str) -> Option<String> {
        let marks = ["department", "subject", "instructions"].map(|kind| format!("{} {kind}", self.name));
        let ids = [&self.department, &self.account, &self.device, &self.subject, &self.task, &self.visit];
        marks.into_iter().chain(ids.into_iter().cloned()).find(|mark| text.contains(mark))
    }

    /// A request that only the lack of a right stops from being read to its end.
    fn body(&self, operation: &str) -> Option<Value> {
        let key = "A".repeat(43);
        Some(match operation {
            "POST /sessions" => json!({ "login": "nobody", "password": "x", "code": "000000" }),
            "POST /sessions/refresh" => json!({ "refresh_token": "x" }),
            "POST /second-factor/confirmation" => json!({ "code": "x" }),
            "POST /departments" => json!({ "name": "another", "parent": self.department }),
            "POST /accounts" => json!({
                "login": "another", "password": PASSWORD, "name": "another", "department": self.department,
                "roles": ["supervisor"],
            }),
            "POST /accounts/current/password" => json!({ "current": "x", "new": PASSWORD }),
            "PATCH /accounts/{account}" => json!({ "name": "another" }),
            "POST /devices" => json!({
                "suite": "ed25519", "name": "another", "challenge": key, "public_key": key, "signature": "AA",
            }),
            "POST /devices/{device}/revocation" => json!({ "reason": "lost" }),
            "POST /subjects" => json!({ "name": "another", "department": self.department }),
            "PATCH /subjects/{subject}" => json!({ "phone": "1" }),
            "POST /imports/subjects" => json!("名称\n另一家\n"),
            "POST /checklists" => crate::casework::checklist(9, "another"),
            "POST /visits/{visit}/reviews" => json!({ "outcome": "accepted" }),
            "POST /visits/{visit}/resolutions" => {
                json!({ "path": "answers/1-1/value", "value": true, "seen": [key, "B".repeat(43)] })
            }
            "POST /tasks" => {
                json!({ "subject": self.subject, "checklist": self.checklist, "assignees": [self.account] })
            }
            "POST /tasks/{task}/assignment" => json!({ "assignees": [self.account], "reason": "x" }),
            "POST /tasks/{task}/recall" => json!({ "reason": "x" }),
            _ => return None,
        })
    }

    /// Sends an operation on the things of this side.
    async fn ask(&self, deployment: &Deployment, login: &str, operation: &str) -> Answer {
        let (method, template) = operation.split_once(' ').expect("a method and a path");
        let mut path = self.path(template);
        if template == "/imports/subjects" {
            path = format!("{path}?department={}", self.department);
        }
        if template == "/evidence" {
            path = format!("{path}?missing");
        }
        deployment.send(login, method, &path, self.body(operation).as_ref()).await
    }
}

fn login(side: &str, letter: char) -> String {
    format!("{side}.{letter}")
}

async fn office() -> (Office, [Side; 2]) {
    let mut office = Office::open().await;
    let sides = [Side::found(&mut office, "east", 1).await, Side::found(&mut office, "west", 2).await];
    (office, sides)
}

/// What the description has, without the common prefix.
async fn described(deployment: &Deployment) -> BTreeSet<String> {
    let document = deployment.get("", "/api/v1/openapi.json").await.ok();
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, item)| {
        let path = path.strip_prefix("/api/v1").expect("the prefix");
        let methods = item.as_object().expect("operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

/// Whether a role's lack of a right is what the answer is about.
fn is_denied(answer: &Answer) -> bool {
    answer.body["code"] == "access.denied"
}

#[tokio::test]
async fn every_operation_says_who_may_in_their_own_department_and_in_another() {
    let (office, [east, west]) = office().await;
    let deployment = &office.deployment;
    let ruled: BTreeSet<String> =
        RULES.iter().map(|(operation, _, _)| *operation).chain(ELSEWHERE).map(str::to_owned).collect();
    assert_eq!(described(deployment).await, ruled, "who may do that?");

    let mut wrong = Vec::new();
    for (operation, own, foreign) in RULES {
        for (side, may) in [(&west, foreign), (&east, own)] {
            for (letter, role) in ROLES {
                let answer = side.ask(deployment, &login("east", letter), operation).await;
                let denied = is_denied(&answer);
                if denied == may.contains(letter) || denied && answer.status.as_u16() != 403 {
                    wrong.push(format!(
                        "{role} {operation} on {}: {} {}",
                        side.name, answer.status, answer.body
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    office.deployment.close().await;
}

#[tokio::test]
async fn no_answer_tells_anything_of_another_department_to_whom_it_is_none_of_their_business() {
    let (office, [_, west]) = office().await;
    let deployment = &office.deployment;
    let mut told = Vec::new();
    for (operation, _, _) in RULES {
        // Tasks are given across departments: whoever dispatches sees all inspectors.
        if operation == "GET /inspectors" {
            continue;
        }
        for (letter, role) in ROLES.into_iter().filter(|(letter, _)| *letter != 'a') {
            let answer = west.ask(deployment, &login("east", letter), operation).await;
            // A refusal may name what was asked for.
            let text = if answer.status.is_success() { answer.body.to_string() } else { String::new() };
            if let Some(mark) = west.told_in(&text) {
                told.push(format!("{role} {operation}: {mark}"));
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    office.deployment.close().await;
}

#[tokio::test]
async fn every_operation_asks_who_is_there_and_for_the_second_factor_that_is_missing() {
    /// What leads to a sign-in or a second factor, or is everybody's.
    const OPEN: [&str; 3] = ["POST /sessions", "POST /sessions/refresh", "GET /ledger/checkpoint"];
    const WITHOUT_FACTOR: [&str; 3] =
        ["GET /sessions/current", "POST /second-factor", "POST /second-factor/confirmation"];
    let (office, [east, _]) = office().await;
    let strict = crate::second_factor::strict().await;
    for (operation, _, _) in RULES {
        if OPEN.contains(&operation) {
            continue;
        }
        let answer = east.ask(&office.deployment, "", operation).await;
        assert_eq!(answer.problem(401), "session.missing", "{operation}");
        if !WITHOUT_FACTOR.contains(&operation) {
            let answer = east.ask(&strict, "admin", operation).await;
            assert_eq!(answer.problem(403), "session.second_factor_missing", "{operation}");
        }
    }
}

#[tokio::test]
async fn nothing_but_an_access_token_opens_the_api() {
    use axum::{
        body::Body,
        http::{Request, header},
    };
    use liuhen_server::{acts::access::tokens::Audience, ledger::clock};
    let mut deployment = Deployment::staffed().await;
    let refresh = deployment.sign_in("wang").await["refresh_token"].as_str().expect("a token").to_owned();
    let wang = deployment.account("wang").await;
    let console =
        deployment.state.tokens.issue(Audience::Console, &wang, "family", clock::now_ms()).expect("a token");
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.".to_owned();
    for (what, token) in [("refresh", refresh), ("console", console), ("unsigned", unsigned)] {
        let request =
            Request::get("/api/v1/accounts").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let answer = deployment.raw(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.problem(401), "session.access_invalid", "{what}");
    }
    let cookie = format!("liuhen_console={}", deployment.token("wang"));
    let request = Request::get("/console/tasks").header(header::COOKIE, cookie);
    let answer = deployment.raw(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status.as_u16(), 303, "an access token is no cookie");
}
