//! The browser tests: what the walk needs is fetched below `target`, then it runs against a server of
//! the demo's county.

use crate::{replay, shell};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

/// What speaks to the browser, with its digest.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
const WALK: &str = "walk.mjs";

/// Fetches the pinned library; nothing is fetched again while the pins stay.
pub fn fetch() -> Result<()> {
    let (from, folder) = (shell::workspace().join("tests/browser"), folder()?);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let pins = |folder: &PathBuf| PINS.map(|name| fs::read(folder.join(name)).ok());
    // npm writes its own list at the end.
    let is_fetched = folder.join("node_modules/.package-lock.json").is_file() && pins(&from) == pins(&folder);
    if is_fetched {
        return Ok(());
    }
    for name in PINS {
        fs::copy(from.join(name), folder.join(name)).with_context(|| name.to_owned())?;
    }
    let install = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    shell::run(shell::program("npm").current_dir(&folder).args(install))
        .context("playwright-core was not fetched; npm needs its registry once")
}

/// Walks the console; screenshots are in `target/screenshots` afterwards.
pub fn walk(built: &replay::Built) -> Result<()> {
    // Node looks for the library beside the walk.
    let walk = folder()?.join(WALK);
    let source = shell::workspace().join("tests/browser").join(WALK);
    fs::copy(&source, &walk).with_context(|| source.display().to_string())?;
    let screenshots = replay::target_folder()?.join("screenshots");
    if screenshots.exists() {
        fs::remove_dir_all(&screenshots).with_context(|| screenshots.display().to_string())?;
    }
    let mut command = built.demo();
    command.arg("browse").arg("--screenshots").arg(&screenshots);
    shell::run(command.args(["--", "node"]).arg(walk))
}

fn folder() -> Result<PathBuf> {
    Ok(replay::target_folder()?.join("browser"))
}
