//! The folder: who may work in it, whether it is a copy, and what an interrupted save left in it.

use super::{Opened, Shared};
use crate::{
    Error, Result,
    clock::{Entropy, random},
    files,
    store::{Store, Tx, blobs, chains, events, events::NewEvent, identity, progress},
};
use liuhen_trace::Hash;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

const DATABASE_FILE: &str = "liuhen.sqlite";
const LOCK_FILE: &str = "lock";
/// Outside the database, and to be left out of backups: a copy of the folder has another one.
const INCARNATION_FILE: &str = "incarnation";

/// Opens the folder's database under its lock.
pub fn open(shared: &Shared, lock: File) -> Result<Opened> {
    let mut store = Store::open(&shared.folder.join(DATABASE_FILE))?;
    files::sync_folder(&shared.folder)?;
    let mark = folder_mark(&shared.folder, shared.parts.entropy.as_ref())?;
    let tx = store.begin()?;
    check_mark(&tx, &mark, shared.parts.clock.now().wall_ms)?;
    tx.commit()?;
    Ok(Opened { store, _lock: lock })
}

/// Taken before anything in the folder is read or made.
pub fn lock(folder: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(folder.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Settles what an earlier run of the program left. Not after a mere sleep: what lies unfinished in
/// the folder then is being written by another thread.
pub fn settle(shared: &Shared, store: &mut Store) -> Result<()> {
    let now_ms = shared.parts.clock.now().wall_ms;
    let leftovers = shared.blobs.survey()?;
    let tx = store.begin()?;
    for blob in leftovers.blobs {
        if blobs::insert_recovered(&tx, blob, now_ms)? {
            let detail = format!("{} bytes, unsealed", blob.size_bytes);
            let event =
                NewEvent { kind: "evidence.recovered", blob: Some(blob.hash), detail, ..NewEvent::default() };
            events::insert(&tx, now_ms, &event)?;
        }
    }
    for (name, size_bytes) in leftovers.interrupted {
        let detail = format!("{name}, {size_bytes} bytes");
        events::insert(
            &tx,
            now_ms,
            &NewEvent { kind: "evidence.interrupted", detail, ..NewEvent::default() },
        )?;
    }
    events::prune(&tx)?;
    tx.commit()
}

/// A folder that was copied or restored must not go on with the chain of the one it was copied
/// from: two phones would sign different entries at one place. Its chain ends here, and the first
/// write begins another.
fn check_mark(tx: &Tx, mark: &str, now_ms: i64) -> Result<()> {
    let known = identity::folder_mark(tx)?;
    if known.as_deref() == Some(mark) {
        return Ok(());
    }
    identity::set_folder_mark(tx, mark)?;
    if known.is_some() && chains::open_chain(tx)?.is_some() {
        chains::end(tx, "folder.copied")?;
        progress::owe_everything(tx)?;
        let detail = "this folder was copied or restored: a new chain begins".to_owned();
        events::insert(tx, now_ms, &NewEvent { kind: "chain.restarted", detail, ..NewEvent::default() })?;
    }
    Ok(())
}

/// What tells this folder from a copy of it: a random number in a file, and where the file system
/// says it keeps that file.
fn folder_mark(folder: &Path, entropy: &dyn Entropy) -> Result<String> {
    let path = folder.join(INCARNATION_FILE);
    let number = match fs::read_to_string(&path) {
        Ok(number) => number,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let number = Hash(random(entropy)?).to_string();
            files::replace(&path, number.as_bytes())?;
            number
        }
        Err(error) => return Err(error.into()),
    };
    Ok(format!("{number}@{}", place_of(&path)?))
}

#[cfg(unix)]
fn place_of(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata(path)?.ino())
}

#[cfg(not(unix))]
fn place_of(_: &Path) -> io::Result<u64> {
    Ok(0)
}
