//! What a disaster does to a replay: a backup is taken while phones hand in, the server is killed while
//! they go on, and what the backup holds is served at the same address.

use super::{
    crew::{self, Job, Phone},
    office::Office,
};
use crate::harness::{
    server::{self, Launch, Server},
    server_program,
};
use anyhow::{Context, Result, anyhow, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Long enough for the first phones to be in the middle of an exchange.
const MOMENT: Duration = Duration::from_millis(60);

/// The server and what becomes of it.
pub struct Site {
    pub server: Server,
    folder: PathBuf,
    backup: PathBuf,
    /// Leaves that the killed server had and the backup has not.
    pub leaves_lost: u64,
}

impl Site {
    /// Everything lies below `folder`; the first server's data in it.
    pub fn new(server: Server, folder: &Path) -> Self {
        Self { server, folder: folder.to_owned(), backup: folder.join("backup"), leaves_lost: 0 }
    }

    /// A round during which a backup is taken.
    pub fn back_up_during(&self, phones: &mut [Phone], jobs: &[Vec<Job>]) -> Result<()> {
        thread::scope(|scope| {
            let taken = scope.spawn(|| {
                thread::sleep(MOMENT);
                self.command(&["backup", "--data", &shown(&self.server.data), "--to", &shown(&self.backup)])
            });
            crew::round(phones, jobs)?;
            taken.join().map_err(|_| anyhow!("the backup panicked"))?
        })
    }

    /// A round during which the server is killed and restored into another folder.
    pub fn restore_during(self, phones: &mut [Phone], jobs: &[Vec<Job>]) -> Result<Self> {
        thread::scope(|scope| {
            let restored = scope.spawn(|| {
                thread::sleep(MOMENT);
                self.restored()
            });
            crew::round(phones, jobs)?;
            restored.join().map_err(|_| anyhow!("the restore panicked"))?
        })
    }

    fn restored(mut self) -> Result<Self> {
        let (port, data) = (self.server.address.port(), self.folder.join("restored"));
        self.server.kill()?;
        let (before, kept) = (leaves(&self.server.data)?, leaves(&self.backup)?);
        self.leaves_lost = before.saturating_sub(kept);
        self.command(&["restore", &shown(&self.backup), "--data", &shown(&data)])?;
        self.server = Server::launch(&data, Launch { port, ..Launch::default() })?;
        Ok(self)
    }

    /// Sign-ins end with a restore.
    pub fn sign_in_again(&self, office: &mut Office) -> Result<()> {
        office.sign_in_again(&self.server.url())
    }

    fn command(&self, arguments: &[&str]) -> Result<()> {
        let program = server_program()?;
        let output = std::process::Command::new(&program).args(arguments).output()?;
        ensure!(output.status.success(), "liuhen {}: {}", arguments.join(" "), server::shown(&output));
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The size in the checkpoint that was signed last, or before the backup.
fn leaves(data: &Path) -> Result<u64> {
    let note = fs::read_to_string(data.join("signer/checkpoint"))?;
    note.lines().nth(1).and_then(|size| size.parse().ok()).context("a checkpoint without a size")
}
