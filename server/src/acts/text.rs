//! Texts that people type, checked where they come in. The types are the same rules as schemas: what
//! fits one of them is not refused here.

use crate::ApiError;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A name, a number, a title, an address: what fits on a line. With as many assignees as a task may
/// have, it still fits what a phone takes.
pub const LINE_CHARS_MAX: usize = 256;
/// An instruction, a reason, an opinion: some paragraphs.
pub const PARAGRAPHS_CHARS_MAX: usize = 4096;

/// `str::trim` takes these away.
macro_rules! blank {
    () => {
        r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    };
}
macro_rules! control {
    () => {
        r"\u0000-\u001f\u007f-\u009f"
    };
}
/// Control characters but for those that end lines and indent them.
macro_rules! strange {
    () => {
        r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
    };
}
/// Matches paragraphs that say something and hold no other control characters than those of paragraphs.
pub const PLAIN_PARAGRAPHS: &str =
    concat!("^[^", strange!(), "]*[^", strange!(), blank!(), "][^", strange!(), "]*$");
const OPTIONAL_LINE: &str = concat!("^[^", control!(), "]*$");
/// Matches a line that says something.
pub const LINE: &str = concat!("^[^", control!(), "]*[^", control!(), blank!(), "][^", control!(), "]*$");
const OPTIONAL_PARAGRAPHS: &str = r"^[^\u0000]*$";
const PARAGRAPHS: &str = concat!(r"^[^\u0000]*[^\u0000", blank!(), r"][^\u0000]*$");

macro_rules! text_schema {
    ($(#[$doc:meta])* $name:ident, $description:literal, $pattern:ident, $min:literal..=$max:ident) => {
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some($description));
                let text = text.pattern(Some($pattern)).max_length(Some($max));
                text.min_length(Some($min).filter(|min| *min > 0)).into()
            }
        }

        impl ToSchema for $name {}
    };
}

text_schema!(
    /// See [`line`].
    Line, "A line that says something", LINE, 1..=LINE_CHARS_MAX
);
text_schema!(
    /// See [`optional_line`].
    OptionalLine, "A line, which may be empty", OPTIONAL_LINE, 0..=LINE_CHARS_MAX
);
text_schema!(
    /// See [`paragraphs`].
    Paragraphs, "Paragraphs that say something", PARAGRAPHS, 1..=PARAGRAPHS_CHARS_MAX
);
text_schema!(
    /// See [`optional_paragraphs`].
    OptionalParagraphs, "Paragraphs, which may be empty", OPTIONAL_PARAGRAPHS, 0..=PARAGRAPHS_CHARS_MAX
);

/// A line that must say something, without blanks around it.
pub fn line(field: &str, text: &str) -> Result<String, ApiError> {
    let text = optional_line(field, text)?;
    if text.is_empty() { Err(empty(field)) } else { Ok(text) }
}

/// A line that may be empty.
pub fn optional_line(field: &str, text: &str) -> Result<String, ApiError> {
    if text.chars().any(char::is_control) {
        return Err(ApiError::unprocessable("text.control_character", format!("{field} must be one line")));
    }
    bounded(field, text, LINE_CHARS_MAX)
}

/// Paragraphs that must say something.
pub fn paragraphs(field: &str, text: &str) -> Result<String, ApiError> {
    let text = optional_paragraphs(field, text)?;
    if text.is_empty() { Err(empty(field)) } else { Ok(text) }
}

/// Paragraphs that may be empty.
pub fn optional_paragraphs(field: &str, text: &str) -> Result<String, ApiError> {
    // Some databases end a text there.
    if text.contains('\0') {
        return Err(ApiError::unprocessable("text.control_character", format!("{field} contains a NUL")));
    }
    bounded(field, text, PARAGRAPHS_CHARS_MAX)
}

fn bounded(field: &str, text: &str, chars_max: usize) -> Result<String, ApiError> {
    // Counting stops at the limit: strangers send what they like.
    if text.chars().nth(chars_max).is_some() {
        let detail = format!("{field} exceeds {chars_max} characters");
        return Err(ApiError::unprocessable("text.too_long", detail));
    }
    Ok(text.trim().to_owned())
}

fn empty(field: &str) -> ApiError {
    ApiError::unprocessable("text.empty", format!("{field} must not be empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_in_characters_and_hold_no_control_character() {
        let longest = "检".repeat(LINE_CHARS_MAX);
        assert_eq!(line("name", &longest).expect("a line"), longest);
        let code = |text: &str| line("name", text).map_err(|error| error.code());
        assert_eq!(code(&format!("{longest}查")), Err("text.too_long"));
        assert_eq!(code("两\n行"), Err("text.control_character"));
        assert_eq!(code(" \u{3000}"), Err("text.empty"));
        assert_eq!(code(" 一行 "), Ok("一行".to_owned()));
    }

    #[test]
    fn paragraphs_keep_their_lines_and_hold_no_nul() {
        let code = |text: &str| paragraphs("reason", text).map_err(|error| error.code());
        assert_eq!(code("一\n\t二\u{b}"), Ok("一\n\t二".to_owned()));
        assert_eq!(code("a\0b"), Err("text.control_character"));
    }

    #[test]
    fn the_blanks_of_the_schema_are_those_that_are_cut_off() {
        let escaped = |c: char| format!("\\u{:04x}", u32::from(c));
        let blanks: Vec<char> = ('\0'..='\u{ffff}').filter(|c| c.is_whitespace()).collect();
        let mut listed = String::new();
        for run in blanks.chunk_by(|a, b| u32::from(*b) == u32::from(*a) + 1) {
            match run {
                [one] => listed += &escaped(*one),
                [first, second] => listed += &(escaped(*first) + &escaped(*second)),
                [first, .., last] => listed += &format!("{}-{}", escaped(*first), escaped(*last)),
                [] => {}
            }
        }
        assert_eq!(listed, blank!());
    }
}
