//! What the tests need beside Rust. Nothing is left out silently: what is missing is installed, or
//! the command ends and says what to install.

use crate::shell;
use anyhow::{Context as _, Result, bail, ensure};
use std::{
    fs,
    io::{BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    process::Command,
};

struct Part {
    name: &'static str,
    /// The Debian package that brings it.
    package: &'static str,
    why: &'static str,
    is_there: fn() -> bool,
}

const PARTS: &[Part] = &[
    Part {
        name: "cc",
        package: "gcc",
        why: "SQLite and zstd are compiled from C",
        is_there: || shell::is_there("cc"),
    },
    Part {
        name: "openssl",
        package: "openssl",
        why: "makes the certificates of a test",
        // It knows no `--version`.
        is_there: || succeeds("openssl", &["version"]),
    },
    Part {
        name: "python3",
        package: "python3",
        why: "drives the phone core through its Python binding",
        is_there: || shell::is_there("python3"),
    },
    Part {
        name: "venv",
        package: "python3-venv",
        why: "a folder of its own for what checks the API",
        is_there: || succeeds("python3", &["-c", "import ensurepip, venv"]),
    },
    Part {
        name: "chromium",
        package: "chromium",
        why: "shows the console in the browser tests",
        is_there: || shell::is_there("chromium"),
    },
    Part {
        name: "font",
        package: "fonts-wqy-microhei",
        why: "Chinese on the screenshots",
        is_there: || Path::new("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc").is_file(),
    },
    Part { name: "node", package: "nodejs", why: "drives the browser", is_there: || shell::is_there("node") },
    Part {
        name: "npm",
        package: "npm",
        why: "fetches what drives the browser",
        is_there: || shell::is_there("npm"),
    },
];

/// Lists what is there and installs what is not.
pub fn provide(assume_yes: bool) -> Result<()> {
    let mut missing: Vec<&Part> = Vec::new();
    for part in PARTS {
        let is_there = (part.is_there)();
        eprintln!("{:8} {:8} {}", if is_there { "there" } else { "missing" }, part.name, part.why);
        if !is_there {
            missing.push(part);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|part| part.package).collect();
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
    apt(&[&["install", "--yes", "--no-install-recommends"], &packages[..]].concat())?;
    match missing.iter().find(|part| !(part.is_there)()) {
        Some(part) => bail!("{} was installed with {} and is still missing", part.name, part.package),
        None => Ok(()),
    }
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Finds where the API and its description differ; the newest when this was written.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Its program, in a folder of its own below `target`. Installed once.
pub fn schemathesis(target: &Path) -> Result<PathBuf> {
    let folder = target.join("schemathesis");
    let (program, mark) = (folder.join("bin/schemathesis"), folder.join("installed"));
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == SCHEMATHESIS) {
        return Ok(program);
    }
    let made = shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    made.context("a virtual environment is needed; Debian's package is python3-venv")?;
    let pip = folder.join("bin/pip");
    shell::run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS]))
        .with_context(|| format!("{SCHEMATHESIS} was not fetched; pip needs its registry once"))?;
    fs::write(&mark, SCHEMATHESIS)?;
    Ok(program)
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
