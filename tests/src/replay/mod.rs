//! The replay: a city's inspections, typed on phones and read back from the server.
//!
//! ```text
//! table, dates → set → plan (photo) ─→ office: registers, issues      ─→ server
//!                                   └→ crew → remote ─pipe─ phone     ─→ server, through the proxy
//!                      typed ←─ what was acknowledged ─┘
//!                      readback, compare ←─ what the supervisor sees  ←─ server
//! ```

pub mod compare;
pub mod crew;
pub mod dates;
pub mod disaster;
pub mod generate;
pub mod look;
pub mod office;
pub mod phone;
pub mod photo;
pub mod pipe;
pub mod plan;
pub mod readback;
pub mod remote;
pub mod report;
pub mod run;
pub mod sabotage;
pub mod set;
pub mod table;
pub mod typed;
