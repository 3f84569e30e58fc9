//! The one error of the server, shown as a problem document (RFC 9457) with a stable dotted code.

use crate::titles;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use liuhen_inspection::codes;
use liuhen_trace::Refusal;
use serde::Serialize;
use std::{borrow::Cow, fmt, io::ErrorKind};

/// Where the codes are explained. The address is a name; nothing is fetched from it.
const PROBLEM_BASE: &str = "https://liuhen.dev/problems/";
const CONTENT_TYPE: &str = "application/problem+json";
/// A restart or a disk that was full for a moment takes about this long.
const UNAVAILABLE_RETRY_SECONDS: u64 = 5;

/// Why a request was not carried out. The detail is shown to the caller; the cause of an internal
/// error is logged and never shown.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after_seconds: Option<u64>,
    cause: Option<Cause>,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after_seconds: None, cause: None }
    }

    /// The request cannot be read as what it should be.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Nobody is signed in, or not any more.
    pub fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// Somebody is signed in and may not do this.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The present state of a thing does not allow this.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// The request can be read and asks for something that a rule forbids.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// Not now: nothing was changed, and another try makes sense.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(UNAVAILABLE_RETRY_SECONDS)
    }

    /// The disk or the database cannot serve now. The cause is logged as that of an internal error is.
    fn storage(cause: impl Into<Cause>) -> Self {
        let detail = "the storage is full or busy; nothing was changed";
        Self { cause: Some(cause.into()), ..Self::unavailable("storage.unavailable", detail) }
    }

    /// A fault of ours. The cause is logged once, when the answer is made.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        let detail = "the server could not complete the request; nothing was changed";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { cause: Some(cause.into()), ..Self::new(status, "internal", detail) }
    }

    /// What is stored of one thing cannot be read, which keeps nobody from the others. The cause is logged as
    /// that of an internal error is.
    pub fn damaged(code: &'static str, detail: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail) }
    }

    /// Tells the caller when another try makes sense.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Says which of several things the error is about.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.detail = format!("{place}: {}", self.detail);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// In a few words, as `中文 / English`.
    pub fn title(&self) -> Cow<'static, str> {
        title(self.status, self.code)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::unprocessable(refusal.code, refusal.detail)
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // Every reader was taken for as long as anybody waits for one, or the server stops.
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::storage(error),
            sqlx::Error::Database(cause) if cause.code().is_some_and(|code| is_of_storage(&code)) => {
                Self::storage(error)
            }
            _ => Self::internal(error),
        }
    }
}

/// SQLite's busy, input/output error and full, whatever the extension in the higher bits.
fn is_of_storage(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 10 | 13))
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::storage(error),
            _ => Self::internal(error),
        }
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

impl From<tokio::task::JoinError> for ApiError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(error)
    }
}

/// The document as sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: Cow<'static, str>,
    pub status: u16,
    pub code: &'static str,
    pub detail: String,
    /// The request's id, which the logs carry too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

tokio::task_local! {
    /// Id of the request being answered, so that a problem document can name it.
    pub static REQUEST_ID: String;
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(error = %cause, code = self.code, "the request failed");
        }
        let problem = Problem {
            kind: format!("{PROBLEM_BASE}{}", self.code),
            title: title(self.status, self.code),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            instance: REQUEST_ID.try_with(Clone::clone).ok(),
        };
        let body = serde_json::to_vec(&problem).expect("a struct of strings and numbers is JSON");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What went wrong in a few words, Chinese first. The code says it exactly.
fn title(status: StatusCode, code: &str) -> Cow<'static, str> {
    match codes::titles(code) {
        Some(titles) => Cow::Owned(format!("{} / {}", titles.chinese, titles.english)),
        None => titles::of(code).unwrap_or(Cow::Borrowed(title_of_status(status))),
    }
}

fn title_of_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "请求无法解读 / The request cannot be read",
        401 => "请先登录 / Please sign in",
        403 => "没有权限 / Not permitted",
        404 => "找不到 / Not found",
        405 => "不支持该方法 / Method not allowed",
        408 => "请求超时 / The request took too long",
        409 => "与当前状态冲突 / In conflict with the present state",
        413 => "内容过大 / Too large",
        414 => "地址过长 / The address is too long",
        415 => "不支持的内容类型 / Content type not supported",
        422 => "内容不符合规则 / The content breaks a rule",
        423 => "资源被占用 / In use elsewhere",
        429 => "请求过于频繁 / Too many requests",
        431 => "请求头过大 / The headers are too long",
        460 => "校验和不符 / Checksum mismatch",
        503 => "服务暂不可用 / Temporarily unavailable",
        _ if status.is_server_error() => "服务器内部错误 / Internal error",
        _ => "请求未被接受 / The request was not accepted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_busy_database_are_no_faults_and_invite_another_try() {
        for error in
            [sqlx::Error::PoolTimedOut.into(), ApiError::from(std::io::Error::from(ErrorKind::StorageFull))]
        {
            assert_eq!((error.status().as_u16(), error.code()), (503, "storage.unavailable"));
            assert!(error.retry_after_seconds.is_some());
        }
        assert!(["5", "13", "522", "778"].into_iter().all(is_of_storage));
        assert!(!["1", "19", "787", "2067", "HY000"].into_iter().any(is_of_storage));
        assert_eq!(ApiError::from(sqlx::Error::RowNotFound).code(), "internal");
    }
}
