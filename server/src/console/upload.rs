//! A form with files: its fields, and the files whole.

use super::Fields;
use crate::{ApiError, AppState};
use axum::{
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::StatusCode,
};
use bytes::Bytes;

/// A form has a dozen fields. The reader of a body takes a time for each part that grows with those still to
/// come: some hundred thousand empty ones would keep a thread for an hour.
const PARTS_MAX: usize = 64;
/// As long as file systems let a name be.
const FILE_NAME_CHARS_MAX: usize = 255;

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
        let (mut upload, mut count) = (Self::default(), 0);
        while let Some(part) = parts.next_field().await.map_err(unread)? {
            count += 1;
            if count > PARTS_MAX {
                let detail = format!("at most {PARTS_MAX} parts");
                return Err(ApiError::bad_request("request.wrong_form", detail));
            }
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(shown_name) {
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

/// Without the folders that some programs send, and no longer than a name is.
fn shown_name(claimed: &str) -> String {
    let name = claimed.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|symbol| !symbol.is_control()).take(FILE_NAME_CHARS_MAX).collect()
}

fn unread(error: MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", error.body_text())
        }
        _ => ApiError::bad_request("request.cut_off", error.body_text()),
    }
}
