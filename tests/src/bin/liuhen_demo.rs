//! `liuhen-demo`: one working day of a made-up county, and its console.
#![forbid(unsafe_code)]

use anyhow::Result;
use clap::{Parser, Subcommand};
use liuhen_tests::{demo::run, replay::phone};
use std::path::PathBuf;

#[derive(Parser)]
#[command(name = "liuhen-demo", version, about = "Play one working day of a made-up county")]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: run::Options,
}

#[derive(Subcommand)]
enum Command {
    /// Be a phone: obey the lines on standard input
    #[command(hide = true)]
    Phone { folder: PathBuf },
}

fn main() -> Result<()> {
    let line = CommandLine::parse();
    match line.command {
        Some(Command::Phone { folder }) => phone::obey(&folder),
        None => run::run(&line.options),
    }
}
