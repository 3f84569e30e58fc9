//! A deployment with a checklist, a supervisor and people with phones.

use crate::{
    deployment::{Answer, Deployment},
    phone::Phone,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use liuhen_server::{AppState, acts::access::Actor, routes, store};
use liuhen_trace::DocumentId;
use serde_json::{Value, json};

pub struct Office {
    pub deployment: Deployment,
    pub subject: String,
    pub checklist: String,
}

/// A task as issued.
pub struct Issued {
    pub id: String,
    pub visit: DocumentId,
}

impl Office {
    pub async fn open() -> Self {
        let deployment = Deployment::staffed().await;
        let subject = json!({ "name": "某餐馆", "address": "人民路 1 号" });
        let subject = deployment.post("wang", "/api/v1/subjects", &subject).await.created();
        let checklist = json!({
            "code": "food-safety", "version": 1, "title": "食品安全",
            "items": [
                { "code": "1-1", "text": "食品经营许可证是否在有效期内", "response": { "type": "bool" } },
                { "code": "1-2", "text": "冷藏温度", "response": { "type": "int" } },
            ],
        });
        let checklist = deployment.post("wang", "/api/v1/checklists", &checklist).await.created();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self { subject: text(&subject["items"][0]["id"]), checklist: text(&checklist["hash"]), deployment }
    }

    pub fn state(&self) -> &AppState {
        &self.deployment.state
    }

    /// A phone of `login`, enrolled with a key made from `seed`.
    pub async fn phone(&self, login: &str, seed: u8) -> Phone {
        let account = self.deployment.account(login).await;
        let mut conn = self.state().store.read().await.expect("a reader");
        let actor = Actor::load(&mut conn, &account).await.expect("a read").expect("an account");
        drop(conn);
        Phone::enrol(self.state(), &actor, seed).await
    }

    pub async fn issue(&self, logins: &[&str]) -> Issued {
        let mut assignees = Vec::new();
        for login in logins {
            assignees.push(self.deployment.account(login).await);
        }
        let task = json!({ "subject": self.subject, "checklist": self.checklist, "assignees": assignees });
        let task = self.deployment.post("wang", "/api/v1/tasks", &task).await.created()["items"][0].clone();
        Issued {
            id: task["id"].as_str().expect("an id").to_owned(),
            visit: task["visit"].as_str().expect("an id").parse().expect("a document"),
        }
    }

    pub async fn reassign(&self, task: &Issued, logins: &[&str]) {
        let mut assignees = Vec::new();
        for login in logins {
            assignees.push(self.deployment.account(login).await);
        }
        let body = json!({ "assignees": assignees, "reason": "调整" });
        self.deployment.post("wang", &format!("/api/v1/tasks/{}/assignment", task.id), &body).await.ok();
    }

    pub async fn view(&self, visit: DocumentId) -> Value {
        self.deployment.get("wang", &format!("/api/v1/visits/{visit}")).await.ok()
    }

    pub async fn task(&self, task: &Issued) -> Value {
        self.deployment.get("wang", &format!("/api/v1/tasks/{}", task.id)).await.ok()
    }

    /// (verdict, code) of the entries of a visit, in leaf order.
    pub async fn verdicts(&self, visit: DocumentId) -> Vec<(i64, Option<String>)> {
        let mut conn = self.state().store.read().await.expect("a reader");
        let rows = store::visits::trace(&mut conn, visit, None, 1_000).await.expect("a trace");
        rows.into_iter().map(|row| (row.verdict, row.code)).collect()
    }

    /// Waits until the admission job has judged everything.
    pub async fn judged(&self) {
        loop {
            let mut conn = self.state().store.read().await.expect("a reader");
            if store::exchange::first_pending_leaf(&mut conn).await.expect("a read").is_none() {
                return;
            }
            drop(conn);
            tokio::task::yield_now().await;
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.deployment.raw(request).await
    }
}

/// Sends a request to the real router; returns status and body.
pub async fn send_raw(state: &AppState, request: Request<Body>) -> (u16, Vec<u8>) {
    use tower::ServiceExt as _;
    let router: Router = routes::router(state.clone());
    let response = router.oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 4 << 20).await.expect("a whole answer");
    (status, body.to_vec())
}
