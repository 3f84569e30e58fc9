//! Attempts to see or do more than one's roles and department allow.

use crate::{
    casework::{Office, id},
    deployment::{Deployment, PASSWORD},
};
use serde_json::{Value, json};

/// A department below with an administrator who also supervises, `east`. Returns its id.
async fn found_below(deployment: &mut Deployment) -> String {
    let below = deployment.post("admin", "/api/v1/departments", &json!({ "name": "东区分局" })).await;
    let below = id(&below.created()["id"]);
    deployment.hire("east", &["department_administrator", "supervisor"], Some(&below)).await;
    below
}

#[tokio::test]
async fn an_administrator_below_cannot_take_over_an_auditor() {
    let mut deployment = Deployment::found().await;
    let below = found_below(&mut deployment).await;
    let auditor = deployment.hire("shen", &["auditor"], Some(&below)).await;
    let path = format!("/api/v1/accounts/{auditor}");
    for change in [json!({ "password": "known to the east" }), json!({ "state": "inactive" })] {
        let answer = deployment.send("east", "PATCH", &path, Some(&change)).await;
        assert_eq!(answer.problem(403), "access.denied", "{change}");
    }
    deployment.get("shen", "/api/v1/accounts").await.ok();
    let change = json!({ "password": "known to the top" });
    deployment.send("admin", "PATCH", &path, Some(&change)).await.ok();
    deployment.close().await;
}

#[tokio::test]
async fn an_administrator_below_reaches_neither_up_nor_sideways() {
    let mut deployment = Deployment::staffed().await;
    let below = found_below(&mut deployment).await;
    let (wang, top) =
        (deployment.account("wang").await, deployment.get("wang", "/api/v1/departments").await.ok());
    let top = top["items"].as_array().expect("a list").iter().find(|row| row["parent"].is_null());
    let top = id(&top.expect("the one at the top")["id"]);
    let mine = deployment.hire("mine", &["supervisor"], Some(&below)).await;
    let account = |department: &str, roles: &[&str]| {
        json!({
            "login": "new", "password": PASSWORD, "name": "新", "department": department, "roles": roles,
            "certificate_no": "GA-9",
        })
    };
    let refused = [
        ("PATCH", format!("accounts/{wang}"), json!({ "password": "known to the east" })),
        ("PATCH", format!("accounts/{mine}"), json!({ "department": top })),
        ("PATCH", format!("accounts/{mine}"), json!({ "roles": ["supervisor", "auditor"] })),
        ("POST", "accounts".to_owned(), account(&top, &["supervisor"])),
        ("POST", "accounts".to_owned(), account(&below, &["auditor"])),
        ("POST", "accounts".to_owned(), account(&"0".repeat(32), &["supervisor"])),
        ("POST", "departments".to_owned(), json!({ "name": "新分局", "parent": top })),
    ];
    for (method, path, body) in refused {
        let answer = deployment.send("east", method, &format!("/api/v1/{path}"), Some(&body)).await;
        assert_eq!(answer.problem(403), "access.denied", "{method} {path} {body}");
    }
    deployment.close().await;
}

#[tokio::test]
async fn a_visit_is_shown_to_nobody_who_neither_holds_nor_supervises_it() {
    let mut office = Office::open().await;
    found_below(&mut office.deployment).await;
    let task = office.issue(&[&office.zhang]).await;
    let (task, visit) = (id(&task["id"]), id(&task["visit"]));
    let reads = [
        format!("tasks/{task}"),
        format!("visits/{visit}"),
        format!("visits/{visit}/trace"),
        format!("visits/{visit}/reviews"),
    ];
    for login in ["li", "east", "admin"] {
        for path in &reads {
            let answer = office.deployment.get(login, &format!("/api/v1/{path}")).await;
            assert_eq!(answer.problem(403), "access.denied", "{login} {path}");
        }
    }
    let writes = [
        (format!("tasks/{task}/assignment"), json!({ "assignees": [office.li], "reason": "x" })),
        (format!("tasks/{task}/recall"), json!({ "reason": "x" })),
        (format!("visits/{visit}/reviews"), json!({ "outcome": "accepted" })),
        ("tasks".to_owned(), office.task(&[&office.li])),
    ];
    for login in ["zhang", "li", "east", "admin", "shen"] {
        for (path, body) in &writes {
            let answer = office.deployment.post(login, &format!("/api/v1/{path}"), body).await;
            assert_eq!(answer.problem(403), "access.denied", "{login} {path}");
        }
    }
    for login in ["east", "li"] {
        let list = format!("/api/v1/tasks?assignee={}", office.zhang);
        let seen = office.deployment.get(login, &list).await.body;
        assert!(seen["items"].as_array().is_none_or(Vec::is_empty), "{login}: {seen}");
    }
    office.deployment.close().await;
}

#[tokio::test]
async fn an_auditor_writes_nothing() {
    let deployment = Deployment::staffed().await;
    let zhang = deployment.account("zhang").await;
    let own = deployment.account("shen").await;
    let writes: [(&str, String, Value); 5] = [
        ("PATCH", format!("accounts/{zhang}"), json!({ "name": "别人" })),
        ("PATCH", format!("accounts/{own}"), json!({ "name": "自己" })),
        ("POST", "devices/challenge".into(), json!({})),
        ("POST", "tasks".into(), json!({ "subject": "0", "checklist": "0", "assignees": [zhang] })),
        ("POST", "subjects".into(), json!({ "name": "某餐馆" })),
    ];
    for (method, path, body) in writes {
        let answer = deployment.send("shen", method, &format!("/api/v1/{path}"), Some(&body)).await;
        let code = answer.problem(answer.status.as_u16());
        assert!(["access.denied", "task.unknown_subject"].contains(&code.as_str()), "{path}: {code}");
    }
}

#[tokio::test]
async fn departments_are_nested_as_deep_as_authorities_are_and_no_deeper() {
    let mut deployment = Deployment::found().await;
    let mut parent: Option<String> = None;
    for level in 1..16 {
        let wish = json!({ "name": format!("第 {level} 级"), "parent": parent });
        parent = Some(id(&deployment.post("admin", "/api/v1/departments", &wish).await.created()["id"]));
    }
    let wish = json!({ "name": "太深", "parent": parent });
    let answer = deployment.post("admin", "/api/v1/departments", &wish).await;
    assert_eq!(answer.problem(409), "department.too_deep");
    deployment.hire("deep", &["supervisor"], parent.as_deref()).await;
    let seen = deployment.get("deep", "/api/v1/departments").await.ok();
    assert_eq!(seen["items"].as_array().expect("a list").len(), 1);
    let seen = deployment.get("admin", "/api/v1/departments").await.ok();
    assert_eq!(seen["items"].as_array().expect("a list").len(), 16);
    deployment.close().await;
}
