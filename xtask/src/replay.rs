//! `cargo xtask replay`: release builds, then the replay with the arguments passed on and its exit
//! code passed back.

use crate::shell;
use anyhow::Result;
use clap::Args;
use std::{
    ffi::{OsStr, OsString},
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
    server: PathBuf,
    replay: PathBuf,
    demo: PathBuf,
}

impl Built {
    /// `profile` is the folder below `target`.
    pub fn of(profile: &str) -> Result<Self> {
        let folder = target_folder()?.join(profile);
        let [server, replay, demo] = ["liuhen", "liuhen-replay", "liuhen-demo"].map(|name| folder.join(name));
        Ok(Self { server, replay, demo })
    }

    pub fn server(&self) -> &Path {
        &self.server
    }

    /// Told which server to run.
    fn beside_server(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("LIUHEN_SERVER", &self.server);
        command
    }

    pub fn replay(&self) -> Command {
        self.beside_server(&self.replay)
    }

    pub fn demo(&self) -> Command {
        self.beside_server(&self.demo)
    }
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let built = build(&["--release"], "release")?;
    let status = shell::status(built.replay().arg("run").args(&options.arguments))?;
    Ok(shell::exit_code(status))
}

/// Builds server, replay and demo; `profile` is the folder below `target`.
pub fn build(arguments: &[&str], profile: &str) -> Result<Built> {
    let packages = ["build", "--package", "liuhen-server", "--package", "liuhen-tests", "--bins"];
    shell::run(shell::cargo().args(packages).args(arguments))?;
    Built::of(profile)
}

/// Writes a small made-up set.
pub fn generate(built: &Built, folder: &Path) -> Result<()> {
    shell::run(built.replay().arg("generate").arg(folder))
}

/// Where cargo builds to, which a user may have moved.
pub fn target_folder() -> Result<PathBuf> {
    let metadata = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let metadata: serde_json::Value = serde_json::from_str(&shell::output(shell::cargo().args(metadata))?)?;
    let folder = metadata["target_directory"].as_str().map(PathBuf::from);
    Ok(folder.unwrap_or_else(|| shell::workspace().join("target")))
}
