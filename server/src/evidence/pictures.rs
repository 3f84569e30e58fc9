//! Pictures that were drawn, kept in a folder that may be emptied at any time.
//!
//! Drawing runs on the blocking threads, a few at a time. What was drawn is of bytes that hashed to the
//! file's name at that moment; nothing in this folder proves anything.

use super::{
    files,
    picture::{self, NoPicture, PictureSize},
    serving,
};
use crate::ApiError;
use bytes::Bytes;
use liuhen_trace::{BlobHash, digest};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use tokio::sync::Semaphore;

/// Decoding a large photo takes most of a second of a core and up to 250 MB.
const DRAWN_AT_ONCE_MAX: usize = 2;
/// Of the folder: some 10,000 thumbnails and a day's previews.
const CACHE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// What a sweep leaves, so that the next one is not due at once.
const CACHE_BYTES_KEPT: u64 = CACHE_BYTES_MAX / 4 * 3;
pub const FOLDER: &str = "derived";

/// Cheap to clone.
#[derive(Clone)]
pub struct Pictures {
    data: PathBuf,
    room: Arc<Semaphore>,
    cache: Arc<Cache>,
}

struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    bytes_kept: u64,
    /// Bytes in the folder; `None` until they were counted.
    bytes: Mutex<Option<u64>>,
}

impl Pictures {
    pub fn new(data: &Path) -> Self {
        let cache = Cache {
            folder: data.join(FOLDER),
            bytes_max: CACHE_BYTES_MAX,
            bytes_kept: CACHE_BYTES_KEPT,
            bytes: Mutex::new(None),
        };
        Self {
            data: data.to_owned(),
            room: Arc::new(Semaphore::new(DRAWN_AT_ONCE_MAX)),
            cache: Arc::new(cache),
        }
    }

    /// The picture of a held file as JPEG.
    pub async fn get(&self, hash: BlobHash, size_bytes: u64, size: PictureSize) -> Result<Bytes, ApiError> {
        if let Some(known) = self.known(hash, size).await? {
            return known.map_err(none);
        }
        if size_bytes > picture::SOURCE_BYTES_MAX {
            return Err(none(NoPicture::TooLarge));
        }
        let stopping = |_| ApiError::unavailable("server.stopping", "the server is shutting down");
        let permit = self.room.clone().acquire_owned().await.map_err(stopping)?;
        // Whoever was before may have drawn it.
        if let Some(known) = self.known(hash, size).await? {
            return known.map_err(none);
        }
        let (cache, source) = (self.cache.clone(), files::blob_path(&self.data, hash));
        let drawing = tokio::task::spawn_blocking(move || {
            let drawn = draw(&source, hash, size);
            drop(permit);
            let drawn = drawn?;
            // A full disk is no reason to show nothing.
            if let Err(error) = cache.keep(hash, size, &drawn) {
                tracing::warn!(%error, "a picture could not be kept");
            }
            Ok::<_, ApiError>(drawn)
        });
        drawing.await??.map(Bytes::from).map_err(none)
    }

    async fn known(
        &self,
        hash: BlobHash,
        size: PictureSize,
    ) -> Result<Option<Result<Bytes, NoPicture>>, ApiError> {
        let cache = self.cache.clone();
        Ok(tokio::task::spawn_blocking(move || cache.find(hash, size)).await?)
    }
}

fn none(reason: NoPicture) -> ApiError {
    ApiError::not_found(reason.code(), "there is no picture of this file; the file itself can be fetched")
}

/// Never of other bytes than those that were announced.
fn draw(source: &Path, hash: BlobHash, size: PictureSize) -> Result<Result<Vec<u8>, NoPicture>, ApiError> {
    let bytes = fs::read(source).map_err(|error| serving::damaged(hash, &error))?;
    if digest::sha256(&bytes) != hash.0 {
        return Err(serving::damaged(hash, &io::Error::from(io::ErrorKind::InvalidData)));
    }
    Ok(picture::draw(&bytes, size))
}

impl Cache {
    fn find(&self, hash: BlobHash, size: PictureSize) -> Option<Result<Bytes, NoPicture>> {
        if let Ok(jpeg) = fs::read(self.path(hash, size, "jpg")) {
            return Some(Ok(Bytes::from(jpeg)));
        }
        let code = fs::read_to_string(self.path(hash, size, "none")).ok()?;
        NoPicture::ALL.into_iter().find(|reason| reason.code() == code).map(Err)
    }

    /// Written beside and renamed: a reader sees a whole file or none.
    fn keep(&self, hash: BlobHash, size: PictureSize, drawn: &Result<Vec<u8>, NoPicture>) -> io::Result<()> {
        let (path, bytes) = match drawn {
            Ok(jpeg) => (self.path(hash, size, "jpg"), jpeg.as_slice()),
            Err(reason) => (self.path(hash, size, "none"), reason.code().as_bytes()),
        };
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let beside = path.with_extension("new");
        fs::write(&beside, bytes)?;
        fs::rename(&beside, &path)?;
        self.make_room(bytes.len() as u64)
    }

    fn path(&self, hash: BlobHash, size: PictureSize, extension: &str) -> PathBuf {
        let hash = hash.to_string();
        self.folder.join(&hash[..2]).join(format!("{hash}-{}.{extension}", size.edge_pixels_max()))
    }

    /// Counts what was added and, when the folder is full, removes what was drawn first.
    fn make_room(&self, added: u64) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let total = match *bytes {
            Some(known) => known + added,
            None => self.files()?.iter().map(|(_, size, _)| size).sum(),
        };
        *bytes = Some(total);
        if total <= self.bytes_max {
            return Ok(());
        }
        let mut files = self.files()?;
        files.sort();
        let mut left: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if left <= self.bytes_kept {
                break;
            }
            fs::remove_file(path)?;
            left -= size;
        }
        *bytes = Some(left);
        Ok(())
    }

    /// Every file with its age and size.
    fn files(&self) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let mut files = Vec::new();
        for folder in fs::read_dir(&self.folder)? {
            for file in fs::read_dir(folder?.path())? {
                let file = file?;
                let metadata = file.metadata()?;
                files.push((metadata.modified()?, metadata.len(), file.path()));
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stays_below_its_size_and_keeps_what_was_drawn_last() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = data.path().join(FOLDER);
        let cache = Cache { folder, bytes_max: 1_000, bytes_kept: 600, bytes: Mutex::new(None) };
        for number in 0..20 {
            let hash = BlobHash([number; 32]);
            cache.keep(hash, PictureSize::Thumbnail, &Ok(vec![number; 100])).expect("kept");
            assert!(cache.find(hash, PictureSize::Thumbnail).is_some(), "{number}");
            let total: u64 = cache.files().expect("a folder").iter().map(|(_, size, _)| size).sum();
            assert!(total <= 1_000, "{total}");
        }
        assert_eq!(cache.find(BlobHash([0; 32]), PictureSize::Thumbnail), None);
        let broken = BlobHash([99; 32]);
        cache.keep(broken, PictureSize::Preview, &Err(NoPicture::Damaged)).expect("kept");
        assert_eq!(cache.find(broken, PictureSize::Preview), Some(Err(NoPicture::Damaged)));
    }
}
