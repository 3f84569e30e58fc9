//! The calendar that people here live by.

use time::{OffsetDateTime, UtcOffset, macros::format_description};

/// China Standard Time, which knows no summer time; every place that this is made for lives by it.
const LOCAL: UtcOffset = match UtcOffset::from_hms(8, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

/// A time in milliseconds since 1970 as a clock on the wall shows it.
pub fn local(at_ms: i64) -> Option<OffsetDateTime> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000).ok()?;
    Some(at.to_offset(LOCAL))
}

/// As YYYY-MM-DD.
pub fn day(at_ms: i64) -> Option<String> {
    local(at_ms)?.format(format_description!("[year]-[month]-[day]")).ok()
}
