//! `cargo xtask replay`: release builds, then the replay with the arguments passed on and its exit
//! code passed back.

use crate::shell;
use anyhow::Result;
use clap::Args;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// Folder with establishments.csv, inspections.csv, violation_codes.csv and violations.csv, then
    /// the replay's own options; `cargo xtask replay --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Programs of one build.
pub struct Built {
    pub server: PathBuf,
    pub replay: PathBuf,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let built = build(&["--release"], "release")?;
    let status = shell::status(command(&built).arg("run").args(&options.arguments))?;
    Ok(shell::exit_code(status))
}

/// Builds server and replay; `profile` is the folder below `target`.
pub fn build(arguments: &[&str], profile: &str) -> Result<Built> {
    let packages = ["build", "--package", "liuhen-server", "--package", "liuhen-tests", "--bins"];
    shell::run(shell::cargo().args(packages).args(arguments))?;
    let folder = target_folder()?.join(profile);
    Ok(Built { server: folder.join("liuhen"), replay: folder.join("liuhen-replay") })
}

/// The replay's program, told which server to run.
pub fn command(built: &Built) -> Command {
    let mut command = Command::new(&built.replay);
    command.env("LIUHEN_SERVER", &built.server);
    command
}

/// Writes a small made-up set.
pub fn generate(built: &Built, folder: &Path) -> Result<()> {
    shell::run(command(built).arg("generate").arg(folder))
}

/// Where cargo builds to, which a user may have moved.
pub fn target_folder() -> Result<PathBuf> {
    let metadata = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let metadata: serde_json::Value = serde_json::from_str(&shell::output(shell::cargo().args(metadata))?)?;
    let folder = metadata["target_directory"].as_str().map(PathBuf::from);
    Ok(folder.unwrap_or_else(|| shell::workspace().join("target")))
}
