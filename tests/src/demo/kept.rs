//! What a demo's folder says of itself, whose it is, and whether it is as it was left.
//!
//! ```text
//! playing           the day is being played; it is played anew when that ends without a word
//! demo.json         what was played, once it was: never written again
//! untouched.sha256  the console is open, or was when the demo ended without a word
//! manifest.sha256   everything had ended
//! ```

use super::{
    desk::Account,
    manifest::{self, Part},
    story::Places,
};
use crate::harness::server;
use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    path::Path,
    thread,
    time::Duration,
};

const PLAYING: &str = "playing";
const PLAYED: &str = "demo.json";
const DATABASE: &str = "liuhen.sqlite";

/// What a folder holds.
#[derive(Debug)]
pub enum Found {
    Nothing,
    /// A day that did not end.
    Unfinished,
    Played(Kept),
}

/// What was played, for whoever looks at it again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub accounts: Vec<Account>,
    /// What to look at: title and path.
    pub pages: Vec<(String, String)>,
    /// The table of what happened.
    pub table: String,
}

/// Held while a demo works in its folder, so that no second one does.
pub struct Claim {
    _folder: File,
}

/// Takes the folder, which is made where it is missing, and waits for what a demo that was killed left
/// running.
pub fn claim(folder: &Path) -> Result<Claim> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let held = File::open(folder).with_context(|| folder.display().to_string())?;
    if matches!(held.try_lock(), Err(TryLockError::WouldBlock)) {
        bail!("另一个演示正在使用 another demo is using {}", folder.display());
    }
    wait_for_those_left(folder)?;
    Ok(Claim { _folder: held })
}

/// A server or a phone whose demo was killed ends by itself, a moment later.
fn wait_for_those_left(folder: &Path) -> Result<()> {
    const WAIT: Duration = Duration::from_millis(100);
    /// Longer than a server takes to stop.
    const TRIES_MAX: usize = 300;
    let places = Places::below(folder);
    let mut locks = vec![places.server.join("lock")];
    for phone in fs::read_dir(&places.phones).into_iter().flatten() {
        locks.push(phone?.path().join("core/lock"));
    }
    for lock in locks.iter().filter(|lock| lock.is_file()) {
        let mut tries = 0;
        while matches!(File::open(lock)?.try_lock(), Err(TryLockError::WouldBlock)) {
            tries += 1;
            ensure!(tries < TRIES_MAX, "{} is held by a process of an earlier run", lock.display());
            thread::sleep(WAIT);
        }
    }
    Ok(())
}

/// What the folder holds; other people's folders are refused.
pub fn find(folder: &Path) -> Result<Found> {
    let [playing, played] = [PLAYING, PLAYED].map(|name| folder.join(name));
    let lists = manifest::parts(folder);
    if playing.is_file() && !lists.contains(&Part::Everything) {
        return Ok(Found::Unfinished);
    }
    if played.is_file() {
        ensure!(!lists.is_empty(), "{} lists no bytes any more: damaged", folder.display());
        return Ok(Found::Played(Kept::read(&played)?));
    }
    let first = fs::read_dir(folder).with_context(|| folder.display().to_string())?.next();
    ensure!(
        first.is_none(),
        "{} is not empty and has no {PLAYED}: not a demo's folder, or damaged",
        folder.display()
    );
    Ok(Found::Nothing)
}

/// Marks the folder before anything is in it.
pub fn begin(folder: &Path) -> Result<()> {
    let path = folder.join(PLAYING);
    fs::write(&path, "").with_context(|| path.display().to_string())
}

/// Removes what a demo put into its folder. A folder that holds anything else stays as it is.
pub fn remove(folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let places = Places::below(folder);
    let mut ours = vec![places.server, places.phones, places.pictures];
    ours.extend(manifest::NAMES.iter().chain(&[PLAYED, PLAYING]).map(|name| folder.join(name)));
    let strange = names.iter().find(|name| !ours.contains(&folder.join(name)));
    let stays = |why: &str| format!("{} stays as it is: {why}", folder.display());
    if let Some(name) = strange {
        bail!(stays(&format!("{name} is not the demo's")));
    }
    ensure!(names.is_empty() || is_ours(folder), stays("it is not a demo's folder"));
    for path in ours {
        if path.is_dir() {
            fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
        } else if path.exists() {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Whether a demo made it: others name a file `demo.json`, too.
fn is_ours(folder: &Path) -> bool {
    let is_unfinished = fs::read(folder.join(PLAYING)).is_ok_and(|bytes| bytes.is_empty());
    let is_damaged = Places::below(folder).server.join("signer").is_dir();
    is_unfinished || is_damaged || Kept::read(&folder.join(PLAYED)).is_ok()
}

impl Kept {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes what was played, if that is not done yet, and the list of all bytes that stand still from
    /// now on. Killed in between, the day counts as unfinished, or the console as open.
    pub fn write(&self, folder: &Path, part: Part) -> Result<()> {
        let [playing, played] = [PLAYING, PLAYED].map(|name| folder.join(name));
        if playing.exists() {
            let text = serde_json::to_string_pretty(self)?;
            fs::write(&played, text).with_context(|| played.display().to_string())?;
            manifest::write(folder, Part::Untouched)?;
            fs::remove_file(&playing).with_context(|| playing.display().to_string())?;
        }
        manifest::write(folder, part)
    }
}

/// Compares every byte that should have stood still since the folder was left.
pub fn check_bytes(folder: &Path) -> Result<()> {
    let mut wrong = Vec::new();
    for part in manifest::parts(folder) {
        wrong.extend(manifest::differences(folder, part)?);
    }
    let lines = || wrong.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    ensure!(wrong.is_empty(), "{} is not as it was left:\n{}", folder.display(), lines());
    Ok(())
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
