//! Restoring: every byte compared, laid out, and the log opened in a new epoch, because leaves that
//! were signed after the backup may be lost.

use super::{
    copy,
    manifest::{MANIFEST_FILE, Manifest, SUM_FILE, compare, place},
};
use crate::{
    ledger::{self, Signer, verify},
    state::{self, SIGNER_FOLDER},
    store::{Store, schema},
};
use anyhow::{Context, ensure};
use liuhen_trace::EpochOpening;
use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// What was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    pub manifest: Manifest,
    pub opening: EpochOpening,
}

/// Lays a backup out in an empty folder, opens the next epoch of its log, or the one named, and checks
/// the result as `verify-ledger` does. Until then nobody can serve the folder.
pub async fn restore(from: &Path, data: &Path, epoch: Option<u64>) -> anyhow::Result<Restored> {
    let (source, target) = (from.to_owned(), data.to_owned());
    let laid_out = tokio::task::spawn_blocking(move || check_and_lay_out(&source, &target, epoch));
    let (manifest, _lock) = laid_out.await??;
    let (store, writer) = Store::open(data).await?;
    let keys = data.join(SIGNER_FOLDER);
    ensure!(Signer::is_at(&keys), "signer.keys_missing: there are none in {}", keys.display());
    let mut signer = Signer::open(&keys).context("opening the signer")?;
    let opening = ledger::open_epoch(writer, &mut signer, epoch).await?;
    store.close().await;
    let report = verify::check(data).await?;
    ensure!(
        report.verified,
        "restore.not_verified: {} is left for you to look at, and cannot be served\n{report}",
        data.display()
    );
    for mark in [SUM_FILE, MANIFEST_FILE] {
        fs::remove_file(data.join(mark)).with_context(|| data.join(mark).display().to_string())?;
    }
    copy::sync_folders(data)?;
    Ok(Restored { manifest, opening })
}

/// Everything that can be said without writing comes first. Returns the hold on the folder, which keeps
/// everybody else out until the restore has ended.
fn check_and_lay_out(from: &Path, data: &Path, epoch: Option<u64>) -> anyhow::Result<(Manifest, File)> {
    let manifest = Manifest::read(from)?;
    ledger::next_epoch(manifest.epoch, epoch)?;
    ensure!(
        manifest.schema <= schema::newest(),
        "store.newer_schema: the backup has migration {}, this program knows {}; it was taken by version {}",
        manifest.schema,
        schema::newest(),
        manifest.program
    );
    check_empty(data)?;
    manifest.check_files(from)?;
    state::private_folder(data).with_context(|| data.display().to_string())?;
    let lock = state::lock(data)?;
    let laid_out = lay_out(from, data, &manifest);
    if laid_out.is_err() {
        // It was empty, and is again as far as the disk lets it.
        drop(empty(data));
    }
    laid_out.map(|()| (manifest, lock))
}

fn check_empty(data: &Path) -> anyhow::Result<()> {
    let remnant = match data.join(MANIFEST_FILE).exists() {
        true => "; it holds a backup, or what an interrupted restore left, which may be removed",
        false => "",
    };
    ensure!(is_empty(data)?, "restore.not_empty: {} must be empty{remnant}", data.display());
    Ok(())
}

/// A folder that is not there is empty.
fn is_empty(folder: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| folder.display().to_string()),
    }
}

fn lay_out(from: &Path, data: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    // First, and removed last: a folder with it is not served.
    copy::copy(&from.join(MANIFEST_FILE), &data.join(MANIFEST_FILE), MANIFEST_FILE)?;
    copy::copy(&from.join(SUM_FILE), &data.join(SUM_FILE), SUM_FILE)?;
    let keys = data.join(SIGNER_FOLDER);
    copy::make_private_folder(&keys).with_context(|| keys.display().to_string())?;
    for file in &manifest.files {
        let to = place(data, &file.path)?;
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        compare(&copy::copy(&place(from, &file.path)?, &to, &file.path)?, file)?;
    }
    copy::sync_folders(data)
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}
