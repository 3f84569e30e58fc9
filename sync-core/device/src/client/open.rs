//! Opening a folder.

use super::{Client, Core, OpenDocuments, Parts, Shared, folder};
use crate::{Result, files::BlobFolder, keys};
use liuhen_engine::driver::Driver;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

impl Client {
    /// Opens a phone's folder, or makes one. Everything that was saved is there again; files of a
    /// save that did not come to its end are kept and told as events.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with(folder, Parts::system()?)
    }

    /// As [`Client::open`], with another outside world.
    pub fn open_with(folder: &Path, parts: Parts) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = folder::lock(folder)?;
        let signer = match &parts.signer {
            Some(signer) => Arc::clone(signer),
            None => keys::software_key(folder, parts.entropy.as_ref())?,
        };
        let blobs = BlobFolder::open(folder.join("evidence"))?;
        let shared = Shared { folder: folder.to_owned(), parts, signer, blobs };
        let mut opened = folder::open(&shared, lock)?;
        folder::settle(&shared, &mut opened.store)?;
        let core =
            Core { opened: Some(opened), documents: OpenDocuments::default(), closed: false, suspensions: 0 };
        Ok(Self { shared, core: Mutex::new(core), driver: Mutex::new(Driver::new()) })
    }
}
