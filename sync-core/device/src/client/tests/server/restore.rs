//! A backup of the deployment in memory, and its restore into a later epoch of the log.

use super::{FakeServer, Item, Logged, SALT, State};
use crate::client::tests::server_uploads::Uploads;
use liuhen_engine::document::Document;
use liuhen_inspection::task::Task;
use liuhen_trace::{
    ActHeader, Canonical as _, CheckpointRef, DeviceId, DocumentId, EpochOpening, EpochProof, Hash, Leaf,
    PublicKey, SignedGrant,
    act::ActBody,
    epoch::EPOCH_KIND,
    merkle::{Node, Tree},
};
use std::collections::BTreeMap;

/// Everything but the keys, which stay.
pub struct Backup {
    epoch: u64,
    opened: Vec<Opened>,
    tree: Tree,
    nodes: BTreeMap<Node, Hash>,
    devices: BTreeMap<DeviceId, (PublicKey, String)>,
    grants: Vec<SignedGrant>,
    segments: Vec<Logged>,
    documents: BTreeMap<DocumentId, Document>,
    tasks: BTreeMap<DocumentId, Task>,
    feed: Vec<(String, u64, Item)>,
    waiting: Vec<(usize, usize)>,
    uploads: Uploads,
}

/// An act that opened an epoch.
#[derive(Clone)]
pub struct Opened {
    leaf: u64,
    epoch: u64,
    header: ActHeader,
    body: Vec<u8>,
}

impl FakeServer {
    pub fn backup(&self) -> Backup {
        let state = self.state();
        Backup {
            epoch: state.log_epoch,
            opened: state.opened.clone(),
            tree: state.tree.clone(),
            nodes: state.nodes.clone(),
            devices: state.devices.clone(),
            grants: state.grants.clone(),
            segments: state.segments.clone(),
            documents: state.documents.clone(),
            tasks: state.tasks.clone(),
            feed: state.feed.clone(),
            waiting: state.waiting.clone(),
            uploads: state.uploads.clone(),
        }
    }

    pub fn restore(&self, backup: Backup, epoch: u64) {
        self.roll_back(backup);
        let mut state = self.state();
        let opening = EpochOpening { epoch, after: state.checkpoint(), note: None };
        let body = ActBody { epoch: Some(opening), ..ActBody::default() }.to_canonical();
        let header = ActHeader::commit(EPOCH_KIND, 0, &SALT, &body);
        let leaf = state.append(&Leaf::Act(header.clone()));
        state.opened.push(Opened { leaf, epoch, header, body });
        state.log_epoch = epoch;
    }

    /// As [`FakeServer::restore`] without a word of it: what no honest server does.
    pub fn roll_back(&self, backup: Backup) {
        let mut state = self.state();
        state.log_epoch = backup.epoch;
        state.tree = backup.tree;
        state.nodes = backup.nodes;
        state.devices = backup.devices;
        state.grants = backup.grants;
        state.segments = backup.segments;
        state.documents = backup.documents;
        state.tasks = backup.tasks;
        state.feed = backup.feed;
        state.waiting = backup.waiting;
        state.uploads = backup.uploads;
        state.opened = backup.opened;
    }
}

impl State {
    /// How much of a checkpoint's log is in this one.
    pub fn shared(&self, checkpoint: CheckpointRef) -> u64 {
        let later = self.opened.iter().find(|opened| opened.epoch > checkpoint.epoch);
        later.map_or(checkpoint.size, |opened| opened.leaf.min(checkpoint.size))
    }

    pub fn openings(&self) -> Vec<EpochProof> {
        let opened = self.opened.iter().map(|Opened { leaf, header, body, .. }| EpochProof {
            header: header.clone(),
            salt: SALT,
            body: body.clone(),
            proof: self.proof(*leaf, leaf + 1),
        });
        opened.collect()
    }
}
