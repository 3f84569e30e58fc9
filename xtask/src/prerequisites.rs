//! What the tests need beside Rust. Nothing is left out silently: what is missing is installed, or
//! the command ends and says what to install.

use crate::shell;
use anyhow::{Result, bail, ensure};
use std::{
    io::{BufRead, IsTerminal, Write},
    process::Command,
};

struct Program {
    /// What has to be on the PATH.
    name: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    why: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program { name: "cc", package: "gcc", why: "SQLite and zstd are compiled from C" },
    Program { name: "python3", package: "python3", why: "drives the phone core through its Python binding" },
];

/// Lists what is there and installs what is not.
pub fn provide(assume_yes: bool) -> Result<()> {
    let missing: Vec<&Program> = PROGRAMS.iter().filter(|program| !shell::is_there(program.name)).collect();
    for program in PROGRAMS {
        let is_missing = missing.iter().any(|other| other.name == program.name);
        eprintln!("{:8} {:8} {}", if is_missing { "missing" } else { "there" }, program.name, program.why);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    let by_hand = format!("install them and run this again: apt-get install {}", packages.join(" "));
    ensure!(shell::is_there("apt-get"), "{} missing; {by_hand}", packages.join(", "));
    ensure!(is_root()?, "{} missing and this is not root; {by_hand}", packages.join(", "));
    if !assume_yes && !agreed(&packages)? {
        bail!("not installed; {by_hand}");
    }
    let apt = |arguments: &[&str]| {
        shell::run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], &packages[..]].concat())
}

/// Asks on a terminal. Without one there is nobody to ask, which `--yes` is for.
fn agreed(packages: &[&str]) -> Result<bool> {
    ensure!(std::io::stdin().is_terminal(), "{} missing; --yes installs them", packages.join(", "));
    eprint!("Install {} with apt-get? [y/N] ", packages.join(", "));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn is_root() -> Result<bool> {
    Ok(shell::output(Command::new("id").arg("-u"))?.trim() == "0")
}
