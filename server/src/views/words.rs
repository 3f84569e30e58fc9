//! What somebody types to find something: part of a name, a number or an address.

use crate::ApiError;

/// A name or an address, or what somebody remembers of it.
const WORDS_CHARS_MAX: usize = 64;

/// The words without blanks around them; `None` where there are none.
pub fn words(typed: Option<&str>) -> Result<Option<String>, ApiError> {
    let words = typed.map(str::trim).filter(|words| !words.is_empty());
    if words.is_some_and(|words| words.chars().nth(WORDS_CHARS_MAX).is_some()) {
        let detail = format!("q: at most {WORDS_CHARS_MAX} characters");
        return Err(ApiError::bad_request("request.wrong_query", detail));
    }
    Ok(words.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_no_words_and_too_many_are_told() {
        assert_eq!(words(Some(" 50%_A! ")).expect("words").as_deref(), Some("50%_A!"));
        assert_eq!(words(Some("  ")).expect("nothing"), None);
        assert!(words(Some(&"长".repeat(WORDS_CHARS_MAX))).is_ok());
        let error = words(Some(&"长".repeat(WORDS_CHARS_MAX + 1))).expect_err("too long");
        assert_eq!(error.code(), "request.wrong_query");
    }
}
