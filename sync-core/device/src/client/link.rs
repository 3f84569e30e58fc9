//! Requests to the deployment: addressed, signed with the device key, and counted.

use super::Shared;
use crate::{
    Error, Result,
    store::identity::Identity,
    transport::{HttpRequest, HttpResponse, Method, TransportError},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liuhen_trace::{
    digest::sha256,
    request::{DEVICE_HEADER, SIGNATURE_HEADER, SignedRequest},
};
use serde::Deserialize;

/// A problem's detail as kept in events and status: a line or two.
const DETAIL_CHARS_MAX: usize = 300;

/// Where a deployment is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Scheme and authority: `https://liuhen.example`.
    origin: String,
    /// Empty, or a path that everything stands below.
    prefix: String,
}

impl Server {
    pub fn parse(url: &str) -> Result<Self> {
        let refused =
            || Error::refused("server.bad_address", format!("{url:?}: http(s)://host[:port][/path]"));
        let url = url.trim().trim_end_matches('/');
        let rest =
            url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or_else(refused)?;
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() || rest.contains(['?', '#', '@', ' ']) {
            return Err(refused());
        }
        let (origin, prefix) = url.split_at(url.len() - rest.len() + authority.len());
        Ok(Self { origin: origin.to_owned(), prefix: prefix.to_owned() })
    }

    /// The path of something below the deployment's address.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The path a `Location` header names; `None` when it leads to another host.
    pub fn path_of(&self, location: &str) -> Option<String> {
        let path = location.strip_prefix(&self.origin).unwrap_or(location);
        (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
    }
}

/// Bytes that passed, header fields and bodies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes_up: u64,
    pub bytes_down: u64,
}

/// An enrolled phone's way to its deployment.
pub struct Link<'a> {
    pub server: Server,
    shared: &'a Shared,
    identity: &'a Identity,
    pub traffic: Traffic,
}

impl<'a> Link<'a> {
    pub fn new(shared: &'a Shared, identity: &'a Identity) -> Result<Self> {
        Ok(Self { server: Server::parse(&identity.server)?, shared, identity, traffic: Traffic::default() })
    }

    /// Sends a request in the device's name. `path` is as it stands in the URL.
    pub fn send(
        &mut self,
        method: Method,
        path: &str,
        mut headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<HttpResponse> {
        let statement = SignedRequest {
            origin: &self.identity.origin,
            device: self.identity.device,
            method: method.as_str(),
            path,
            body_sha256: sha256(&body),
        };
        let signature = self.shared.sign(self.identity.device, &statement.message())?;
        headers.push((DEVICE_HEADER, self.identity.device.to_string()));
        headers.push((SIGNATURE_HEADER, URL_SAFE_NO_PAD.encode(&signature.0)));
        let request = HttpRequest { method, url: self.server.url(path), headers, body };
        deliver(self.shared, request, &mut self.traffic)
    }
}

/// Sends and counts. What a failed request put on the wire is unknown and counted whole.
pub fn deliver(shared: &Shared, request: HttpRequest, traffic: &mut Traffic) -> Result<HttpResponse> {
    let fields = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    traffic.bytes_up += (request.body.len() + request.url.len() + fields) as u64;
    let answer = shared.parts.transport.send(request)?;
    let fields = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    traffic.bytes_down += (answer.body.len() + fields) as u64;
    Ok(answer)
}

/// The error an answer stands for. A gateway's or a captive portal's page is no word of the server.
pub fn problem(answer: &HttpResponse) -> Error {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        #[serde(default)]
        detail: String,
    }
    let status = answer.status;
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(Problem { code, detail }) => {
            Error::Server { status, code, detail: detail.chars().take(DETAIL_CHARS_MAX).collect() }
        }
        Err(_) => Error::Network { code: "network.unexpected_answer", detail: format!("HTTP {status}") },
    }
}

/// Whether the same request may succeed soon.
pub fn is_transient(error: &Error) -> bool {
    match error {
        Error::Network { .. } => true,
        Error::Server { status, .. } => matches!(status, 408 | 423 | 425 | 429 | 500..),
        Error::Storage { .. }
        | Error::Untrusted(_)
        | Error::Refused(_)
        | Error::Signer(_)
        | Error::NotFound { .. }
        | Error::NotEnrolled
        | Error::InUse
        | Error::Suspended
        | Error::Closed => false,
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Network { code: error.code(), detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_and_other_text_is_refused() {
        let server = Server::parse("https://liuhen.example:8443/inspect/").expect("parsed");
        assert_eq!(server.path("/files"), "/inspect/files");
        assert_eq!(server.url("/inspect/files"), "https://liuhen.example:8443/inspect/files");
        assert_eq!(server.path_of("https://liuhen.example:8443/files/1"), Some("/files/1".to_owned()));
        assert_eq!(server.path_of("/files/1"), Some("/files/1".to_owned()));
        for elsewhere in ["https://other.example/files/1", "//other.example/1", "files/1"] {
            assert_eq!(server.path_of(elsewhere), None, "{elsewhere}");
        }
        for bad in ["", "liuhen.example", "ftp://liuhen.example", "https://", "https://u@host", "http://a/?b"]
        {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }
}
