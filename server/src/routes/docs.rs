//! The API's description, as a document and as a page to browse. Nothing is fetched from elsewhere.

use crate::AppState;
use axum::{Router, http::header, routing::get};
use serde_json::Value;
use utoipa_swagger_ui::{Config, SwaggerUi};

const DOCUMENT: &str = "/api/v1/openapi.json";
const PAGE: &str = "/api/v1/docs";

pub fn router(description: &Value) -> Router<AppState> {
    let document = bytes::Bytes::from(description.to_string());
    let document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    // The page would otherwise have a validator of its makers look at the document.
    let page = SwaggerUi::new(PAGE).config(Config::from(DOCUMENT).validator_url("none"));
    Router::new().route(DOCUMENT, get(document)).merge(page)
}
