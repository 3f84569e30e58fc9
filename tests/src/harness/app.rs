//! An app on the phone core, in this process: for tests that need no process for each phone.

use anyhow::{Result, bail};
use liuhen_mobile::{Client, records::NewEnrolment};
use std::{path::Path, sync::Arc};

/// More than any exchange of a few visits takes.
const SYNCHRONISATIONS_MAX: usize = 50;

/// A phone that keeps everything in `folder`, enrolled for whoever signs in, with their tasks on it.
pub fn enrolled(folder: &Path, server: &str, login: &str, password: &str) -> Result<Arc<Client>> {
    let phone = Client::open(folder.to_string_lossy().into_owned())?;
    phone.enrol(NewEnrolment {
        server: server.to_owned(),
        login: login.to_owned(),
        password: password.to_owned(),
        device_name: format!("phone of {login}"),
        code: None,
    })?;
    hand_in(&phone)?;
    Ok(phone)
}

/// Synchronises until nothing is left and the server has judged what it took in.
pub fn hand_in(phone: &Client) -> Result<()> {
    for _ in 0..SYNCHRONISATIONS_MAX {
        let report = phone.synchronise(None)?;
        let status = phone.status()?;
        let left = status.unsent_entries + status.unsent_blobs;
        if !report.more && left == 0 && status.cursor == status.ledger_size {
            return Ok(());
        }
    }
    bail!("something is left on the phone: {:?}", phone.status())
}
