//! Taking a backup, beside a server that goes on writing.
//!
//! The order makes it consistent: the signer's checkpoint is copied before the database, so that the
//! database holds at least what was signed; keys and evidence after it, so that they are at least what
//! the database names. Files of evidence never change once they have their place.

use super::{
    copy::{self, FileEntry},
    manifest::{self, Manifest, place},
};
use crate::{
    evidence::{files, pictures},
    ledger::{self, clock, signer},
    state::SIGNER_FOLDER,
    store::{
        self, Store,
        schema::Schema,
        snapshot::{self, HeldFile},
    },
};
use anyhow::{Context, bail, ensure};
use liuhen_trace::{BlobHash, Hash};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How files of evidence get into a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Their bytes, compared with their hash on the way: what a disaster asks for.
    Copied,
    /// A second name for the same bytes, where the file system has such: enough to take back an
    /// upgrade, quick, and no room is needed.
    Linked,
}

/// Writes a backup of the data folder into a folder that is not there yet. One that fails leaves
/// nothing behind.
pub async fn take(data: &Path, to: &Path, evidence: Evidence) -> anyhow::Result<Manifest> {
    ensure!(!to.exists(), "backup.exists: {} is there already", to.display());
    let partial = partial(to)?;
    // Among the keys it would be copied into itself, among uploads it would be swept away.
    let own = [SIGNER_FOLDER, files::BLOBS, files::UPLOADS, pictures::FOLDER];
    ensure!(
        !own.iter().any(|own| is_inside(to, &data.join(own))),
        "backup.inside_data: {} is in a folder that the server keeps for itself",
        to.display()
    );
    if let Some(above) = partial.parent() {
        fs::create_dir_all(above).with_context(|| above.display().to_string())?;
    }
    match copy::make_private_folder(&partial) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
            "backup.in_the_way: {} is there: another backup is being taken, or one was interrupted; then \
             remove it",
            partial.display()
        ),
        made => made.with_context(|| partial.display().to_string())?,
    }
    let taken = fill(data, &partial, evidence).await;
    let finished = taken.and_then(|manifest| {
        copy::sync_folders(&partial)?;
        fs::rename(&partial, to).with_context(|| to.display().to_string())?;
        fs::File::open(above(to))?.sync_all()?;
        Ok(manifest)
    });
    if finished.is_err() {
        // What cannot be removed either is under a name that says so.
        drop(fs::remove_dir_all(&partial));
    }
    finished
}

fn partial(to: &Path) -> anyhow::Result<PathBuf> {
    let name = to.file_name().with_context(|| format!("{} names no folder", to.display()))?;
    let mut name = name.to_owned();
    name.push(".partial");
    Ok(to.with_file_name(name))
}

/// Whether a path that need not be there leads into a folder.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let mut there = path;
    while !there.exists() && there != above(there) {
        there = above(there);
    }
    match (there.canonicalize(), folder.canonicalize()) {
        (Ok(there), Ok(folder)) => there.starts_with(folder),
        _ => false,
    }
}

fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What the copied database says of itself.
struct Copied {
    schema: i64,
    epoch: u64,
    leaves: u64,
    root: Hash,
    held: Vec<HeldFile>,
}

async fn fill(data: &Path, partial: &Path, evidence: Evidence) -> anyhow::Result<Manifest> {
    let keys = partial.join(SIGNER_FOLDER);
    copy::make_private_folder(&keys).with_context(|| keys.display().to_string())?;
    let mut entries = copy_checkpoint(data, partial)?;
    let store = Store::open_read_only(data).await?;
    let written = snapshot::write(&mut *store.read().await?, partial).await;
    store.close().await;
    written?;
    let copied = read(partial).await?;
    let (from, to, held) = (data.to_owned(), partial.to_owned(), copied.held);
    let files = tokio::task::spawn_blocking(move || copy_files(&from, &to, &held, evidence));
    entries.extend(files.await??);
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let origin = keys.join(signer::ORIGIN_FILE);
    let manifest = Manifest {
        format: manifest::FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at_ms: clock::now_ms(),
        schema: copied.schema,
        origin: fs::read_to_string(&origin).with_context(|| origin.display().to_string())?,
        epoch: copied.epoch,
        leaves: copied.leaves,
        root: copied.root.to_string(),
        files: entries,
    };
    manifest.write(partial)?;
    Ok(manifest)
}

