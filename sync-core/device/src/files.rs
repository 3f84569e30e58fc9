//! Evidence files, addressed by content: original bytes, hashed while they are written, never
//! re-encoded. A file stands under its name only when it is complete and durable.

use crate::{
    Error, Result,
    clock::{Entropy, random},
    probe::{Probe, Step},
};
use liuhen_trace::{BlobHash, BlobRef, digest::Sha256Stream, limits::BLOB_BYTES_MAX};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// Bytes copied at a time: large enough for flash, small enough for a progress bar.
const COPY_BYTES: usize = 256 * 1024;
const PART_SUFFIX: &str = ".part";
const INTERRUPTED_SUFFIX: &str = ".interrupted";

/// Bytes on their way into the folder.
pub struct Incoming<'a> {
    pub source: &'a mut dyn Read,
    /// The size the source has now; another number of bytes read means that it changed meanwhile.
    pub size_bytes: u64,
    /// Told (bytes so far, all bytes) after each piece.
    pub progress: &'a mut dyn FnMut(u64, u64),
}

/// What a folder held at opening that no earlier run had finished.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Complete files, whether or not rows know them.
    pub blobs: Vec<BlobRef>,
    /// Interrupted writes, set aside under these names.
    pub interrupted: Vec<(String, u64)>,
}

pub struct BlobFolder {
    root: PathBuf,
}

impl BlobFolder {
    pub fn open(root: PathBuf) -> Result<Self> {
        if !root.is_dir() {
            fs::create_dir_all(&root)?;
            sync_folder(root.parent().unwrap_or(&root))?;
        }
        Ok(Self { root })
    }

    pub fn path(&self, hash: BlobHash) -> PathBuf {
        self.root.join(hash.to_string())
    }

    /// Returns when the bytes are durable under their hash. On an error nothing stands there.
    pub fn write(&self, incoming: Incoming, entropy: &dyn Entropy, probe: &dyn Probe) -> Result<BlobRef> {
        if incoming.size_bytes == 0 {
            return Err(Error::refused("evidence.empty", "the file has no bytes"));
        }
        if incoming.size_bytes > BLOB_BYTES_MAX {
            return Err(Error::refused("evidence.too_large", incoming.size_bytes.to_string()));
        }
        let name = BlobHash(random(entropy)?).to_string();
        let part = self.root.join(name + PART_SUFFIX);
        let (file, blob) = copy(incoming, &part).inspect_err(|_| {
            // An incomplete copy is worth nothing: the caller still has the source.
            let _ = fs::remove_file(&part);
        })?;
        probe.reached(Step::BlobWritten)?;
        file.sync_all()?;
        fs::rename(&part, self.path(blob.hash))?;
        sync_folder(&self.root)?;
        probe.reached(Step::BlobDurable)?;
        Ok(blob)
    }

    /// Up to `bytes_max` bytes from `offset`; fewer only at the end.
    pub fn read(&self, hash: BlobHash, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(hash))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(bytes_max);
        file.take(bytes_max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// `None` when the file is not there.
    pub fn size(&self, hash: BlobHash) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(hash)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The caller has verified that the server holds these bytes.
    pub fn remove(&self, hash: BlobHash) -> io::Result<()> {
        match fs::remove_file(self.path(hash)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Looks through the folder once, at opening. Interrupted writes are kept aside under a name that
    /// says so, since nobody can tell whether the source still exists; only empty ones go.
    pub fn survey(&self) -> Result<Leftovers> {
        let mut found = Leftovers::default();
        for item in fs::read_dir(&self.root)? {
            let item = item?;
            let Ok(name) = item.file_name().into_string() else { continue };
            let size_bytes = item.metadata()?.len();
            if let Ok(hash) = name.parse() {
                found.blobs.push(BlobRef { hash, size_bytes });
            } else if let Some(stem) = name.strip_suffix(PART_SUFFIX) {
                if size_bytes == 0 {
                    fs::remove_file(item.path())?;
                    continue;
                }
                let aside = format!("{stem}{INTERRUPTED_SUFFIX}");
                fs::rename(item.path(), self.root.join(&aside))?;
                found.interrupted.push((aside, size_bytes));
            }
        }
        found.blobs.sort();
        found.interrupted.sort();
        Ok(found)
    }
}

fn copy(incoming: Incoming, part: &Path) -> Result<(File, BlobRef)> {
    let mut file = private_file(part)?;
    let mut hasher = Sha256Stream::default();
    let mut buffer = vec![0; COPY_BYTES];
    let mut size_bytes: u64 = 0;
    loop {
        let read = match incoming.source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Error::Storage { code: "evidence.unreadable", detail: error.to_string() });
            }
        };
        size_bytes += read as u64;
        if size_bytes > incoming.size_bytes {
            break;
        }
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
        (incoming.progress)(size_bytes, incoming.size_bytes);
    }
    if size_bytes != incoming.size_bytes {
        return Err(Error::refused("evidence.size_changed", "the file changed while it was read"));
    }
    Ok((file, BlobRef { hash: BlobHash(hasher.finish()), size_bytes }))
}

