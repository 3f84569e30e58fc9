//! The dates of the published set, in both its forms.

use time::{Date, Month};

/// `2018-06-29 00:00:00`, `2018-06-29` or `6/20/2018`. A day that does not exist is none.
pub fn parse(text: &str) -> Option<Date> {
    let day = text.trim().split(' ').next()?;
    let parts: Vec<&str> = day.split(['-', '/']).collect();
    let [a, b, c] = parts[..] else { return None };
    let (year, month, day) = if day.contains('/') { (c, a, b) } else { (a, b, c) };
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// As everything else in the product writes a day.
pub fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_set_name_the_same_day() {
        let day = Date::from_calendar_date(2018, Month::June, 2).ok();
        assert!(day.is_some());
        for text in ["2018-06-02 00:00:00", "2018-06-02", "6/2/2018", "06/02/2018", " 6/2/2018 "] {
            assert_eq!(parse(text), day, "{text}");
        }
        assert_eq!(day.map(iso).as_deref(), Some("2018-06-02"));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "soon", "2018-13-01", "2018-02-30 00:00:00", "2/30/2018", "2018", "1/2/3/4", "6-2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
