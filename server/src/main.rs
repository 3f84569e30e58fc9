//! `liuhen`: the server's command line.

#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use liuhen_server::{
    acts::access::{Role, Roles, accounts::NewAccount},
    config::{Config, LogFormat, Settings},
    founding, ledger, serve, telemetry,
};
use std::{io::Read as _, path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(name = "liuhen", version, about = "留痕：现场检查后端 / Liuhen, the backend for field inspections")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the exchange with phones
    Serve {
        #[command(flatten)]
        settings: Settings,
        /// TOML file with the same settings; flags and environment go before it
        #[arg(long, env = "LIUHEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Accounts that cannot be made over the API
    #[command(subcommand)]
    Admin(Admin),
    /// Recompute the ledger and every row it commits to; fails with the first that does not fit
    VerifyLedger {
        /// Folder of the server's data
        #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
        data: PathBuf,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Admin {
    /// Create the first administrator and their department. The password is read from
    /// LIUHEN_ADMIN_PASSWORD, or else from standard input. The server must not be running.
    Create {
        /// Folder of the server's data
        #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
        data: PathBuf,
        #[arg(long)]
        login: String,
        /// Real name
        #[arg(long)]
        name: String,
        /// Number of the law-enforcement certificate
        #[arg(long, default_value = "")]
        certificate_no: String,
        /// Name of the department at the top; created when it is not there
        #[arg(long, value_name = "NAME")]
        department: String,
        /// May be given several times
        #[arg(long = "role", default_value = "department_administrator")]
        roles: Vec<Role>,
    },
}

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("liuhen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    match command {
        Command::Serve { settings, config } => {
            let config = settings.resolve(config.as_deref())?;
            telemetry::log_to_stderr(config.log)?;
            runtime.block_on(serve::run(config))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Admin(Admin::Create { data, login, name, certificate_no, department, roles }) => {
            telemetry::log_to_stderr(LogFormat::Text)?;
            let roles = Roles::from_iter(roles);
            let password = read_password()?;
            let account = NewAccount { login, password, name, certificate_no, department: None, roles };
            let id = runtime.block_on(founding::found(Config::new(data), department, account))?;
            println!("{id}");
            Ok(ExitCode::SUCCESS)
        }
        Command::VerifyLedger { data, json } => {
            telemetry::log_to_stderr(LogFormat::Text)?;
            runtime.block_on(ledger::verify::run(&data, json))
        }
    }
}

/// From the environment, else the first line of standard input: never from a flag, which other
/// users of the machine can see.
#[expect(clippy::disallowed_methods, reason = "read once, at the edge")]
fn read_password() -> anyhow::Result<String> {
    if let Ok(password) = std::env::var("LIUHEN_ADMIN_PASSWORD") {
        return Ok(password);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading the password")?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => bail!("no password: set LIUHEN_ADMIN_PASSWORD or give it on standard input"),
    }
}
