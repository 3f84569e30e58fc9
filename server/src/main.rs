//! `liuhen`: the server's command line.

#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use clap::{ArgGroup, Parser, Subcommand};
use liuhen_server::{
    acts::access::{Role, Roles, accounts::NewAccount},
    backup,
    config::{LogFormat, Settings},
    control::{self, Order},
    ledger, serve, telemetry,
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
    /// What helps when nobody can sign in: for whoever holds the data folder, also while it is served
    #[command(subcommand)]
    Admin(Admin),
    /// Copy everything into a folder that is not there yet, also while the server runs. It holds the
    /// keys: keep it as safe as the data folder
    Backup {
        /// Folder of the server's data
        #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
        data: PathBuf,
        /// Folder to be made
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Compare every byte of a backup with what it says of itself
    VerifyBackup {
        #[arg(value_name = "FOLDER")]
        backup: PathBuf,
    },
    /// Lay a backup out in an empty folder and open the log's next epoch, so that phones hand in what it
    /// lacks
    Restore {
        #[arg(value_name = "FOLDER")]
        backup: PathBuf,
        /// Folder for the server's data; empty, or not there yet
        #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
        data: PathBuf,
        /// Number of the epoch to open, where this backup was restored and served before: one that no
        /// phone has seen yet
        #[arg(long, value_name = "NUMBER")]
        epoch: Option<u64>,
    },
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
    /// LIUHEN_ADMIN_PASSWORD, or else from standard input.
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
    /// Give a login a new password, read as for `create`, or take its second factor away. Its sign-ins
    /// end.
    #[command(group = ArgGroup::new("what").required(true).multiple(true))]
    Reset {
        /// Folder of the server's data
        #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
        data: PathBuf,
        #[arg(long)]
        login: String,
        /// Set a new password
        #[arg(long, group = "what")]
        password: bool,
        /// Remove the second factor; where it is required, the next sign-in sets up another
        #[arg(long, group = "what")]
        second_factor: bool,
    },
    /// Forget the failed sign-ins under a login
    Unlock {
        /// Folder of the server's data
        #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
        data: PathBuf,
        #[arg(long)]
        login: String,
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
        Command::Admin(admin) => {
            telemetry::log_to_stderr(LogFormat::Text)?;
            let (data, order) = ordered(admin)?;
            println!("{}", runtime.block_on(control::order(data, order))?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup { data, to } => {
            telemetry::log_to_stderr(LogFormat::Text)?;
            let taken = runtime.block_on(backup::take(&data, &to, backup::Evidence::Copied))?;
            println!("备份完成 Backed up: {taken}; {}", to.display());
            println!("备份含密钥，请妥善保管 It holds the keys: keep it as safe as the data folder");
            Ok(ExitCode::SUCCESS)
        }
        Command::VerifyBackup { backup: folder } => {
            let manifest = backup::check(&folder)?;
            println!("备份核验通过 The backup is as it was taken: {manifest}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore { backup: folder, data, epoch } => {
            telemetry::log_to_stderr(LogFormat::Text)?;
            let restored = runtime.block_on(backup::restore(&folder, &data, epoch))?;
            let opening = restored.opening;
            println!("恢复完成 Restored and verified: {}", restored.manifest);
            println!(
                "账本进入第 {0} 纪元 The log goes on in epoch {0} at leaf {1}",
                opening.epoch,
                opening.leaf()
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::VerifyLedger { data, json } => {
            telemetry::log_to_stderr(LogFormat::Text)?;
            runtime.block_on(ledger::verify::run(&data, json))
        }
    }
}

/// What is to be done, in which folder.
fn ordered(admin: Admin) -> anyhow::Result<(PathBuf, Order)> {
    Ok(match admin {
        Admin::Create { data, login, name, certificate_no, department, roles } => {
            let (roles, password) = (Roles::from_iter(roles), read_password()?);
            let account = NewAccount { login, password, name, certificate_no, department: None, roles };
            (data, Order::Create { department, account })
        }
        Admin::Reset { data, login, password, second_factor } => {
            let password = if password { Some(read_password()?) } else { None };
            (data, Order::Reset { login, password, second_factor })
        }
        Admin::Unlock { data, login } => (data, Order::Unlock { login }),
    })
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
