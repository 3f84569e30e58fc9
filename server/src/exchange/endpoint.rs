//! `POST /sync/v1/exchange`.

use super::{answer, caller, intake};
use crate::{AppState, error::ApiError};
use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, OriginalUri, State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use liuhen_engine::{
    limits,
    wire::{self, CONTENT_TYPE, EXCHANGE_PATH, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Request},
};

pub fn router() -> axum::Router<AppState> {
    axum::Router::new()
        .route(EXCHANGE_PATH, post(exchange))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
}

async fn exchange(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(unreadable)?;
    let caller = caller::authenticate(&state, &method, &uri, &headers, &body).await?;
    let request = tokio::task::spawn_blocking(move || wire::unpack::<Request>(&body)).await?;
    let mut request = request.map_err(|refusal| ApiError::bad_request(refusal.code, refusal.detail))?;
    check(&request)?;
    let segments = std::mem::take(&mut request.segments);
    let (handed, latest) = intake::take_in(&state, segments).await?;
    let asked = answer::Asked { request, handed, latest };
    let packed = answer::compose(&state, &caller, &asked).await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], packed).into_response())
}

fn unreadable(rejection: BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("at most {} bytes", limits::BODY_BYTES_MAX);
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "exchange.too_large", detail)
        }
        _ => ApiError::bad_request("exchange.malformed", "the body ended early"),
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