/// Puts `bytes` at `path` so that a crash leaves either the old file or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = private_file(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(path.parent().unwrap_or(path))
}

/// A new file that only its owner reads.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes renames in `folder` durable. Windows does this by itself and cannot open folders.
pub fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemEntropy, probe::Unwatched};
    use liuhen_trace::digest::sha256;

    fn folder() -> (tempfile::TempDir, BlobFolder) {
        let home = tempfile::tempdir().expect("a folder");
        let blobs = BlobFolder::open(home.path().join("blobs")).expect("opened");
        (home, blobs)
    }

    fn write(blobs: &BlobFolder, bytes: &[u8], size_bytes: u64, probe: &dyn Probe) -> Result<BlobRef> {
        let incoming = Incoming { source: &mut &bytes[..], size_bytes, progress: &mut |_, _| {} };
        blobs.write(incoming, &SystemEntropy, probe)
    }

    #[test]
    fn a_file_stands_under_the_hash_of_its_untouched_bytes() {
        let (_home, blobs) = folder();
        let bytes: Vec<u8> = (0..COPY_BYTES * 2 + 17).map(|i| (i % 251) as u8).collect();
        let blob = write(&blobs, &bytes, bytes.len() as u64, &Unwatched).expect("written");
        assert_eq!(blob.hash.0, sha256(&bytes));
        assert_eq!(fs::read(blobs.path(blob.hash)).expect("there"), bytes);
        assert_eq!(blobs.read(blob.hash, 5, 10).expect("read"), &bytes[5..15]);
        assert_eq!(blobs.read(blob.hash, bytes.len() as u64 - 3, 10).expect("read").len(), 3);
        assert_eq!(blobs.survey().expect("surveyed").blobs, [blob]);
    }

    #[test]
    fn an_empty_an_oversized_and_a_changing_file_are_refused_and_leave_nothing() {
        let (_home, blobs) = folder();
        let refused = [
            (write(&blobs, b"", 0, &Unwatched), "evidence.empty"),
            (write(&blobs, b"x", BLOB_BYTES_MAX + 1, &Unwatched), "evidence.too_large"),
            (write(&blobs, b"shrunk", 7, &Unwatched), "evidence.size_changed"),
            (write(&blobs, b"grown", 4, &Unwatched), "evidence.size_changed"),
        ];
        for (result, code) in refused {
            assert_eq!(result.expect_err("refused").code(), code);
        }
        assert_eq!(blobs.survey().expect("surveyed"), Leftovers::default());
    }

    #[test]
    fn an_interrupted_write_is_kept_aside_and_told_once() {
        let (home, blobs) = folder();
        fs::write(home.path().join("blobs/0a.part"), b"half").expect("written");
        fs::write(home.path().join("blobs/0b.part"), b"").expect("written");
        let found = blobs.survey().expect("surveyed");
        assert_eq!(found.interrupted, [("0a.interrupted".to_owned(), 4)]);
        assert_eq!(blobs.survey().expect("surveyed"), Leftovers::default());
        assert_eq!(fs::read(home.path().join("blobs/0a.interrupted")).expect("kept"), b"half");
        assert!(!home.path().join("blobs/0b.part").exists());
    }
}
