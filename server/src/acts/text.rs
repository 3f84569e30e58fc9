//! Texts that people type, checked where they come in.

use crate::ApiError;

/// A name, a number, a title: what fits on a line.
pub const LINE_BYTES_MAX: usize = 256;
/// An instruction, a reason, an opinion: some paragraphs.
pub const PARAGRAPHS_BYTES_MAX: usize = 8 * 1024;

/// A line that must say something, without blanks around it.
pub fn line(field: &str, text: &str) -> Result<String, ApiError> {
    let text = optional_line(field, text)?;
    if text.is_empty() { Err(empty(field)) } else { Ok(text) }
}

/// A line that may be empty.
pub fn optional_line(field: &str, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(ApiError::unprocessable("text.control_character", format!("{field} must be one line")));
    }
    bounded(field, text, LINE_BYTES_MAX)
}

/// Paragraphs that must say something.
pub fn paragraphs(field: &str, text: &str) -> Result<String, ApiError> {
    let text = optional_paragraphs(field, text)?;
    if text.is_empty() { Err(empty(field)) } else { Ok(text) }
}

/// Paragraphs that may be empty.
pub fn optional_paragraphs(field: &str, text: &str) -> Result<String, ApiError> {
    bounded(field, text.trim(), PARAGRAPHS_BYTES_MAX)
}

fn bounded(field: &str, text: &str, bytes_max: usize) -> Result<String, ApiError> {
    if text.len() > bytes_max {
        return Err(ApiError::unprocessable("text.too_long", format!("{field} exceeds {bytes_max} bytes")));
    }
    Ok(text.to_owned())
}

fn empty(field: &str) -> ApiError {
    ApiError::unprocessable("text.empty", format!("{field} must not be empty"))
}
