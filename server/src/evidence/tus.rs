//! The upload surface: tus 1.0 (<https://tus.io/protocols/resumable-upload>) with the extensions
//! creation, checksum and expiration.

use super::upload::{self, Progress, UploadId};
use crate::{
    AppState,
    error::ApiError,
    exchange::{
        caller,
        room::{self, Held, Unread},
    },
    routes::extract::{Path, SignedIn},
};
use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, OriginalUri, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{options, patch},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use liuhen_trace::{BlobHash, digest, limits::BLOB_BYTES_MAX};
use time::{OffsetDateTime, macros::format_description};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,checksum,expiration";
const PIECE_TYPE: &str = "application/offset+octet-stream";
/// One piece: it is held in memory until its signature and checksum are known to be right.
const PIECE_BYTES_MAX: usize = 4 * 1024 * 1024;

static TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
static TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
static TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
static TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
static TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
static UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
static UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
static UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_METADATA: &str = "upload-metadata";
const UPLOAD_CHECKSUM: &str = "upload-checksum";
const METHOD_OVERRIDE: &str = "x-http-method-override";

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/files", options(describe).post(create))
        // POST with an overriding method: some gateways pass nothing but GET and POST.
        .route("/files/{id}", patch(piece).head(offset).post(overridden).options(describe))
}

async fn describe() -> Response {
    let headers = [
        (TUS_RESUMABLE.clone(), VERSION.to_owned()),
        (TUS_VERSION.clone(), VERSION.to_owned()),
        (TUS_EXTENSION.clone(), EXTENSIONS.to_owned()),
        (TUS_MAX_SIZE.clone(), BLOB_BYTES_MAX.to_string()),
        (TUS_CHECKSUM_ALGORITHM.clone(), "sha256".to_owned()),
    ];
    (StatusCode::NO_CONTENT, axum::response::AppendHeaders(headers)).into_response()
}

async fn create(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = heard(&state, request).await?;
    if !body.bytes.is_empty() {
        return Err(ApiError::bad_request("upload.malformed", "bytes are sent by PATCH"));
    }
    let size_bytes = number(&parts.headers, &UPLOAD_LENGTH)?;
    let id = UploadId { hash: announced_hash(&parts.headers)?, size_bytes };
    let progress = upload::begin(&state, id).await?;
    let mut response = answer(StatusCode::CREATED, &progress);
    let location = HeaderValue::from_str(&format!("/files/{id}")).map_err(ApiError::internal)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

async fn offset(
    State(state): State<AppState>,
    Path(id): Path,
    request: Request,
) -> Result<Response, ApiError> {
    heard(&state, request).await?;
    tell_offset(&state, &id).await
}

async fn tell_offset(state: &AppState, id: &str) -> Result<Response, ApiError> {
    let progress = upload::progress(state, parse(id)?).await?;
    let mut response = answer(StatusCode::OK, &progress);
    let headers = response.headers_mut();
    headers.insert(UPLOAD_LENGTH.clone(), HeaderValue::from(progress.id.size_bytes));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn piece(
    State(state): State<AppState>,
    Path(id): Path,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = heard(&state, request).await?;
    take_piece(&state, &id, &parts.headers, body).await
}

async fn overridden(
    State(state): State<AppState>,
    Path(id): Path,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = heard(&state, request).await?;
    match parts.headers.get(METHOD_OVERRIDE).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => take_piece(&state, &id, &parts.headers, body).await,
        Some(b"HEAD") => tell_offset(&state, &id).await,
        _ => Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "request.wrong_method", "PATCH or HEAD")),
    }
}

async fn take_piece(
    state: &AppState,
    id: &str,
    headers: &HeaderMap,
    body: Held,
) -> Result<Response, ApiError> {
    if headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(PIECE_TYPE.as_bytes()) {
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "upload.content_type", PIECE_TYPE));
    }
    check_sum(headers, &body.bytes)?;
    let progress = upload::append(state, parse(id)?, number(headers, &UPLOAD_OFFSET)?, body).await?;
    Ok(answer(StatusCode::NO_CONTENT, &progress))
}

