//! The API as a supervisor's program calls it: JSON in, JSON out, problem documents as errors.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{fmt, sync::Mutex, time::Duration};

/// A whole evidence file or a page of a list; recordings are longer than anything a test uploads.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longer than the server gives a request.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(90);
/// Rows a list gives at once.
const PAGE_ROWS: usize = 200;
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// An answer with its status; what a test of bad input looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON, `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The stable code of a problem document; empty for anything else.
    pub fn code(&self) -> String {
        let is_problem = self.content_type.starts_with("application/problem+json");
        if is_problem { self.json()["code"].as_str().unwrap_or("").to_owned() } else { String::new() }
    }

    fn succeeded(self) -> Result<Self> {
        if self.status < 300 { Ok(self) } else { bail!("{self}") }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}: {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// A connection to one server, signed in or not.
pub struct Api {
    agent: ureq::Agent,
    base: String,
    session: Mutex<Option<Session>>,
}

#[derive(Debug, Clone)]
struct Session {
    access_token: String,
    refresh_token: String,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_TIME_MAX))
            .build();
        Self { agent: config.into(), base: base.to_owned(), session: Mutex::new(None) }
    }

    pub fn signed_in(base: &str, login: &str, password: &str) -> Result<Self> {
        let api = Self::new(base);
        api.sign_in(&json!({ "login": login, "password": password }))?;
        Ok(api)
    }

    /// For accounts with a second factor.
    pub fn signed_in_with_code(base: &str, login: &str, password: &str, code: &str) -> Result<Self> {
        let api = Self::new(base);
        api.sign_in(&json!({ "login": login, "password": password, "code": code }))?;
        Ok(api)
    }

    fn sign_in(&self, credentials: &Value) -> Result<()> {
        let answer = self.post("/api/v1/sessions", credentials)?;
        self.keep_session(&answer)
    }

    /// An answer of any status; an error only when there was none.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(session) = self.session() {
            request = request.header("authorization", format!("Bearer {}", session.access_token));
        }
        let context = || format!("{method} {path}");
        let mut response = self.agent.run(request.body(body)?).with_context(context)?;
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or("").to_owned();
        let status = response.status().as_u16();
        let body =
            response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().with_context(context)?;
        Ok(Reply { status, content_type, body })
    }

    /// An answer of any status to a JSON body.
    pub fn try_post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send("POST", path, &JSON, &serde_json::to_vec(body)?)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let body = serde_json::to_vec(body)?;
        Ok(self.authorised("POST", path, &body)?.json())
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        Ok(self.authorised("GET", path, &[])?.json())
    }

    pub fn get_bytes(&self, path: &str) -> Result<Reply> {
        self.with_refresh(|| self.send("GET", path, &[], &[]))
    }

    /// All rows of a list, page after page.
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{separator}limit={PAGE_ROWS}{cursor}"))?;
            let items = page["items"].as_array().with_context(|| format!("GET {path} gave no items"))?;
            rows.extend(items.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }

    fn authorised(&self, method: &str, path: &str, body: &[u8]) -> Result<Reply> {
        let reply = self.with_refresh(|| self.send(method, path, &JSON, body))?;
        reply.succeeded().with_context(|| format!("{method} {path}"))
    }

    /// Access tokens last minutes and a replay may last longer.
    fn with_refresh(&self, call: impl Fn() -> Result<Reply>) -> Result<Reply> {
        let reply = call()?;
        match self.session() {
            Some(session) if reply.status == 401 => {
                let body = json!({ "refresh_token": session.refresh_token });
                let answer = self.try_post("/api/v1/sessions/refresh", &body)?.succeeded()?;
                self.keep_session(&answer.json())?;
                call()
            }
            _ => Ok(reply),
        }
    }

    fn keep_session(&self, answer: &Value) -> Result<()> {
        let text = |key: &str| answer[key].as_str().map(str::to_owned).with_context(|| format!("no {key}"));
        let session = Session { access_token: text("access_token")?, refresh_token: text("refresh_token")? };
        *self.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(session);
        Ok(())
    }

    fn session(&self) -> Option<Session> {
        self.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A text field of an answer that has to be there.
pub fn text<'a>(answer: &'a Value, key: &str) -> Result<&'a str> {
    answer[key].as_str().with_context(|| format!("the answer has no {key}: {answer}"))
}
