//! `liuhen-demo`: one working day of a made-up county, and its console.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use liuhen_tests::{
    browser,
    demo::{facts::remark, run},
    replay::phone,
};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

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
    /// Let a program walk the console of the county while phones work, as it asks for it
    #[command(hide = true)]
    Browse {
        /// Where the program puts its screenshots
        #[arg(long)]
        screenshots: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
    /// Be a phone: obey the lines on standard input
    #[command(hide = true)]
    Phone { folder: PathBuf },
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let done = match line.command {
        Some(Command::Phone { folder }) => phone::obey(&folder),
        Some(Command::Browse { screenshots, command }) => browser::drive(&screenshots, &command),
        None => run::run(&line.options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            remark(format_args!("\n没有通过 Not verified: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
