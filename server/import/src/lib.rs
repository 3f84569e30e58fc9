//! Tables that people hand in, read into typed rows and a report: bytes → [`read`] → [`Table`] →
//! [`Mapping`] → [`subjects`]. And the way back, [`export`].
//!
//! Pure: no clock, no files, no database. Nothing in here trusts a file's name, what a file says of
//! its own size, or that a parser will not panic.
#![forbid(unsafe_code)]

mod coordinates;
mod credit_code;
mod csv_text;
mod encoding;
mod export;
mod mapping;
mod messages;
mod normalise;
mod package;
mod sniff;
mod subject;
mod table;
mod workbook;

pub mod limits;

pub use coordinates::{Datum, Place};
pub use export::{csv, xlsx};
pub use mapping::{Field, Mapping, Overrides};
pub use messages::{Finding, Message, Severity, message};
pub use normalise::folded;
pub use sniff::Format;
pub use subject::{Subject, Subjects, as_read, subjects};
pub use table::{Cell, Row, Source, Table, read};
