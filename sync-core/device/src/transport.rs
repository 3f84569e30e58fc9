//! HTTP as the client sees it: one request, one bounded answer. [`HttpTransport`] speaks to a server;
//! tests put their own [`Transport`] in its place.

use std::{io, time::Duration};

/// Bodies of answers: an exchange answer is capped at 1 MB, a problem document at far less.
const RESPONSE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// A phone on a bad network gives up sooner than its user.
const CONNECT_SECONDS_MAX: u64 = 10;
/// Without a byte for this long the connection is taken for dead; gateways cut at 60 s.
const SILENCE_SECONDS_MAX: u64 = 30;
/// The server may be materialising a large hand-in before it answers.
const ANSWER_SECONDS_MAX: u64 = 60;
/// A connection idle for longer was cut by a gateway, and using it would cost a failed request.
const IDLE_SECONDS_MAX: u64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// No answer. Whether the server acted on the request is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("timed out: {0}")]
    Timeout(String),
    #[error("cut off: {0}")]
    Cut(String),
    #[error("the answer exceeds {RESPONSE_BYTES_MAX} bytes")]
    TooLarge,
}

impl TransportError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "network.unreachable",
            Self::Timeout(_) => "network.timeout",
            Self::Cut(_) => "network.cut",
            Self::TooLarge => "network.answer_too_large",
        }
    }
}

pub trait Transport: Send + Sync {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;
}

/// HTTP/1.1 with keep-alive, over TLS where the address says https. Redirects are answers like any
/// other: a captive portal must not receive a signed body.
pub struct HttpTransport {
    agent: ureq::Agent,
}

impl Default for HttpTransport {
    fn default() -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))
            .timeout_recv_response(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))
            .timeout_per_read(Some(Duration::from_secs(SILENCE_SECONDS_MAX)))
            .timeout_per_write(Some(Duration::from_secs(SILENCE_SECONDS_MAX)))
            .max_idle_age(Duration::from_secs(IDLE_SECONDS_MAX))
            .user_agent(concat!("liuhen-device/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent }
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let sent = match request.method {
            Method::Get | Method::Head | Method::Delete => {
                builder.body(()).map_err(invalid).and_then(|request| self.agent.run(request).map_err(failed))
            }
            Method::Post | Method::Patch => {
                let request = builder.body(request.body).map_err(invalid)?;
                self.agent.run(request).map_err(failed)
            }
        };
        let mut answer = sent?;
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let body = answer.body_mut().with_config().limit(RESPONSE_BYTES_MAX).read_to_vec().map_err(failed)?;
        Ok(HttpResponse { status: answer.status().as_u16(), headers, body })
    }
}

fn invalid(error: ureq::http::Error) -> TransportError {
    TransportError::Unreachable(error.to_string())
}

fn failed(error: ureq::Error) -> TransportError {
    match error {
        ureq::Error::Timeout(which) => TransportError::Timeout(which.to_string()),
        ureq::Error::BodyExceedsLimit(_) => TransportError::TooLarge,
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransportError::Timeout(error.to_string()),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound | io::ErrorKind::HostUnreachable => {
                TransportError::Unreachable(error.to_string())
            }
            _ => TransportError::Cut(error.to_string()),
        },
        ureq::Error::Protocol(error) => TransportError::Cut(error.to_string()),
        error => TransportError::Unreachable(error.to_string()),
    }
}
