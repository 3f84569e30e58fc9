//! The API against its own description: a server with something in it, and schemathesis in each role.
//!
//! - [`seed`]: people, registers, tasks and visits.
//! - `tests/contract`: what schemathesis is told.

pub mod seed;

use crate::harness::{
    server::Server,
    supervisor::{Api, text},
    workspace,
};
use anyhow::{Context, Result, ensure};
use clap::Args;
use seed::{PASSWORD, ROLES, Seeded};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Args)]
pub struct Options {
    /// The program `schemathesis`
    #[arg(long, value_name = "FILE")]
    schemathesis: PathBuf,
    /// In these roles only; in all of them when absent
    #[arg(long, value_name = "ROLE", value_parser = clap::builder::PossibleValuesParser::new(ROLES))]
    role: Vec<String>,
    /// How many requests are made up for each operation in each role
    #[arg(long, default_value_t = 10)]
    examples: u32,
    /// What they are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As a stranger runs it: with an access token and without our configuration
    #[arg(long)]
    plain: bool,
    /// Passed on to `schemathesis run`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Ends with an error if any role found anything.
pub fn run(options: &Options) -> Result<()> {
    let roles =
        ROLES.into_iter().filter(|role| options.role.is_empty() || options.role.iter().any(|it| it == role));
    let mut failed = Vec::new();
    for role in roles {
        if !passes(options, role).with_context(|| format!("as {role}"))? {
            failed.push(role);
        }
    }
    ensure!(failed.is_empty(), "the API and its description differ for: {}", failed.join(", "));
    Ok(())
}

/// Each role has a server of its own: an administrator does away with what others need.
fn passes(options: &Options, role: &str) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let server = Server::create(&folder.path().join("server"))?;
    let seeded = seed::seed(&server, folder.path())?;
    eprintln!("\n{role}");
    // It is run in a folder of its own.
    let schemathesis = match options.schemathesis.components().count() {
        1 => options.schemathesis.clone(),
        _ => std::path::absolute(&options.schemathesis)?,
    };
    let mut command = Command::new(schemathesis);
    let home = folder.path().join("contract");
    fs::create_dir_all(&home)?;
    if !options.plain {
        command.arg("--config-file").arg(configured(&home, &seeded)?);
        command.env("LIUHEN_LOGIN", seed::login(role)).env("LIUHEN_PASSWORD", PASSWORD);
    }
    command.arg("run").arg(format!("{}/api/v1/openapi.json", server.url()));
    if options.plain {
        // Whoever signs out with their only token sees nothing but refusals from then on.
        command.args(["--exclude-operation-id", "sign_out", "--header", &authorization(&server, role)?]);
    }
    let status = command
        .args(["--checks", "all", "--continue-on-failure", "--generation-database", "none"])
        .args(["--max-examples", &options.examples.to_string(), "--seed", &options.seed.to_string()])
        .args(&options.arguments)
        .current_dir(&home)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .with_context(|| options.schemathesis.display().to_string())?;
    server.stop()?;
    Ok(status.success())
}

/// The header of somebody who has signed in.
fn authorization(server: &Server, role: &str) -> Result<String> {
    let credentials = json!({ "login": seed::login(role), "password": PASSWORD });
    let session = Api::new(&server.url()).post("/api/v1/sessions", &credentials)?;
    Ok(format!("Authorization: Bearer {}", text(&session, "access_token")?))
}

/// The configuration with the ids it speaks of.
fn configured(folder: &Path, seeded: &Seeded) -> Result<PathBuf> {
    for name in ["schemathesis.toml", "hooks.py"] {
        fs::copy(workspace().join("tests/contract").join(name), folder.join(name)).context(name)?;
    }
    for (kind, ids) in &seeded.ids {
        let lines: Vec<String> = ids.iter().map(|id| format!("\"{id}\"\n")).collect();
        fs::write(folder.join(format!("{kind}.dict")), lines.concat())?;
    }
    Ok(folder.join("schemathesis.toml"))
}
