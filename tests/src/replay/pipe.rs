//! What the driver and a phone's process say to each other: one JSON object a line.

use super::plan::Save;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Where the phone says it is: degrees, WGS-84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    pub latitude: f64,
    pub longitude: f64,
}

/// From the driver, on standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Enrol {
        server: String,
        login: String,
        password: String,
        name: String,
    },
    /// Answered by [`Reply::Saved`] for each, then [`Reply::Done`].
    Save {
        visit: String,
        saves: Vec<Save>,
        #[serde(default)]
        spot: Option<Spot>,
    },
    View {
        visit: String,
    },
    Synchronise,
}

/// From the phone, on standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Save number `n` of the command is durable.
    Saved {
        n: usize,
    },
    Done,
    View(Json),
    Synchronised(Synchronised),
    Failed {
        code: String,
        detail: String,
    },
}

/// What one synchronisation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synchronised {
    pub exchanges: u64,
    pub upload_bytes_sent: u64,
    pub upload_bytes_resent: u64,
    /// Nothing is left to hand in or to fetch.
    pub complete: bool,
    /// Leaves the phone knows of whose news it has not had: the server is still judging them.
    pub behind: u64,
    /// How long the phone asks to be left alone.
    pub retry_in_ms: u64,
    pub failures: Vec<String>,
}
