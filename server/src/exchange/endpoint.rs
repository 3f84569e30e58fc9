//! `POST /sync/v1/exchange`.

use super::{
    admission, answer, caller, intake,
    room::{self, Unread},
};
use crate::{AppState, error::ApiError};
use axum::{
    body::Body,
    extract::{OriginalUri, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use liuhen_engine::{
    limits,
    wire::{self, CONTENT_TYPE, EXCHANGE_PATH, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Request},
};
use tokio::sync::Semaphore;

/// A request decompressed: three times the most that an honest phone sends, which is
/// `limits::REQUEST_BYTES_MAX` of segments and 37 bytes for each of its backfills.
const PLAIN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Requests unpacked at once. One that was made to be large takes ten times its decompressed bytes;
/// an honest one is through in a few milliseconds, and a group commit still finds enough to share.
const UNPACKED_MAX: usize = 8;

static UNPACKED: Semaphore = Semaphore::const_new(UNPACKED_MAX);

pub fn router() -> axum::Router<AppState> {
    axum::Router::new().route(EXCHANGE_PATH, post(exchange))
}

async fn exchange(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = room::read(body, limits::BODY_BYTES_MAX).await.map_err(unreadable)?;
    let caller = caller::authenticate(&state, &method, &uri, &headers, &body.bytes).await?;
    let turn = UNPACKED.acquire().await.map_err(ApiError::internal)?;
    let unpacked =
        tokio::task::spawn_blocking(move || wire::unpack_within::<Request>(&body.bytes, PLAIN_BYTES_MAX));
    let mut request =
        unpacked.await?.map_err(|refusal| ApiError::bad_request(refusal.code, refusal.detail))?;
    check(&request)?;
    let segments = std::mem::take(&mut request.segments);
    let (handed, logged) = intake::take_in(&state, segments).await?;
    drop(turn);
    let latest = admission::settled(&state, logged).await;
    let asked = answer::Asked { request, handed, latest };
    let packed = answer::compose(&state, &caller, &asked).await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], packed).into_response())
}

fn unreadable(unread: Unread) -> ApiError {
    match unread {
        Unread::TooLarge => {
            let detail = format!("at most {} bytes", limits::BODY_BYTES_MAX);
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "exchange.too_large", detail)
        }
        Unread::Cut => ApiError::bad_request("exchange.malformed", "the body ended early"),
        Unread::NoRoom => room::full(),
    }
}

fn check(request: &Request) -> Result<(), ApiError> {
    if !(PROTOCOL_VERSION_MIN..=PROTOCOL_VERSION).contains(&request.version) {
        return Err(ApiError::bad_request("exchange.unknown_version", request.version.to_string()));
    }
    let backfills = request.position.as_ref().map_or(0, |position| position.backfills.len());
    let too_many = [
        (request.segments.len(), limits::REQUEST_SEGMENTS_MAX, "segments"),
        (request.wants.len(), limits::REQUEST_WANTS_MAX, "wants"),
        (backfills, limits::BACKFILLS_MAX, "backfills"),
    ];
    match too_many.into_iter().find(|(count, max, _)| count > max) {
        Some((_, max, what)) => {
            Err(ApiError::bad_request("exchange.too_many", format!("at most {max} {what} in one request")))
        }
        None => Ok(()),
    }
}
