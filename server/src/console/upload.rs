//! A form with files: its fields, and the files whole.

use super::Fields;
use crate::{ApiError, AppState};
use axum::{
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::StatusCode,
};
use bytes::Bytes;

/// What a multipart form sent. Of several files the last counts; none was chosen where it is empty.
#[derive(Debug, Default)]
pub struct Upload {
    pub fields: Fields,
    pub file_name: String,
    pub file: Bytes,
}

impl FromRequest<AppState> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let mut parts = Multipart::from_request(request, state)
            .await
            .map_err(|error| ApiError::new(error.status(), "request.wrong_form", error.body_text()))?;
        let mut upload = Self::default();
        while let Some(part) = parts.next_field().await.map_err(unread)? {
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(str::to_owned) {
                Some(file_name) => {
                    upload.file = part.bytes().await.map_err(unread)?;
                    upload.file_name = file_name;
                }
                None => {
                    let text = part.text().await.map_err(unread)?;
                    upload.fields.0.push((name, text));
                }
            }
        }
        Ok(upload)
    }
}

fn unread(error: MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", error.body_text())
        }
        _ => ApiError::bad_request("request.cut_off", error.body_text()),
    }
}
