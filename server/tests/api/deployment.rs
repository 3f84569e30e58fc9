//! A deployment in a temporary folder, and requests to it.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use liuhen_server::{
    AppState,
    acts::access::{Role, Roles, accounts::NewAccount},
    config::{Config, SecondFactorRule},
    founding,
    ledger::verify,
    routes,
    state::Background,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

pub const PASSWORD: &str = "correct horse battery";
/// Cheap enough for tests.
const PASSWORD_MEMORY_KIB: u32 = 64;
const ANSWER_BYTES_MAX: usize = 4 << 20;

pub struct Deployment {
    pub folder: TempDir,
    pub state: AppState,
    pub background: Background,
    router: Router,
    /// Access tokens by login.
    tokens: BTreeMap<String, String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: Value,
}

impl Deployment {
    /// With the first administrator, `admin`, of the department 市局.
    pub async fn found() -> Self {
        Self::found_with(|config| config).await
    }

    pub async fn found_with(adjust: impl FnOnce(Config) -> Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = adjust(config(folder.path().to_owned()));
        let admin = NewAccount {
            login: "admin".into(),
            password: PASSWORD.into(),
            name: "管理员".into(),
            certificate_no: String::new(),
            department: None,
            roles: Roles::from([Role::DepartmentAdministrator]),
        };
        founding::found(config.clone(), "市局".into(), admin).await.expect("the first administrator");
        let (state, background) = AppState::open(config).await.expect("the folder just made");
        let router = routes::router(state.clone());
        let mut deployment = Self { folder, state, background, router, tokens: BTreeMap::new() };
        deployment.sign_in("admin").await;
        deployment
    }

    /// With a supervisor, two inspectors and an auditor beside the administrator.
    pub async fn staffed() -> Self {
        let mut deployment = Self::found().await;
        for (login, role) in
            [("wang", "supervisor"), ("zhang", "inspector"), ("li", "inspector"), ("shen", "auditor")]
        {
            deployment.hire(login, &[role], None).await;
        }
        deployment
    }

    /// Creates an account and signs it in. Returns its id.
    pub async fn hire(&mut self, login: &str, roles: &[&str], department: Option<&str>) -> String {
        let account = json!({
            "login": login, "password": PASSWORD, "name": format!("{login} 同志"), "certificate_no": "GA-1",
            "department": department, "roles": roles,
        });
        let answer = self.post("admin", "/api/v1/accounts", &account).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        self.sign_in(login).await;
        answer.text("id")
    }

    pub async fn sign_in(&mut self, login: &str) -> Value {
        let answer = self.credentials(login, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        self.tokens.insert(login.to_owned(), answer.text("access_token"));
        answer.body
    }

    pub async fn credentials(&self, login: &str, password: &str) -> Answer {
        self.post("", "/api/v1/sessions", &json!({ "login": login, "password": password })).await
    }

    pub fn token(&self, login: &str) -> &str {
        self.tokens.get(login).map_or("", String::as_str)
    }

    pub async fn account(&self, login: &str) -> String {
        self.get(login, "/api/v1/sessions/current").await.text("id")
    }

    pub async fn get(&self, login: &str, path: &str) -> Answer {
        self.send(login, "GET", path, None).await
    }

    pub async fn post(&self, login: &str, path: &str, body: &Value) -> Answer {
        self.send(login, "POST", path, Some(body)).await
    }

    pub async fn send(&self, login: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = self.tokens.get(login) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.raw(request.expect("a request")).await
    }

    /// Sends a file as it is.
    pub async fn hand_in(&self, login: &str, path: &str, file: Vec<u8>) -> Answer {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token(login)))
            .header(header::CONTENT_TYPE, "application/octet-stream");
        self.raw(request.body(Body::from(file)).expect("a request")).await
    }

    /// The bytes of an answer.
    pub async fn take_away(&self, login: &str, path: &str) -> Vec<u8> {
        let request =
            Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", self.token(login)));
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.expect("a whole answer").to_vec()
    }

    pub async fn raw(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let response: Response<Body> = self.router.clone().oneshot(request).await.expect("an answer");
        self.is_described(&method, &path, &response).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.expect("a whole answer");
        let body = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Whatever a test asks of the API, the description tells that it may be answered like this.
    async fn is_described(&self, method: &str, path: &str, response: &Response<Body>) {
        static DESCRIPTION: OnceCell<Value> = OnceCell::const_new();
        if !path.starts_with("/api/v1/") || ["HEAD", "OPTIONS"].contains(&method) {
            return;
        }
        let description = DESCRIPTION
            .get_or_init(|| async {
                let request = Request::get("/api/v1/openapi.json").body(Body::empty()).expect("a request");
                let response = self.router.clone().oneshot(request).await.expect("an answer");
                let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.expect("a whole answer");
                serde_json::from_slice(&bytes).expect("JSON")
            })
            .await;
        let operation = operation_of(description, method, path);
        let Some(operation) = operation else { return };
        let status = response.status();
        let described = &operation["responses"][status.as_str()];
        assert!(!described.is_null(), "{method} {path} is not described to answer {status}");
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let is_there = response.headers().contains_key(name) || header["required"] != true;
            assert!(is_there, "{method} {path} {status} is described to give {name}");
        }
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let essence = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
        if let Some(essence) = essence {
            let content = &described["content"][essence];
            assert!(!content.is_null(), "{method} {path} {status} is not described to give {essence}");
        }
    }

    /// Stops, checks the ledger against the rows, and keeps the folder.
    pub async fn close(self) -> TempDir {
        drop(self.router);
        self.state.close(self.background).await.expect("a clean stop");
        let report = verify::check(self.folder.path()).await.expect("a readable folder");
        assert!(report.verified, "{report:?}");
        self.folder
    }
}

impl Answer {
    pub fn text(&self, key: &str) -> String {
        self.body[key].as_str().unwrap_or_else(|| panic!("no {key} in {self:?}")).to_owned()
    }

    /// The code of a problem document, which must be one in every respect.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{self:?}");
        let code = self.text("code");
        assert_eq!(self.text("type"), format!("https://liuhen.dev/problems/{code}"));
        assert_eq!(self.body["status"], status);
        assert!(self.text("title").contains(" / "), "Chinese and English: {self:?}");
        assert_eq!(self.text("instance"), self.headers["x-request-id"].to_str().expect("plain text"));
        code
    }

    #[track_caller]
    pub fn created(self) -> Value {
        assert_eq!(self.status, StatusCode::CREATED, "{self:?}");
        self.body
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.body
    }
}

/// The operation that a path belongs to; a path with names in it comes behind one that is written out.
fn operation_of<'a>(description: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        let part = |(template, given): (&&str, &&str)| template == given || template.starts_with('{');
        template.len() == given.len() && template.iter().zip(&given).all(part)
    };
    let paths = description["paths"].as_object().expect("paths");
    let found = paths.get(path).or_else(|| {
        paths.iter().find(|(template, _)| template.contains('{') && fits(template)).map(|(_, found)| found)
    })?;
    found.get(method.to_lowercase())
}

/// Without second factors, about which `second_factor.rs` is.
pub fn config(data: PathBuf) -> Config {
    let second_factor = SecondFactorRule::Optional;
    Config { password_memory_kib: PASSWORD_MEMORY_KIB, second_factor, ..Config::new(data) }
}
