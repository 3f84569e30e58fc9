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
/// One body, in all: a megabyte at 3.5 kB/s. One that drips for ever would keep a phone from everything
/// else it has to hand in.
const BODY_SECONDS_MAX: u64 = 300;
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
        Self::with_body_limit(Duration::from_secs(BODY_SECONDS_MAX))
    }
}

impl HttpTransport {
    fn with_body_limit(body: Duration) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))
            .timeout_recv_response(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))
            .timeout_send_body(Some(body))
            .timeout_recv_body(Some(body))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::{TcpListener, TcpStream},
        thread::{self, JoinHandle},
    };

    /// Answers each request on one connection with the next of `answers`, then hangs up. Returns the
    /// request lines it saw.
    fn serve(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            answers.into_iter().map(|answer| serve_one(&mut reader, &stream, &answer)).collect()
        });
        (url, served)
    }

    fn serve_one(reader: &mut BufReader<TcpStream>, mut stream: &TcpStream, answer: &[u8]) -> String {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("a body");
        // The client may have heard enough before everything is written.
        let _ = stream.write_all(answer);
        head.remove(0)
    }

    fn post(url: &str) -> HttpRequest {
        let headers = vec![("content-type", "text/plain".to_owned())];
        HttpRequest { method: Method::Post, url: format!("{url}/x?y=1"), headers, body: b"hello".to_vec() }
    }

    #[test]
    fn one_connection_serves_several_requests_and_problems_are_answers() {
        let ok = b"HTTP/1.1 200 OK\r\nX-Seen: yes\r\ncontent-length: 2\r\n\r\nok".to_vec();
        let problem = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n".to_vec();
        let offset = b"HTTP/1.1 200 OK\r\nupload-offset: 7\r\ncontent-length: 0\r\n\r\n".to_vec();
        let (url, served) = serve(vec![ok, problem, offset]);
        let transport = HttpTransport::default();
        let first = transport.send(post(&url)).expect("answered");
        assert_eq!((first.status, first.header("x-seen"), &first.body[..]), (200, Some("yes"), &b"ok"[..]));
        let second = transport.send(HttpRequest { method: Method::Patch, ..post(&url) }).expect("answered");
        assert_eq!((second.status, second.is_success()), (503, false));
        let head = HttpRequest { method: Method::Head, body: Vec::new(), ..post(&url) };
        assert_eq!(transport.send(head).expect("answered").header("upload-offset"), Some("7"));
        let lines = served.join().expect("served");
        assert_eq!(lines, ["post /x?y=1 http/1.1", "patch /x?y=1 http/1.1", "head /x?y=1 http/1.1"]);
    }

    #[test]
    fn a_redirect_is_an_answer_and_not_followed() {
        let away =
            b"HTTP/1.1 307 Away\r\nlocation: http://portal.example/\r\ncontent-length: 0\r\n\r\n".to_vec();
        let (url, _served) = serve(vec![away]);
        assert_eq!(HttpTransport::default().send(post(&url)).expect("answered").status, 307);
    }

    #[test]
    fn an_answer_that_drips_for_ever_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let dripping = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let (_never, nothing) = std::sync::mpsc::channel::<()>();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                let _ = nothing.recv_timeout(Duration::from_millis(20));
            }
        });
        let transport = HttpTransport::with_body_limit(Duration::from_millis(200));
        assert_eq!(transport.send(post(&url)).expect_err("given up").code(), "network.timeout");
        drop(transport);
        dripping.join().expect("the connection was closed");
    }

    #[test]
    fn what_is_cut_refused_or_endless_is_told_apart() {
        let (url, _served) = serve(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()]);
        assert_eq!(HttpTransport::default().send(post(&url)).expect_err("cut").code(), "network.cut");

        let length = RESPONSE_BYTES_MAX + 1;
        let mut endless = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        endless.resize(endless.len() + length as usize, b'x');
        let (url, _served) = serve(vec![endless]);
        let code = HttpTransport::default().send(post(&url)).expect_err("too large").code();
        assert_eq!(code, "network.answer_too_large");

        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let refused = HttpTransport::default().send(post(&format!("http://{closed}")));
        assert_eq!(refused.expect_err("nobody there").code(), "network.unreachable");
    }
}
