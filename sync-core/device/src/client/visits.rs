//! Looking at tasks and visits.

use super::{Client, documents::view};
use crate::{
    Error, Result,
    records::{TaskSummary, VisitSnapshot},
    store::{
        Connection,
        documents::{self, TaskRow},
        entries, identity,
    },
};
use liuhen_inspection::task::Task;
use liuhen_trace::{Canonical, DeviceId, DocumentId, Grant};
use std::collections::BTreeMap;

impl Client {
    /// Every task on this phone, the one that changed last first.
    pub fn tasks(&self) -> Result<Vec<TaskSummary>> {
        self.read(|db, _| documents::tasks(db)?.into_iter().map(summary).collect())
    }

    /// The visit as it stands, leaving no trace of having looked.
    pub fn visit(&self, visit: DocumentId) -> Result<VisitSnapshot> {
        self.read(|db, documents| {
            let row = documents::task_of(db, visit)?;
            let row = row.ok_or_else(|| Error::not_found("visit.unknown", visit))?;
            let opened = documents.get(db, visit)?;
            let rows = entries::of_document(db, visit)?;
            let view = view(opened, &rows, &known_grants(db)?)?;
            let checklist = opened.checklist.clone();
            let unsent_entries = entries::unsent_of_document(db, visit)?;
            let TaskSummary { task, left, .. } = summary(row)?;
            Ok(VisitSnapshot { visit, task, checklist, view, left, unsent_entries })
        })
    }
}

fn summary(row: TaskRow) -> Result<TaskSummary> {
    Ok(TaskSummary {
        visit: row.document,
        task: Task::from_bytes(&row.bytes).map_err(Error::corrupt)?,
        opened: row.opened,
        claimed: row.claimed,
        ready: row.ready,
        left: row.departed,
    })
}

/// The grants of all devices whose entries are here, this one's included. Their signatures were
/// checked before they were stored.
pub fn known_grants(db: &Connection) -> Result<BTreeMap<DeviceId, Grant>> {
    let identity = identity::read(db)?.ok_or(Error::NotEnrolled)?;
    let mut grants = BTreeMap::new();
    for signed in documents::grants(db)?.iter().chain([&identity.grant]) {
        let grant = Grant::from_canonical(&signed.bytes).map_err(Error::corrupt)?;
        grants.insert(grant.device(), grant);
    }
    Ok(grants)
}
