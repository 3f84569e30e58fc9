//! Copying files so that they are durable and known by their hash. Everything here blocks.

use anyhow::{Context, anyhow};
use liuhen_trace::digest::Sha256Stream;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

/// Read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Below the backup's folder, parts joined by `/`.
    pub path: String,
    pub size_bytes: u64,
    /// Hex.
    pub sha256: String,
}

/// Copies a file to a place where there is none; its content is on disk when this returns.
pub fn copy(from: &Path, to: &Path, path: &str) -> anyhow::Result<FileEntry> {
    let source = File::open(from).map_err(|error| told(&error, from))?;
    let (size_bytes, sha256) = write(source, to).map_err(|error| told(&error, to))?;
    Ok(FileEntry { path: path.to_owned(), size_bytes, sha256 })
}

/// Size and hash of a file that stands in its place already, once it is on disk.
pub fn settle(file: &Path, path: &str) -> anyhow::Result<FileEntry> {
    File::open(file).and_then(|opened| opened.sync_all()).map_err(|error| told(&error, file))?;
    read(file, path)
}

/// Size and hash of a file.
pub fn read(file: &Path, path: &str) -> anyhow::Result<FileEntry> {
    let found = File::open(file).and_then(|opened| hash(opened, |_| Ok(())));
    let (size_bytes, sha256) = found.map_err(|error| told(&error, file))?;
    Ok(FileEntry { path: path.to_owned(), size_bytes, sha256 })
}

fn write(source: File, to: &Path) -> io::Result<(u64, String)> {
    let permissions = source.metadata()?.permissions();
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    target.set_permissions(permissions)?;
    let copied = hash(source, |piece| target.write_all(piece))?;
    target.sync_all()?;
    Ok(copied)
}

fn hash(mut source: File, mut also: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<(u64, String)> {
    let (mut hasher, mut size_bytes, mut piece) = (Sha256Stream::default(), 0, vec![0; PIECE_BYTES]);
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            return Ok((size_bytes, hex::encode(hasher.finish())));
        }
        size_bytes += read as u64;
        hasher.update(&piece[..read]);
        also(&piece[..read])?;
    }
}

/// The error with a stable code for what an operator can do something about.
fn told(error: &io::Error, place: &Path) -> anyhow::Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "backup.disk_full"
        }
        io::ErrorKind::NotFound => "backup.file_missing",
        _ => "backup.file_unreadable",
    };
    anyhow!("{code}: {}: {error}", place.display())
}

/// Writes a small file that was not there, durably.
pub fn put(to: &Path, content: &[u8]) -> anyhow::Result<()> {
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(to)?;
        file.write_all(content)?;
        file.sync_all()
    };
    written().map_err(|error| told(&error, to))
}

/// Makes a folder that nobody but the owner may enter: a backup holds the keys.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes the entries of a folder and of all folders below it durable.
pub fn sync_folders(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder).and_then(|opened| opened.sync_all()).with_context(|| folder.display().to_string())
}
