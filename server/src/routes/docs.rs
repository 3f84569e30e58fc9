//! The API's description, as a document and as a page to browse. Nothing is fetched from elsewhere.

use crate::{ApiError, AppState};
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

const DOCUMENT: &str = "/api/v1/openapi.json";
const PAGE: &str = "/api/v1/docs";
/// The page styles its parts by itself and holds its icons in its style sheet; it runs no script but its
/// own, and asks no other server.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

pub fn router(description: &Value) -> Router<AppState> {
    let document = bytes::Bytes::from(description.to_string());
    let document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    // The page would otherwise have a validator of its makers look at the document.
    let page = SwaggerUi::new(PAGE).config(Config::from(DOCUMENT).validator_url("none"));
    let page = Router::from(page).layer(middleware::from_fn(dressed));
    Router::new().route(DOCUMENT, get(document)).merge(page)
}

async fn dressed(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return ApiError::not_found("request.unknown_path", path).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
