//! What a demo's folder says of itself, and whether it is as it was left.

use super::{
    desk::Account,
    manifest::{self, Part},
    story::Places,
};
use crate::harness::server;
use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

const NAME: &str = "demo.json";
/// Nothing of these changes while people work in the console.
const UNTOUCHED: Part = Part::Below(&["phones/", "pictures/"]);
const DATABASE: &str = "liuhen.sqlite";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The day is being played.
    Playing,
    /// The console is open, or was when the demo ended without a word.
    Open,
    /// Everything had ended, and every byte is listed.
    Left,
}

/// The demo's own file in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub state: State,
    pub accounts: Vec<Account>,
    /// What to look at: title and path.
    pub pages: Vec<(String, String)>,
    /// The table of what happened.
    pub table: String,
}

impl Kept {
    /// Of a day that is being played.
    pub fn playing() -> Self {
        Self { state: State::Playing, accounts: Vec::new(), pages: Vec::new(), table: String::new() }
    }

    /// Nothing for a folder that is not there or is empty; other people's folders are refused.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(NAME);
        if path.is_file() {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let kept = serde_json::from_str(&text);
            return Ok(Some(kept.with_context(|| format!("{} is damaged", path.display()))?));
        }
        let is_empty = !folder.exists() || fs::read_dir(folder)?.next().is_none();
        ensure!(
            is_empty,
            "{} is not empty and has no {NAME}: not a demo's folder, or damaged",
            folder.display()
        );
        Ok(None)
    }

    /// Writes the file, and the list of all bytes that stand still from now on.
    pub fn write(&mut self, folder: &Path, state: State) -> Result<()> {
        self.state = state;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(NAME);
        fs::write(&path, serde_json::to_string_pretty(self)?).with_context(|| path.display().to_string())?;
        match state {
            State::Playing => Ok(()),
            State::Open => manifest::write(folder, UNTOUCHED),
            State::Left => manifest::write(folder, Part::Everything),
        }
    }

    /// Every byte that should have stood still since the folder was left.
    pub fn check_bytes(&self, folder: &Path) -> Result<()> {
        let part = match self.state {
            State::Playing => return Ok(()),
            State::Open => UNTOUCHED,
            State::Left => Part::Everything,
        };
        let wrong = manifest::differences(folder, part)?;
        let lines = || wrong.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        ensure!(wrong.is_empty(), "{} is not as it was left:\n{}", folder.display(), lines());
        Ok(())
    }
}

/// Removes a demo's folder; any other folder stays.
pub fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let is_empty = fs::read_dir(folder)?.next().is_none();
    let is_ours = folder.join(NAME).is_file() || folder.join(manifest::NAME).is_file();
    ensure!(is_empty || is_ours, "{} is not a demo's folder; it stays as it is", folder.display());
    fs::remove_dir_all(folder).with_context(|| folder.display().to_string())
}

/// SQLite's own check of every page, then the ledger and all it commits to, evidence files among it.
/// Returns the leaves.
pub fn verify(folder: &Path) -> Result<u64> {
    let data = Places::below(folder).server;
    check_database(&data.join(DATABASE))?;
    server::verify_ledger(&data)
}

fn check_database(path: &Path) -> Result<()> {
    let checked = || -> rusqlite::Result<String> {
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0))
    };
    let said = checked().with_context(|| format!("{} is damaged", path.display()))?;
    ensure!(said == "ok", "{} is damaged: {said}", path.display());
    Ok(())
}
