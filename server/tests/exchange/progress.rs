//! How far a task is, from what phones handed in.

use crate::{
    evidence::{photo, upload},
    office::{Issued, Office},
};
use liuhen_inspection::task::Step;
use serde_json::{Value, json};

async fn wanting(office: &Office, attention: &str) -> usize {
    let path = format!("/api/v1/tasks?attention={attention}");
    office.deployment.get("wang", &path).await.ok()["items"].as_array().expect("a list").len()
}

async fn steps(office: &Office, task: &Issued) -> Vec<Value> {
    let path = format!("/api/v1/tasks/{}/steps", task.id);
    office.deployment.get("wang", &path).await.ok()["items"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_evidence_conflicts_and_seals_show_in_the_list_and_in_its_figures() {
    let office = Office::open().await;
    let task = office.issue(&["zhang", "li"]).await;
    let (mut zhang, mut li) = (office.phone("zhang", 1).await, office.phone("li", 2).await);
    zhang.synchronise().await;
    li.synchronise().await;
    for step in [Step::Delivered, Step::Opened, Step::Claimed] {
        zhang.step(task.visit, step);
    }
    zhang.answer(task.visit, "1-2", 4);
    let file = b"a picture".to_vec();
    photo(&mut zhang, task.visit, &file);
    li.answer(task.visit, "1-2", 9);
    zhang.exchange().await;
    li.exchange().await;
    office.judged().await;

    let progress = office.task(&task).await["progress"].clone();
    assert_eq!((&progress["answered"], &progress["items"]), (&json!(1), &json!(2)));
    assert_eq!((&progress["evidence_announced"], &progress["evidence_held"]), (&json!(1), &json!(0)));
    assert_eq!((&progress["open_conflicts"], &progress["sealed"]), (&json!(1), &json!(false)));
    assert!(progress["last_entry_ms"].is_i64());
    for (attention, count) in
        [("open_conflicts", 1), ("evidence_missing", 1), ("unreviewed", 0), ("returned", 0)]
    {
        assert_eq!(wanting(&office, attention).await, count, "{attention}");
    }
    let taken: Vec<Value> =
        steps(&office, &task).await.into_iter().map(|step| step["state"].clone()).collect();
    assert_eq!(taken, ["delivered", "opened", "claimed"]);

    upload(&office, &zhang, &file).await;
    assert_eq!(wanting(&office, "evidence_missing").await, 0);
    zhang.synchronise().await;
    zhang.seal(task.visit, false);
    zhang.exchange().await;
    office.judged().await;
    assert_eq!(office.task(&task).await["progress"]["sealed"], true);
    assert_eq!(wanting(&office, "unreviewed").await, 1);
    assert_eq!(steps(&office, &task).await.last().expect("the seal")["state"], "done");

    let review = json!({ "outcome": "returned", "opinion": "补一张照片" });
    let path = format!("/api/v1/visits/{}/reviews", task.visit);
    office.deployment.post("wang", &path, &review).await.created();
    assert_eq!((wanting(&office, "unreviewed").await, wanting(&office, "returned").await), (0, 1));
    let review = json!({ "outcome": "accepted", "opinion": "" });
    office.deployment.post("wang", &path, &review).await.created();
    assert_eq!(wanting(&office, "returned").await, 0, "the newest word counts");
}
