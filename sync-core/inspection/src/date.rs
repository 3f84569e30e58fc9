//! A calendar day without a time zone, written `2026-11-21`.

use crate::Refusal;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use time::{format_description::StaticFormatDescription, macros::format_description};

/// A day that exists in the calendar. Law speaks in days; when a day begins is the place's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
#[serde(transparent)]
pub struct Date(#[serde(with = "crate::as_text")] Iso);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Iso(time::Date);

/// ISO 8601, extended form.
const ISO: StaticFormatDescription = format_description!("[year]-[month]-[day]");
const ISO_LEN: usize = 10;

impl FromStr for Iso {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let day = time::Date::parse(text, ISO).ok().filter(|_| text.len() == ISO_LEN);
        day.map(Self)
            .ok_or_else(|| Refusal::new("date.malformed", format!("not a day as 2026-11-21: {text:?}")))
    }
}

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

impl FromStr for Date {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C> Encode<C> for Date {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Date {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str()?.parse().map_err(decode::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_reads_back_and_what_is_no_day_is_refused() {
        for text in ["2016-02-29", "2026-11-21", "0001-01-01"] {
            assert_eq!(text.parse::<Date>().map(|day| day.to_string()), Ok(text.to_owned()));
        }
        for text in ["2017-02-29", "2026-1-1", "21/11/2026", "+2026-11-21", "-0001-01-01", "2026-11-21 ", ""]
        {
            assert_eq!(text.parse::<Date>().map_err(|refusal| refusal.code), Err("date.malformed"), "{text}");
        }
    }
}
