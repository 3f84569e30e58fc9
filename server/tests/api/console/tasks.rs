//! Lists of tasks: filters, figures, progress and what the script waits for.

use super::{Browser, page};
use crate::{casework::Office, deployment::Answer};
use serde_json::{Value, json};

fn ids(answer: Answer) -> Vec<String> {
    let body = answer.ok();
    let items = body["items"].as_array().expect("a list");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

async fn issue(office: &Office, assignees: &[&String], due_on: Option<&str>) -> String {
    let mut task = office.task(assignees);
    task["due_on"] = due_on.map_or(Value::Null, Value::from);
    let made = office.deployment.post("wang", "/api/v1/tasks", &task).await.created();
    made["items"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn tasks_are_found_by_each_filter_and_in_each_order() {
    let office = Office::open().await;
    let late = issue(&office, &[&office.zhang, &office.li], Some("2020-01-01")).await;
    let never = issue(&office, &[&office.zhang], None).await;
    let soon = issue(&office, &[&office.li], Some("2099-01-01")).await;
    let get = async |query: &str| ids(office.deployment.get("wang", &format!("/api/v1/tasks{query}")).await);
    assert_eq!(get("").await, [&late, &never, &soon].map(String::as_str));
    assert_eq!(get("?order=newest").await, [&soon, &never, &late].map(String::as_str));
    assert_eq!(get("?order=due").await, [&late, &soon, &never].map(String::as_str));
    assert_eq!(get("?attention=overdue").await, [late.as_str()]);
    assert_eq!(get(&format!("?assignee={}&order=newest", office.li)).await, [soon.as_str(), &late]);
    assert_eq!(get(&format!("?checklist={}", office.checklist)).await.len(), 3);
    assert_eq!(get("?checklist=00").await.len(), 0);
    assert_eq!(get("?q=92110000x").await.len(), 3, "by code, in either case");
    assert_eq!(get("?q=%E6%9F%90%E9%A4%90").await.len(), 3, "by a part of the name");
    assert_eq!(get("?q=%25").await.len(), 0, "a sign of the pattern is a letter like others");
    for attention in ["open_conflicts", "returned", "evidence_missing", "unreviewed"] {
        assert_eq!(get(&format!("?attention={attention}")).await.len(), 0, "{attention}");
    }
    for order in ["oldest", "newest", "due"] {
        let all = get(&format!("?order={order}")).await;
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/tasks?order={order}&limit=1{cursor}");
            let body = office.deployment.get("wang", &path).await.ok();
            paged.extend(body["items"][0]["id"].as_str().map(str::to_owned));
            match body["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, all, "{order}");
    }
}

#[tokio::test]
async fn figures_count_what_the_lists_hold_for_whoever_asks() {
    let office = Office::open().await;
    issue(&office, &[&office.zhang, &office.li], Some("2020-01-01")).await;
    issue(&office, &[&office.zhang], None).await;
    let supervisor = office.deployment.get("wang", "/api/v1/tasks/figures").await.ok();
    assert_eq!((&supervisor["issued"], &supervisor["overdue"]), (&json!(2), &json!(1)));
    let inspector = office.deployment.get("li", "/api/v1/tasks/figures").await.ok();
    assert_eq!((&inspector["issued"], &inspector["overdue"]), (&json!(1), &json!(1)));
    let administrator = office.deployment.get("admin", "/api/v1/tasks/figures").await.ok();
    assert_eq!(administrator["issued"], 0);
    let task = office.deployment.get("wang", "/api/v1/tasks").await.ok()["items"][0].clone();
    assert_eq!(
        task["progress"],
        json!({
            "answered": 0, "items": 2, "findings": 0, "evidence_announced": 0, "evidence_held": 0,
            "open_conflicts": 0, "sealed": false, "last_entry_ms": null, "damaged": false,
        })
    );
}

#[tokio::test]
async fn a_list_keeps_its_filter_from_page_to_page() {
    let office = Office::open().await;
    for _ in 0..51 {
        issue(&office, &[&office.zhang, &office.li], None).await;
    }
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let path = format!("/console/tasks?state=issued&q=&attention=&assignee={}&order=due", office.li);
    let first = browser.get(&path).await;
    let (_, rest) = page(&first).split_once("rel=\"next\" href=\"").expect("a next page");
    let next = rest.split('"').next().expect("an address").replace("&#38;", "&").replace("&amp;", "&");
    assert!(next.contains("state=issued") && next.contains(&office.li) && next.contains("order=due"));
    let second = browser.get(&next).await;
    assert_eq!(page(&second).matches("<td class=\"title\">").count(), 1);
    let none = browser.get("/console/tasks?q=nobody").await;
    assert!(page(&none).contains("没有符合条件的任务"));
}

#[tokio::test]
async fn whoever_waits_for_changes_is_told_of_the_next_one_and_not_before() {
    let office = Office::open().await;
    let at = office.deployment.get("wang", "/api/v1/changes").await.ok()["at"].as_u64().expect("a place");
    let path = format!("/api/v1/changes?after={at}&wait_seconds=5");
    let waiting = office.deployment.get("wang", &path);
    let people = [&office.zhang];
    let (told, _) = tokio::join!(waiting, issue(&office, &people, None));
    assert!(told.ok()["at"].as_u64().expect("a place") > at);
    let far = office.deployment.get("wang", "/api/v1/changes?after=1000000&wait_seconds=0").await.ok();
    assert!(far["at"].as_u64().expect("a place") < 1_000_000);
    let mut browser = Browser::signed_in(&office.deployment, "wang").await;
    let told = browser.get(&format!("/console/changes?after={at}")).await.ok();
    assert!(told["at"].as_u64().expect("a place") > at);
}
