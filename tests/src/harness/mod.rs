//! Real processes and a bad network.
//!
//! - [`app`]: an app on the phone core, in this process.
//! - [`authenticator`]: the codes of a second factor, as an app on a phone shows them.
//! - [`server`]: a server process on a free port with its own folder.
//! - [`supervisor`]: the API as a supervisor's program calls it.
//! - [`proxy`]: connections that break at a byte nobody chose.
//! - [`signals`]: asking processes to end, and holding them to the life of this one.

pub mod app;
pub mod authenticator;
pub mod proxy;
pub mod server;
pub mod signals;
pub mod story;
pub mod supervisor;

use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The root of the repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// The server's program. `LIUHEN_SERVER` names one that is built; otherwise cargo builds it, once
/// in a process, so that a test never runs against yesterday's server.
#[expect(clippy::disallowed_methods, reason = "the edge where a test run is configured")]
pub fn server_program() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    if let Some(path) = std::env::var_os("LIUHEN_SERVER") {
        return Ok(path.into());
    }
    let built = BUILT.get_or_init(|| build_server().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build_server() -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args([
            "build",
            "--quiet",
            "--package",
            "liuhen-server",
            "--bin",
            "liuhen",
            "--message-format",
            "json",
        ])
        .output()
        .context("cargo did not start")?;
    ensure!(
        output.status.success(),
        "the server does not build: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let program = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    program.context("cargo named no executable")
}