/// Reads the request and makes sure that a device signed it or somebody is signed in.
async fn heard(state: &AppState, request: Request) -> Result<(Parts, Held), ApiError> {
    let (mut parts, body) = request.into_parts();
    if parts.headers.get(&TUS_RESUMABLE).map(HeaderValue::as_bytes) != Some(VERSION.as_bytes()) {
        let detail = format!("Tus-Resumable: {VERSION}");
        return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "upload.unknown_version", detail));
    }
    let body = read(body).await?;
    if caller::is_signed(&parts.headers) {
        let OriginalUri(uri) =
            OriginalUri::from_request_parts(&mut parts, state).await.unwrap_or_else(|never| match never {});
        let method: Method = parts.method.clone();
        caller::authenticate(state, &method, &uri, &parts.headers, &body.bytes).await?;
    } else {
        SignedIn::from_request_parts(&mut parts, state).await?;
    }
    Ok((parts, body))
}

async fn read(body: Body) -> Result<Held, ApiError> {
    room::read(body, PIECE_BYTES_MAX).await.map_err(|unread| match unread {
        Unread::TooLarge => {
            let detail = format!("at most {PIECE_BYTES_MAX} bytes in one piece");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "upload.piece_too_large", detail)
        }
        Unread::Cut => ApiError::bad_request("upload.cut", "the piece ended early; ask for the offset"),
        Unread::NoRoom => room::full(),
    })
}

fn parse(id: &str) -> Result<UploadId, ApiError> {
    UploadId::parse(id).ok_or_else(|| ApiError::not_found("upload.unknown", "no such upload"))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiError> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    // SQL holds signed numbers.
    value
        .filter(|number| *number <= i64::MAX as u64)
        .ok_or_else(|| ApiError::bad_request("upload.malformed", format!("{name}: a number")))
}

/// `Upload-Metadata: sha256 <base64 of the hash in hex>`, possibly among others.
fn announced_hash(headers: &HeaderMap) -> Result<BlobHash, ApiError> {
    let metadata = headers.get(UPLOAD_METADATA).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = metadata.split(',').find_map(|pair| {
        let value = pair.trim().strip_prefix("sha256 ")?;
        let hex = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        hex.parse().ok()
    });
    found.ok_or_else(|| ApiError::bad_request("upload.malformed", "Upload-Metadata: sha256, base64 of hex"))
}

fn check_sum(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let Some(value) = headers.get(UPLOAD_CHECKSUM) else { return Ok(()) };
    let unsupported =
        || ApiError::bad_request("upload.checksum_unsupported", "Upload-Checksum: sha256, base64");
    let value =
        value.to_str().ok().and_then(|value| value.strip_prefix("sha256 ")).ok_or_else(unsupported)?;
    let expected = STANDARD.decode(value.trim()).map_err(|_| unsupported())?;
    if expected == digest::sha256(body) {
        return Ok(());
    }
    let mismatch = StatusCode::from_u16(460).map_err(ApiError::internal)?;
    Err(ApiError::new(
        mismatch,
        "upload.checksum_mismatch",
        "the piece was damaged on the way; send it again",
    ))
}

fn answer(status: StatusCode, progress: &Progress) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE.clone(), HeaderValue::from_static(VERSION));
    headers.insert(UPLOAD_OFFSET.clone(), HeaderValue::from(progress.received_bytes));
    if let Some(expires) = progress.expires_at_ms.and_then(http_date) {
        headers.insert(UPLOAD_EXPIRES.clone(), expires);
    }
    response
}

/// RFC 9110 §5.6.7.
fn http_date(at_ms: i64) -> Option<HeaderValue> {
    let at = OffsetDateTime::from_unix_timestamp(at_ms / 1000).ok()?;
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    HeaderValue::from_str(&at.format(&format).ok()?).ok()
}
