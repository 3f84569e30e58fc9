//! What needs no running: format, lints, dependency rules.

use crate::{shell, stages::Stages};
use anyhow::Result;
use std::{path::PathBuf, process::ExitCode};

pub fn run() -> Result<ExitCode> {
    let mut stages = Stages::default();
    let result = all(&mut stages);
    stages.report();
    result?;
    eprintln!("\nFormat, lints and dependency rules hold.");
    Ok(ExitCode::SUCCESS)
}

fn all(stages: &mut Stages) -> Result<()> {
    stages.run("format", || shell::run(shell::cargo().args(["fmt", "--all", "--check"])))?;
    stages.run("lints", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
        shell::run(shell::cargo().args(clippy))
    })?;
    stages.run("dependency rules", || {
        let rules = ["--offline", "check", "bans", "licenses", "sources"];
        shell::run(shell::program(cargo_deny()?).args(rules))
    })
}

/// The one on the PATH, else one of our own below `target/tools`, which is installed when missing.
fn cargo_deny() -> Result<PathBuf> {
    if shell::is_there("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let tools = shell::workspace().join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        eprintln!("cargo-deny is not on the PATH; installing it below {}", tools.display());
        shell::run(shell::cargo().args(["install", "cargo-deny", "--locked", "--root"]).arg(&tools))?;
    }
    Ok(program)
}
