//! Times, sizes and numbers as people read them.

use crate::views::calendar::local;
use time::macros::format_description;

/// A time as templates hand it over, which is behind any number of references.
pub trait Millis {
    fn ms(&self) -> Option<i64>;
}

impl Millis for i64 {
    fn ms(&self) -> Option<i64> {
        Some(*self)
    }
}

impl Millis for u64 {
    fn ms(&self) -> Option<i64> {
        i64::try_from(*self).ok()
    }
}

impl<T: Millis> Millis for Option<T> {
    fn ms(&self) -> Option<i64> {
        self.as_ref().and_then(Millis::ms)
    }
}

impl<T: Millis + ?Sized> Millis for &T {
    fn ms(&self) -> Option<i64> {
        (**self).ms()
    }
}

/// `2026-11-21 09:05`.
pub fn time(at_ms: impl Millis) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    at_ms.ms().and_then(local).and_then(|at| at.format(format).ok()).unwrap_or_else(|| "—".to_owned())
}

/// `2026-11-21 09:05:03`.
pub fn time_exact(at_ms: impl Millis) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    at_ms.ms().and_then(local).and_then(|at| at.format(format).ok()).unwrap_or_else(|| "—".to_owned())
}

/// `11-21 09:05`, where the year goes without saying.
pub fn day_and_time(at_ms: impl Millis) -> String {
    let format = format_description!("[month]-[day] [hour]:[minute]");
    at_ms.ms().and_then(local).and_then(|at| at.format(format).ok()).unwrap_or_else(|| "—".to_owned())
}

/// `2026-11-21`: the day as it is on the wall calendar.
pub fn day(at_ms: impl Millis) -> String {
    let format = format_description!("[year]-[month]-[day]");
    at_ms.ms().and_then(local).and_then(|at| at.format(format).ok()).unwrap_or_else(|| "—".to_owned())
}

/// For the `datetime` attribute.
pub fn machine_time(at_ms: impl Millis) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+08:00");
    at_ms.ms().and_then(local).and_then(|at| at.format(format).ok()).unwrap_or_default()
}

/// An interval: `2026-11-21 09:05 – 09:12`, the day once where it is the same.
pub fn interval(from_ms: impl Millis, to_ms: impl Millis) -> String {
    match (from_ms.ms(), to_ms.ms()) {
        (Some(from), Some(to)) if day(from) == day(to) => {
            let format = format_description!("[hour]:[minute]");
            let end = local(to).and_then(|at| at.format(format).ok()).unwrap_or_default();
            if time(from) == time(to) { time(from) } else { format!("{} – {end}", time(from)) }
        }
        (Some(from), Some(to)) => format!("{} – {}", time(from), time(to)),
        (Some(from), None) => format!("≥ {}", time(from)),
        (None, Some(to)) => format!("≤ {}", time(to)),
        (None, None) => "—".to_owned(),
    }
}

/// `3.4 MB`.
pub fn size(bytes: i64) -> String {
    let bytes = bytes.max(0);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", (bytes + 500) / 1_000),
        _ => {
            let tenths = (bytes + 50_000) / 100_000;
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

/// The first digits of a hash or id: enough to recognise it by.
pub fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// A text, or its beginning with a sign that there is more.
pub fn beginning(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 00:30 in China, the day before in UTC.
    const NIGHT_MS: i64 = 1_795_192_200_000;

    #[test]
    fn times_are_those_of_a_clock_on_a_wall_in_china() {
        assert_eq!(time(NIGHT_MS), "2026-11-21 00:30");
        assert_eq!(machine_time(NIGHT_MS), "2026-11-21T00:30:00+08:00");
    }

    #[test]
    fn an_interval_names_a_shared_day_once() {
        let hour = 3_600_000;
        assert_eq!(interval(NIGHT_MS, Some(NIGHT_MS + hour)), "2026-11-21 00:30 – 01:30");
        assert_eq!(interval(NIGHT_MS, Some(NIGHT_MS)), "2026-11-21 00:30");
        assert_eq!(interval(Some(NIGHT_MS - hour), Some(NIGHT_MS)), "2026-11-20 23:30 – 2026-11-21 00:30");
        assert_eq!(interval(None::<i64>, NIGHT_MS), "≤ 2026-11-21 00:30");
    }

    #[test]
    fn sizes_and_beginnings_are_short() {
        assert_eq!([size(999), size(1_499), size(3_449_999)], ["999 B", "1 kB", "3.4 MB"]);
        assert_eq!([beginning("后门挡鼠板", 4), beginning("后门", 4)], ["后门挡鼠…", "后门"]);
    }
}
