//! What a backup says of itself, and whether it is so.

use super::copy::{self, FileEntry};
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs,
    path::{Component, Path, PathBuf},
};

pub const MANIFEST_FILE: &str = "backup.json";
/// As `sha256sum` writes it, so that the manifest can be checked without this program.
pub const SUM_FILE: &str = "backup.json.sha256";
/// Raised when an older program would misread a backup.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that took it.
    pub program: String,
    pub made_at_ms: i64,
    /// The newest migration of the database.
    pub schema: i64,
    /// The deployment's name.
    pub origin: String,
    /// The log as the database has it.
    pub epoch: u64,
    pub leaves: u64,
    /// Hex.
    pub root: String,
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Writes the manifest and its sum into a backup that is complete otherwise.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        copy::put(&folder.join(MANIFEST_FILE), text.as_bytes())?;
        let written = copy::read(&folder.join(MANIFEST_FILE), MANIFEST_FILE)?;
        copy::put(&folder.join(SUM_FILE), sum(&written).as_bytes())
    }

    /// What a folder says of itself, before its files are looked at.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(MANIFEST_FILE);
        ensure!(file.is_file(), "backup.not_a_backup: {} is not there", file.display());
        let told = fs::read_to_string(folder.join(SUM_FILE)).unwrap_or_default();
        ensure!(
            told == sum(&copy::read(&file, MANIFEST_FILE)?),
            "backup.damaged: {MANIFEST_FILE} is not the one that {SUM_FILE} names"
        );
        let manifest: Self = serde_json::from_str(&fs::read_to_string(&file)?)
            .with_context(|| format!("backup.damaged: {MANIFEST_FILE}"))?;
        let format = manifest.format;
        ensure!(format == FORMAT, "backup.newer_format: {format}; this program knows {FORMAT}");
        manifest.files.iter().try_for_each(|file| place(folder, &file.path).map(drop))?;
        Ok(manifest)
    }

    /// Compares every byte of the files. Blocks.
    pub fn check_files(&self, folder: &Path) -> anyhow::Result<()> {
        for expected in &self.files {
            let found = copy::read(&place(folder, &expected.path)?, &expected.path)?;
            compare(&found, expected)?;
        }
        Ok(())
    }
}

/// For people.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: u64 = self.files.iter().map(|file| file.size_bytes).sum();
        let (files, leaves, epoch) = (self.files.len(), self.leaves, self.epoch);
        write!(f, "{files} files, {bytes} bytes, {leaves} leaves of epoch {epoch}, {}", self.origin)
    }
}

fn sum(file: &FileEntry) -> String {
    format!("{}  {}\n", file.sha256, file.path)
}

/// Where a file of the manifest lies below a folder; never outside it.
pub fn place(folder: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(inside && !path.is_empty(), "backup.damaged: {path:?} leads out of the folder");
    Ok(folder.join(path))
}

/// Reads a backup and compares every byte of it. Blocks.
pub fn check(folder: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(folder)?;
    manifest.check_files(folder)?;
    Ok(manifest)
}

pub fn compare(found: &FileEntry, expected: &FileEntry) -> anyhow::Result<()> {
    if found.size_bytes != expected.size_bytes {
        let (found, was) = (found.size_bytes, expected.size_bytes);
        bail!("backup.damaged: {} has {found} bytes, and had {was}", expected.path);
    }
    ensure!(found.sha256 == expected.sha256, "backup.damaged: {} has other bytes", expected.path);
    Ok(())
}
