//! A server for a program in another language: started, described in the environment, stopped.

use super::server::{ADMIN_LOGIN, ADMIN_PASSWORD, Server};
use anyhow::{Context, Result};
use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

/// Runs the command while a new server is up. It finds the server by `LIUHEN_URL`, `LIUHEN_LOGIN`
/// and `LIUHEN_PASSWORD`, and may write below `LIUHEN_FOLDER`.
pub fn with_server(command: &[OsString]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no command")?;
    let folder = tempfile::tempdir()?;
    let server = Server::create(&folder.path().join("server"))?;
    let status = Command::new(program)
        .args(arguments)
        .env("LIUHEN_URL", server.url())
        .env("LIUHEN_LOGIN", ADMIN_LOGIN)
        .env("LIUHEN_PASSWORD", ADMIN_PASSWORD)
        .env("LIUHEN_FOLDER", folder.path())
        .status()
        .with_context(|| program.to_string_lossy().into_owned())?;
    server.stop()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
