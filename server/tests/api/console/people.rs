//! Accounts, departments and devices, by their forms.

use super::{Browser, hidden, html, location, page};
use crate::{
    casework::checklist,
    deployment::{Deployment, PASSWORD},
};
use axum::http::StatusCode;

#[tokio::test]
async fn an_account_is_created_changed_and_deactivated_by_forms() {
    let deployment = Deployment::staffed().await;
    let mut admin = Browser::signed_in(&deployment, "admin").await;
    let form = admin.get("/console/accounts/new").await;
    let new = [
        ("once", hidden(page(&form), "once").to_owned()),
        ("login", "sun".to_owned()),
        ("password", PASSWORD.to_owned()),
        ("name", "孙强".to_owned()),
        ("with_roles", "yes".to_owned()),
        ("roles", "inspector".to_owned()),
    ];
    let new: Vec<(&str, &str)> = new.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let without_certificate = admin.post("/console/accounts", &new).await;
    assert_eq!(without_certificate.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = html(&without_certificate);
    assert!(shown.contains("id=\"certificate_no-fault\"") && shown.contains("value=\"孙强\""), "{shown}");
    assert!(!shown.contains(PASSWORD), "a password is never sent back");

    let complete = [&new[1..], &[("once", "2"), ("certificate_no", "示例-9")]].concat();
    let created = admin.post("/console/accounts", &complete).await;
    let path = location(&created).split('?').next().expect("a path").to_owned();
    let shown = admin.get(location(&created)).await;
    for text in ["账号已创建", "孙强", "示例-9"] {
        assert!(page(&shown).contains(text), "{text}");
    }
    let changed = [("once", "3"), ("name", "孙强"), ("certificate_no", "示例-10"), ("with_roles", "yes")];
    let changed = [&changed[..], &[("roles", "inspector"), ("roles", "supervisor")]].concat();
    let shown = admin.post(&path, &changed).await;
    assert!(page(&admin.get(location(&shown)).await).contains("示例-10"));
    let off = admin.post(&format!("{path}/state"), &[("once", "4"), ("to", "inactive")]).await;
    assert!(page(&admin.get(location(&off)).await).contains("重新启用"));
    assert_eq!(deployment.credentials("sun", PASSWORD).await.problem(401), "account.inactive");
    deployment.close().await;
}

#[tokio::test]
async fn people_are_seen_by_those_who_may_and_changed_by_administrators_alone() {
    let deployment = Deployment::staffed().await;
    let zhang = deployment.account("zhang").await;
    let path = format!("/console/accounts/{zhang}");
    for (login, reads, changes) in
        [("admin", true, true), ("wang", true, false), ("shen", true, false), ("li", false, false)]
    {
        let mut browser = Browser::signed_in(&deployment, login).await;
        let list = browser.get("/console/accounts").await;
        assert_eq!(list.status == StatusCode::OK, reads, "{login}");
        assert_eq!(html(&list).contains("/console/accounts/new"), changes, "{login}");
        let shown = browser.get(&path).await;
        assert_eq!(html(&shown).contains(&format!("{path}/password")), changes, "{login}");
        if !changes {
            let sent = browser.post(&path, &[("once", "1"), ("name", "别人")]).await;
            assert_eq!(sent.status, StatusCode::FORBIDDEN, "{login}");
        }
    }
}

#[tokio::test]
async fn departments_are_founded_below_ones_own_and_shown_as_a_tree() {
    let deployment = Deployment::staffed().await;
    let mut admin = Browser::signed_in(&deployment, "admin").await;
    let founded = admin.post("/console/departments", &[("once", "1"), ("name", "河东分局")]).await;
    let shown = admin.get(location(&founded)).await;
    assert!(page(&shown).contains("class=\"depth-1\">河东分局"), "{}", html(&shown));
    let again = admin.post("/console/departments", &[("once", "2"), ("name", "河东分局")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html(&again).contains("id=\"name-fault\""));
    let empty = admin.get("/console/devices").await;
    assert!(page(&empty).contains("还没有设备"));
}

#[tokio::test]
async fn a_new_administrator_is_led_to_what_the_first_task_needs() {
    let mut deployment = Deployment::found().await;
    let mut admin = Browser::signed_in(&deployment, "admin").await;
    let home = admin.get("/console").await;
    assert!(page(&home).contains("开始使用"));
    assert_eq!(page(&home).matches("待办</span>").count(), 4);
    for way in ["/console/accounts/new", "/console/subjects", "/console/checklists/new"] {
        assert!(page(&home).contains(&format!("<li><a href=\"{way}\"")), "{way}");
        page(&admin.get(way).await);
    }
    assert_eq!(admin.get("/console/tasks/new").await.status, StatusCode::FORBIDDEN, "not theirs to dispatch");
    deployment.hire("wang", &["supervisor"], None).await;
    for inspector in ["zhang", "li"] {
        deployment.hire(inspector, &["inspector"], None).await;
    }
    let subject = serde_json::json!({ "name": "某餐馆", "address": "人民路 1 号" });
    deployment.post("admin", "/api/v1/subjects", &subject).await.created();
    let mut admin = Browser::signed_in(&deployment, "admin").await;
    let home = admin.get("/console").await;
    assert_eq!(
        (page(&home).matches("待办</span>").count(), page(&home).matches("已有</span>").count()),
        (1, 3)
    );
    deployment.post("admin", "/api/v1/checklists", &checklist(1, "示例清单")).await.created();
    assert!(!page(&admin.get("/console").await).contains("开始使用"), "nothing is missing any more");
    let mut wang = Browser::signed_in(&deployment, "wang").await;
    assert!(!page(&wang.get("/console").await).contains("开始使用"));
    deployment.close().await;
}
