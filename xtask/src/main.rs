//! The project's commands: `cargo xtask test | replay | demo | check`.
#![forbid(unsafe_code)]

mod browser;
mod check;
mod demo;
mod prerequisites;
mod replay;
mod shell;
mod stages;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Liuhen's commands for those who work on it.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test: crates, real processes, the Python binding, the console in a browser, the API
    /// against its description, a replay
    Test(test::Options),
    /// Replay a city's inspections from phones to a verified ledger, in release builds
    Replay(replay::Options),
    /// Play one working day of a made-up county and leave its console open
    Demo(demo::Options),
    /// Format, lints and dependency rules
    Check,
}

fn main() -> anyhow::Result<ExitCode> {
    match Options::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Check => check::run(),
    }
}
