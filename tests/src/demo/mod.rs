//! The demo: one working day of a made-up county, through real phones, a real network and a real
//! server, and its folder afterwards.
//!
//! ```text
//! tests/demo/* → county → story ─→ desk (the API)       ─→ server
//!                pictures ┘    └─→ crew (phones), proxy ─→ server
//!                              afterwards: read back, verified
//!                              kept, manifest: the folder, byte by byte · console: left open
//! ```

pub mod afterwards;
mod canvas;
pub mod console;
pub mod county;
pub mod desk;
pub mod facts;
pub mod kept;
pub mod manifest;
pub mod pictures;
pub mod run;
pub mod story;
