//! What an app calls. Every method may be called from any thread; saves go on while a
//! synchronisation waits for the network.
//!
//! ```text
//! save ──→ desk: one transaction { entry, chain head, evidence rows, task step }
//! synchronise ──→ plan → sign → POST → judge → apply (one transaction) → upload → again
//! ```

mod apply;
mod desk;
mod documents;
mod enrol;
mod epoch;
mod events;
mod evidence;
mod folder;
mod foreign;
mod link;
mod open;
mod record;
mod repair;
mod seal;
mod segments;
mod steps;
mod synchronise;
#[cfg(test)]
mod tests;
mod upload;
mod visits;

use crate::{
    Error, Result,
    clock::{Clock, Entropy, SystemClock, SystemEntropy},
    files::BlobFolder,
    probe::{Probe, Step, Unwatched},
    store::{Connection, Store},
    transport::{HttpTransport, Transport},
};
use desk::Desk;
use documents::OpenDocuments;
use liuhen_engine::driver::Driver;
use liuhen_trace::{DeviceId, DeviceSigner, Signature, suite::SignerError};
use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The outside world of a client.
pub struct Parts {
    pub clock: Box<dyn Clock>,
    pub entropy: Box<dyn Entropy>,
    pub transport: Box<dyn Transport>,
    /// The platform's key; `None` for a software key in the folder.
    pub signer: Option<Arc<dyn DeviceSigner>>,
    pub probe: Box<dyn Probe>,
}

impl Parts {
    /// The real ones.
    pub fn system() -> Result<Self> {
        Ok(Self {
            clock: Box::new(SystemClock::new(&SystemEntropy)?),
            entropy: Box::new(SystemEntropy),
            transport: Box::new(HttpTransport::default()),
            signer: None,
            probe: Box::new(Unwatched),
        })
    }
}

/// One phone: one folder, one enrolment.
pub struct Client {
    shared: Shared,
    core: Mutex<Core>,
    /// Held for the whole of a synchronisation: there is one at a time. Taken before `core`.
    driver: Mutex<Driver>,
}

/// What never changes while a client is open.
struct Shared {
    folder: PathBuf,
    parts: Parts,
    signer: Arc<dyn DeviceSigner>,
    blobs: BlobFolder,
}

impl Shared {
    /// Signs in the enrolled device's name. A signature by another key would be refused for ever, and
    /// a segment that carries it is never cut again.
    fn sign(&self, device: DeviceId, message: &[u8]) -> Result<Signature> {
        if DeviceId::derive(&self.signer.public_key()) != device {
            return Err(SignerError("the key is not the one that was enrolled".to_owned()).into());
        }
        Ok(self.signer.sign(message)?)
    }
}

/// What one thread at a time works with.
struct Core {
    /// `None` while suspended.
    opened: Option<Opened>,
    documents: OpenDocuments,
    closed: bool,
    /// Counts calls of `suspend`, so that a synchronisation notices one.
    suspensions: u64,
}

struct Opened {
    store: Store,
    /// Keeps other processes out of the folder; released when dropped.
    _lock: File,
}

/// A synchronisation that must not wake a client that was suspended meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run(u64);

impl Client {
    /// Lets go of database and lock, so that the system may freeze the process. The next call opens
    /// them again. A synchronisation that is running ends at its next step.
    pub fn suspend(&self) -> Result<()> {
        let mut core = self.lock();
        core.suspensions += 1;
        core.documents.clear();
        match core.opened.take() {
            Some(opened) => opened.store.close(),
            None => Ok(()),
        }
    }

    /// As [`Client::suspend`], for good: later calls are refused.
    pub fn close(&self) -> Result<()> {
        self.suspend()?;
        self.lock().closed = true;
        Ok(())
    }

    /// Reads outside any transaction.
    fn read<T>(&self, read: impl FnOnce(&Connection, &mut OpenDocuments) -> Result<T>) -> Result<T> {
        let mut core = self.ready(None)?;
        let Core { opened, documents, .. } = &mut *core;
        read(connection(opened)?, documents)
    }

    /// One transaction: everything `work` writes, or nothing.
    fn write<T>(&self, work: impl FnOnce(&mut Desk) -> Result<T>) -> Result<T> {
        self.write_during(None, work)
    }

    fn write_during<T>(&self, run: Option<Run>, work: impl FnOnce(&mut Desk) -> Result<T>) -> Result<T> {
        let mut core = self.ready(run)?;
        let Core { opened, documents, closed, .. } = &mut *core;
        let Some(Opened { store, .. }) = opened else { return Err(Error::Suspended) };
        let written = transact(store, documents, &self.shared, work);
        if let Err(error) = &written {
            // A document may hold a change whose rows were rolled back; it is rebuilt from the rows.
            documents.clear();
            *closed |= *error == Error::Closed;
        }
        written
    }

    /// The run that `suspend` ends.
    fn begin_run(&self) -> Result<Run> {
        Ok(Run(self.ready(None)?.suspensions))
    }

    /// The core with its database open. A `run` is refused once the client was suspended after its
    /// beginning.
    fn ready(&self, run: Option<Run>) -> Result<MutexGuard<'_, Core>> {
        let mut core = self.lock();
        if core.closed {
            return Err(Error::Closed);
        }
        if run.is_some_and(|run| run != Run(core.suspensions)) {
            return Err(Error::Suspended);
        }
        if core.opened.is_none() {
            core.opened = Some(folder::open(&self.shared, folder::lock(&self.shared.folder)?)?);
        }
        Ok(core)
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(|poisoned: PoisonError<MutexGuard<Core>>| {
            // A panic rolled the transaction back; only the documents in memory may be ahead of it.
            self.core.clear_poison();
            let mut core = poisoned.into_inner();
            core.documents.clear();
            core
        })
    }
}

fn connection(opened: &Option<Opened>) -> Result<&Connection> {
    opened.as_ref().map(|opened| opened.store.connection()).ok_or(Error::Suspended)
}

fn transact<T>(
    store: &mut Store,
    documents: &mut OpenDocuments,
    shared: &Shared,
    work: impl FnOnce(&mut Desk) -> Result<T>,
) -> Result<T> {
    let mut desk = Desk::new(store.begin()?, documents, shared);
    let output = work(&mut desk)?;
    shared.parts.probe.reached(Step::RowsWritten)?;
    desk.commit()?;
    shared.parts.probe.reached(Step::Committed)?;
    Ok(output)
}
