//! `liuhen-replay`: a city's inspections, typed on phones and read back from the server.
#![forbid(unsafe_code)]

use anyhow::Result;
use clap::{Parser, Subcommand};
use liuhen_tests::{
    contract,
    harness::story,
    replay::{
        generate::{self, Size},
        phone, run,
    },
};
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(name = "liuhen-replay", version, about = "Replay a city's inspections through Liuhen")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Replay a set; fails if anything is missing, doubled, different or unlisted
    Run(run::Options),
    /// Write a small made-up set with the same columns
    Generate {
        folder: PathBuf,
        #[arg(long, default_value_t = Size::default().inspections)]
        inspections: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run a command with a new server beside it, described in its environment
    WithServer {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
    /// Try the API against its own description, in each role
    Contract(contract::Options),
    /// Be a phone: obey the lines on standard input
    #[command(hide = true)]
    Phone { folder: PathBuf },
}

/// Exit code for input that cannot be used; nothing was started.
const BAD_INPUT: u8 = 2;

fn main() -> Result<ExitCode> {
    match CommandLine::parse().command {
        Command::Run(options) => replay(&options),
        Command::Generate { folder, inspections, seed } => {
            generate::write(&folder, Size { inspections, ..Size::default() }, seed)?;
            eprintln!("{inspections} inspections in {}", folder.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::WithServer { command } => story::with_server(&command),
        Command::Contract(options) => contract::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Phone { folder } => phone::obey(&folder).map(|()| ExitCode::SUCCESS),
    }
}

fn replay(options: &run::Options) -> Result<ExitCode> {
    let ready = match run::prepare(options) {
        Ok(ready) => ready,
        Err(error) => {
            eprintln!("{error:#}");
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let report = run::replay(options, &ready)?;
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", report.table());
    }
    if report.is_clean() {
        eprintln!(
            "Everything typed is there, once and as typed; every disagreement is listed; the ledger verifies."
        );
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("The replay found something wrong.");
    Ok(ExitCode::FAILURE)
}
