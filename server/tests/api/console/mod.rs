//! The console as a browser without script meets it.

mod dispatch;
mod people;
mod register;
mod safety;
mod sign_in;
mod tasks;

use crate::deployment::{Answer, Deployment, PASSWORD};
use axum::{
    body::Body,
    http::{Request, StatusCode, header, request::Builder},
};

/// A browser with a cookie jar.
pub struct Browser<'a> {
    deployment: &'a Deployment,
    cookies: Vec<(String, String)>,
}

/// What a form may be sent from.
const ORIGIN: &str = "http://console.example";
const HOST: &str = "console.example";

impl<'a> Browser<'a> {
    pub fn new(deployment: &'a Deployment) -> Self {
        Self { deployment, cookies: Vec::new() }
    }

    pub async fn signed_in(deployment: &'a Deployment, login: &str) -> Self {
        let mut browser = Self::new(deployment);
        let answer = browser.sign_in(login).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        browser
    }

    pub async fn sign_in(&mut self, login: &str) -> Answer {
        self.post("/console/sign-in", &[("login", login), ("password", PASSWORD), ("code", "")]).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(Some(ORIGIN), path, fields).await
    }

    pub async fn post_from(&mut self, origin: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.send(request, Body::from(pairs.join("&"))).await
    }

    /// Sends what is no form of plain fields.
    pub async fn post_as(&mut self, path: &str, content_type: &str, body: String) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
        self.send(request.header(header::ORIGIN, ORIGIN), Body::from(body)).await
    }

    async fn send(&mut self, request: Builder, body: Body) -> Answer {
        let jar: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(header::HOST, HOST).header(header::COOKIE, jar.join("; "));
        let answer = self.deployment.raw(request.body(body).expect("a request")).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("plain text");
            let (name, rest) = text.split_once('=').expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            let value = rest.split(';').next().unwrap_or_default();
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub fn forget_everything(&mut self) {
        self.cookies.clear();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A page that was shown.
#[track_caller]
pub fn page(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    html(answer)
}

#[track_caller]
pub fn html(answer: &Answer) -> &str {
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/html; charset=utf-8", "{answer:?}");
    answer.body.as_str().expect("a page")
}

/// Where a browser is led.
#[track_caller]
pub fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    answer.headers[header::LOCATION].to_str().expect("plain text")
}

/// The value of the one hidden field of this name.
#[track_caller]
pub fn hidden<'h>(html: &'h str, name: &str) -> &'h str {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = html.split_once(&begin).unwrap_or_else(|| panic!("no field {name} in {html}"));
    rest.split('"').next().unwrap_or_default()
}
