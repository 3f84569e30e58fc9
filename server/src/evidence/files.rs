//! Files of evidence below the data folder. Everything here blocks.

use liuhen_trace::{BlobHash, digest::Sha256Stream};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

pub const BLOBS: &str = "blobs";
pub const UPLOADS: &str = "uploads";
/// Read at once while hashing.
const READ_BYTES: usize = 256 * 1024;

/// Where a held file lies: `blobs/ab/cd/abcd…`, so that no folder grows beyond what tools handle.
pub fn blob_path(data: &Path, hash: BlobHash) -> PathBuf {
    let name = hash.to_string();
    blobs_folder(data).join(&name[..2]).join(&name[2..4]).join(&name)
}

pub fn blobs_folder(data: &Path) -> PathBuf {
    data.join(BLOBS)
}

/// Where the bytes of an upload under way lie.
pub fn upload_path(data: &Path, id: &str) -> PathBuf {
    data.join(UPLOADS).join(id)
}

/// Writes bytes at `offset` and waits until they are on disk. Whatever lay behind `offset` was never
/// acknowledged and is dropped. `false` when the file is shorter than `offset`.
pub fn append(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    let fresh = !path.exists();
    if fresh && offset > 0 {
        return Ok(false);
    }
    if fresh && let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    if file.metadata()?.len() < offset {
        return Ok(false);
    }
    file.set_len(offset)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)?;
    file.sync_data()?;
    if fresh {
        sync_folder(path)?;
    }
    Ok(true)
}

/// What moving an upload to its place gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    Durable,
    /// The bytes are not those announced; they are gone.
    Wrong,
}

/// Checks the whole file and puts it in its place, durably. Doing so again is harmless: a crash may
/// have come between the move and the act that says so, and two who saw the upload whole may both try.
pub fn place(data: &Path, id: &str, hash: BlobHash, size_bytes: u64) -> io::Result<Placed> {
    let (from, to) = (upload_path(data, id), blob_path(data, hash));
    match move_checked(&from, &to, (hash, size_bytes)) {
        // Whoever moved it before may not have waited for the disk yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => match measure(&to) {
            Ok(found) if found == (hash, size_bytes) => make_durable(&to).map(|()| Placed::Durable),
            Ok(_) => Ok(Placed::Wrong),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Placed::Wrong),
            Err(error) => Err(error),
        },
        // Only the upload goes: a file in its place may be held under another upload's name.
        Ok(Placed::Wrong) => remove_upload(data, id).map(|()| Placed::Wrong),
        placed => placed,
    }
}

/// `NotFound` when the upload is not there, or not any more.
fn move_checked(from: &Path, to: &Path, expected: (BlobHash, u64)) -> io::Result<Placed> {
    if measure(from)? != expected {
        return Ok(Placed::Wrong);
    }
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_folder(from)?;
    sync_folder(to)?;
    Ok(Placed::Durable)
}

fn make_durable(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder(path)
}

/// SHA-256 and size of a file.
pub fn measure(path: &Path) -> io::Result<(BlobHash, u64)> {
    let mut file = File::open(path)?;
    let (mut hasher, mut size, mut buffer) = (Sha256Stream::default(), 0, vec![0; READ_BYTES]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((BlobHash(hasher.finish()), size));
        }
        size += read as u64;
        hasher.update(&buffer[..read]);
    }
}

/// Removes an upload's bytes; that there are none is no error.
pub fn remove_upload(data: &Path, id: &str) -> io::Result<()> {
    match fs::remove_file(upload_path(data, id)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it, each durably in the one above.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(folder)
}

/// Makes the entry of `path` in its folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_trace::digest::sha256;

    #[test]
    fn a_held_file_stays_when_an_upload_of_another_size_fails() {
        let data = tempfile::tempdir().expect("a folder");
        let hash = BlobHash(sha256(b"evidence"));
        assert!(append(&upload_path(data.path(), "right"), 0, b"evidence").expect("written"));
        assert_eq!(place(data.path(), "right", hash, 8).expect("placed"), Placed::Durable);
        assert_eq!(place(data.path(), "wrong", hash, 7).expect("judged"), Placed::Wrong);
        assert!(append(&upload_path(data.path(), "other"), 0, b"evidenc").expect("written"));
        assert_eq!(place(data.path(), "other", hash, 7).expect("judged"), Placed::Wrong);
        assert!(!upload_path(data.path(), "other").exists());
        assert_eq!(measure(&blob_path(data.path(), hash)).expect("the held file"), (hash, 8));
    }
}
