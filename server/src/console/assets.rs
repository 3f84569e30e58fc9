//! Style, script and icon, compiled in. Their addresses change with their content, so browsers keep
//! them for good.

use crate::ApiError;
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use liuhen_trace::digest;
use std::sync::LazyLock;

const FILES: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../../static/console.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../static/live.js")),
    ("mark.svg", "image/svg+xml", include_str!("../../static/mark.svg")),
];
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// Digest over all files: enough to tell two releases apart.
static RELEASE: LazyLock<String> = LazyLock::new(|| {
    let all: String = FILES.iter().map(|(_, _, content)| *content).collect();
    hex::encode(&digest::sha256(all.as_bytes())[..6])
});

pub fn path(file: &str) -> String {
    format!("/console/static/{file}?{}", *RELEASE)
}

pub async fn serve(Path(file): Path<String>) -> Result<Response, ApiError> {
    let known = FILES.iter().find(|(name, ..)| *name == file);
    let (_, kind, content) = known.ok_or_else(|| ApiError::not_found("request.unknown_path", file))?;
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, FOR_GOOD)], *content).into_response())
}