/// Before anything else. It is replaced as a whole, so this is one that was signed.
fn copy_checkpoint(data: &Path, partial: &Path) -> anyhow::Result<Vec<FileEntry>> {
    let path = format!("{SIGNER_FOLDER}/{}", signer::STATE_FILE);
    let from = place(data, &path)?;
    // A folder in which nothing was ever signed.
    if !from.exists() {
        return Ok(Vec::new());
    }
    Ok(vec![copy::copy(&from, &place(partial, &path)?, &path)?])
}

async fn read(partial: &Path) -> anyhow::Result<Copied> {
    let copied = Store::open_read_only(partial).await?;
    let mut conn = copied.read().await?;
    let (Schema::Older { newest } | Schema::Current { newest }) = store::schema::look(&mut conn).await?
    else {
        bail!("backup.database: it holds nothing")
    };
    let (epoch, tree) = ledger::recorded(&mut conn).await?;
    let held = snapshot::held_files(&mut conn, newest).await?;
    drop(conn);
    copied.close().await;
    Ok(Copied { schema: newest, epoch, leaves: tree.size(), root: tree.root(), held })
}

/// The database as it was copied, the keys, and the evidence.
fn copy_files(
    data: &Path,
    partial: &Path,
    held: &[HeldFile],
    evidence: Evidence,
) -> anyhow::Result<Vec<FileEntry>> {
    let mut entries = vec![copy::settle(&partial.join(store::DATABASE_FILE), store::DATABASE_FILE)?];
    copy_folder(data, partial, SIGNER_FOLDER, &mut entries)?;
    for file in held {
        entries.push(copy_evidence(data, partial, file, evidence)?);
    }
    Ok(entries)
}

/// A folder with all below it, except what is being written and the checkpoint: it has to be older than
/// the copy of the database.
fn copy_folder(data: &Path, partial: &Path, path: &str, entries: &mut Vec<FileEntry>) -> anyhow::Result<()> {
    let folder = place(data, path)?;
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().with_context(|| format!("{name:?} is no UTF-8"))?;
        // A key that lies elsewhere and is only linked to belongs to the deployment like any other.
        let (path, kind) = (format!("{path}/{name}"), fs::metadata(entry.path())?);
        let to = place(partial, &path)?;
        if kind.is_dir() {
            copy::make_private_folder(&to).with_context(|| to.display().to_string())?;
            copy_folder(data, partial, &path, entries)?;
        } else if kind.is_file() && name != signer::STATE_FILE && !name.ends_with(signer::BESIDE_SUFFIX) {
            entries.push(copy::copy(&entry.path(), &to, &path)?);
        }
    }
    Ok(())
}

fn copy_evidence(
    data: &Path,
    partial: &Path,
    file: &HeldFile,
    evidence: Evidence,
) -> anyhow::Result<FileEntry> {
    let hash = BlobHash::from_slice(&file.hash).context("backup.database: a hash of another length")?;
    let (from, to) = (files::blob_path(data, hash), files::blob_path(partial, hash));
    let path = to.strip_prefix(partial).context("a path below the backup")?;
    let path = path.to_str().context("a path of hex digits")?.to_owned();
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let named = FileEntry { path, size_bytes: file.size_bytes as u64, sha256: hash.to_string() };
    if evidence == Evidence::Linked && fs::hard_link(&from, &to).is_ok() {
        return Ok(named);
    }
    let copied = copy::copy(&from, &to, &named.path)?;
    ensure!(
        copied == named,
        "backup.evidence_damaged: {} has other bytes than its name says; put it back from an older backup",
        from.display()
    );
    Ok(copied)
}
