//! What happens around every request: an id, a log line, figures, a time limit, and an answer even
//! when a handler panics.

use crate::{ApiError, AppState, acts::access::once::Once, error::REQUEST_ID};
use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use std::{
    any::Any,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tracing::Instrument as _;

static REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// A gateway's id is taken over when it is no longer than a UUID with some prefix.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Several times what the longest address of ours takes: an export's or an import's.
const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Room for what gateways add.
const HEADERS_BYTES_MAX: usize = 32 * 1024;

/// Twice the largest body that anything takes.
const UNHEARD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Somebody who sends slowly is refused without being heard.
const UNHEARD_TIME_MAX: Duration = Duration::from_secs(5);

/// Gives the request an id, which logs, problem documents and the answer carry.
pub async fn identified(request: Request, next: Next) -> Response {
    let id = given_id(&request).unwrap_or_else(crate::acts::new_id);
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let header = HeaderValue::from_str(&id);
    let mut response = REQUEST_ID.scope(id, next.run(request).instrument(span)).await;
    if let Ok(value) = header {
        response.headers_mut().insert(REQUEST_ID_HEADER.clone(), value);
    }
    response
}

fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(&REQUEST_ID_HEADER)?.to_str().ok()?;
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (plain && (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())).then(|| id.to_owned())
}

/// Counts and times requests by route, never by path: paths hold ids.
#[expect(clippy::disallowed_methods, reason = "how long an answer took decides nothing")]
pub async fn measured(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    let started = Instant::now();
    let response = next.run(request).await;
    let (status, seconds) = (response.status(), started.elapsed().as_secs_f64());
    let counted = [("method", method.to_owned()), ("route", route), ("status", status.as_str().to_owned())];
    metrics::histogram!("liuhen_http_request_seconds", &counted).record(seconds);
    tracing::debug!(status = status.as_u16(), seconds, "answered");
    response
}

/// Methods are free text on the wire; a label for each would let a stranger fill the memory.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Gives up a request that takes too long. What it had committed by then stays.
pub async fn within_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.config.request_time_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::unavailable("request.timeout", "the request took too long").into_response(),
    }
}

/// Cuts off a body that is not here in time: it is held in memory before anybody knows whose it is.
pub async fn body_within_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let late = Box::pin(tokio::time::sleep(state.config.request_time_max));
    let in_time = |body: Body| {
        Body::from_stream(stream::try_unfold(
            (body.into_data_stream(), late),
            |(mut body, mut late)| async move {
                tokio::select! {
                    chunk = body.next() => Ok(chunk.transpose()?.map(|chunk| (chunk, (body, late)))),
                    () = &mut late => Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut))),
                }
            },
        ))
    };
    next.run(request.map(in_time)).await
}

/// Refuses a request that is too long before anything reads it. Beyond some more the server hangs up by
/// itself, and says so by a bare 414 or 431.
pub async fn bounded(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES_MAX {
        let detail = format!("an address has at most {TARGET_BYTES_MAX} bytes");
        return ApiError::new(StatusCode::URI_TOO_LONG, "request.address_too_long", detail).into_response();
    }
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > HEADERS_BYTES_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let detail = format!("headers have at most {HEADERS_BYTES_MAX} bytes together");
        return ApiError::new(status, "request.headers_too_large", detail).into_response();
    }
    next.run(request).await
}

/// Answers tell of people and cases, and of tokens: no cache keeps them unless the answer says so itself,
/// and no browser takes them for a page.
pub async fn kept_nowhere(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// Reads on, for a while, what a refused request still sends: many clients send all of it before they read
/// anything, and would learn of a broken connection instead of the refusal.
pub async fn heard_out(request: Request, next: Next) -> Response {
    // Who expects to be told first has not sent it, and does not after a refusal.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body.into_data_stream()));
    let pieces = |body: Arc<Mutex<BodyDataStream>>| {
        stream::poll_fn(move |context| {
            body.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
        })
    };
    let given = Body::from_stream(pieces(body.clone()));
    let response = next.run(Request::from_parts(parts, given)).await;
    if response.status().is_client_error() {
        let mut left = UNHEARD_BYTES_MAX;
        let rest = pieces(body).take_while(|piece| {
            left = left.saturating_sub(piece.as_ref().map_or(left, Bytes::len));
            future::ready(left > 0)
        });
        // However that ends, the refusal is what there is to say.
        let _ = tokio::time::timeout(UNHEARD_TIME_MAX, rest.for_each(|_| future::ready(()))).await;
    }
    response
}

/// Carries a request with an idempotency key out once: what it says is hashed as it is read, and
/// whoever is signed in carries the key to the commit.
pub async fn keyed(mut request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(&IDEMPOTENCY_KEY).filter(|_| !request.method().is_safe()) else {
        return next.run(request).await;
    };
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let says = [request.method().as_str().as_bytes(), target.as_bytes()];
    let once = match Once::new(&String::from_utf8_lossy(key.as_bytes()), &says) {
        Ok(once) => Arc::new(once),
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(once.clone());
    let read = move |body: Body| {
        Body::from_stream(body.into_data_stream().inspect_ok(move |piece| once.read(piece)))
    };
    next.run(request.map(read)).await
}

/// Answers for a handler that panicked.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => {
            panic.downcast_ref::<&str>().map_or_else(|| "no message".to_owned(), |text| (*text).to_owned())
        }
    };
    ApiError::internal(format!("a handler panicked: {message}")).into_response()
}
