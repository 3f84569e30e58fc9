//! Who may do what, over the API.

use crate::deployment::{Deployment, PASSWORD};
use serde_json::json;

#[tokio::test]
async fn without_signing_in_nothing_is_told() {
    let deployment = Deployment::found().await;
    for path in
        ["departments", "accounts", "devices", "subjects", "checklists", "tasks", "conflicts", "evidence"]
    {
        let answer = deployment.get("", &format!("/api/v1/{path}")).await;
        assert_eq!(answer.problem(401), "session.missing", "{path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn each_role_is_denied_what_is_not_its_work() {
    let deployment = Deployment::staffed().await;
    let department = json!({ "name": "分局" });
    let account = json!({
        "login": "new", "password": PASSWORD, "name": "新", "roles": ["supervisor"],
    });
    let subject = json!({ "name": "某餐馆" });
    let checklist = crate::casework::checklist(1, "食品安全");
    let cases = [
        ("zhang", "POST", "departments", Some(&department)),
        ("zhang", "POST", "accounts", Some(&account)),
        ("zhang", "GET", "accounts", None),
        ("zhang", "POST", "subjects", Some(&subject)),
        ("zhang", "POST", "checklists", Some(&checklist)),
        ("zhang", "GET", "conflicts", None),
        ("zhang", "GET", "evidence?missing", None),
        ("wang", "POST", "departments", Some(&department)),
        ("wang", "POST", "accounts", Some(&account)),
        ("wang", "POST", "devices/challenge", None),
        ("admin", "GET", "conflicts", None),
        ("admin", "POST", "devices/challenge", None),
        ("shen", "POST", "departments", Some(&department)),
        ("shen", "POST", "accounts", Some(&account)),
        ("shen", "POST", "subjects", Some(&subject)),
        ("shen", "POST", "checklists", Some(&checklist)),
    ];
    for (login, method, path, body) in cases {
        let answer = deployment.send(login, method, &format!("/api/v1/{path}"), body).await;
        assert_eq!(answer.problem(403), "access.denied", "{login} {method} {path}");
    }
    for path in ["departments", "accounts", "devices", "subjects", "tasks", "conflicts", "evidence?missing"] {
        deployment.get("shen", &format!("/api/v1/{path}")).await.ok();
    }
}

#[tokio::test]
async fn a_department_sees_itself_and_those_below() {
    let mut deployment = Deployment::staffed().await;
    let below = deployment.post("admin", "/api/v1/departments", &json!({ "name": "东区分局" })).await;
    let below = below.created()["id"].as_str().expect("an id").to_owned();
    deployment.hire("east", &["department_administrator", "supervisor"], Some(&below)).await;
    let own = deployment.post("east", "/api/v1/subjects", &json!({ "name": "东区餐馆" })).await.created();
    let above = deployment.post("admin", "/api/v1/subjects", &json!({ "name": "市属餐馆" })).await.created();
    let (own, above) = (&own["items"][0], &above["items"][0]);

    let seen = |body: serde_json::Value| body["items"].as_array().expect("a list").len();
    assert_eq!(seen(deployment.get("east", "/api/v1/subjects").await.ok()), 1);
    assert_eq!(seen(deployment.get("wang", "/api/v1/subjects").await.ok()), 2);
    assert_eq!(seen(deployment.get("shen", "/api/v1/subjects").await.ok()), 2);
    let path =
        |subject: &serde_json::Value| format!("/api/v1/subjects/{}", subject["id"].as_str().expect("an id"));
    deployment.get("wang", &path(own)).await.ok();
    assert_eq!(deployment.get("east", &path(above)).await.problem(403), "access.denied");

    let foreign = json!({ "name": "别人的", "department": above["department"] });
    assert_eq!(deployment.post("east", "/api/v1/subjects", &foreign).await.problem(403), "access.denied");
    let auditor = json!({
        "login": "spy", "password": PASSWORD, "name": "查", "roles": ["auditor"],
    });
    assert_eq!(deployment.post("east", "/api/v1/accounts", &auditor).await.problem(403), "access.denied");
}

#[tokio::test]
async fn accounts_are_checked_and_nobody_changes_their_own_roles() {
    let mut deployment = Deployment::found().await;
    let account = |login: &str, roles: &[&str], certificate_no: &str| {
        json!({
            "login": login, "password": PASSWORD, "name": "张伟", "roles": roles, "certificate_no": certificate_no,
        })
    };
    let refused = [
        (account("a b", &["supervisor"], ""), 422, "account.bad_login"),
        (account("a", &[], ""), 422, "account.no_role"),
        (account("a", &["inspector"], " "), 422, "account.certificate_missing"),
        (account("Admin", &["supervisor"], ""), 409, "account.login_taken"),
        (account("a", &["emperor"], ""), 422, "request.wrong_shape"),
    ];
    for (body, status, code) in refused {
        assert_eq!(deployment.post("admin", "/api/v1/accounts", &body).await.problem(status), code, "{body}");
    }
    let taken = deployment.post("admin", "/api/v1/departments", &json!({ "name": "市局" })).await;
    assert_eq!(taken.problem(409), "department.name_taken");
    let own = format!("/api/v1/accounts/{}", deployment.account("admin").await);
    let change = json!({ "roles": ["supervisor"] });
    let answer = deployment.send("admin", "PATCH", &own, Some(&change)).await;
    assert_eq!(answer.problem(403), "account.own_change");
    let unknown = deployment.send("admin", "PATCH", "/api/v1/accounts/0", Some(&change)).await;
    assert_eq!(unknown.problem(404), "account.unknown");
    deployment.hire("zhang", &["inspector"], None).await;
    assert_eq!(deployment.get("zhang", &own).await.problem(403), "access.denied");
}
