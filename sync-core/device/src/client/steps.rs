//! The steps of a task that this phone records: delivered, opened, claimed. Each is recorded once.

use super::{
    Client,
    desk::{Desk, NewEntry},
    record::check_in_scope,
};
use crate::{
    Error, Result,
    records::VisitSnapshot,
    store::documents::{self, StepTaken, TaskRow},
};
use liuhen_inspection::task::{Step, Task};
use liuhen_trace::{DocumentId, EntryKind};

impl Client {
    /// The visit as it stands, for somebody who looks at it: the first time is recorded.
    pub fn open_visit(&self, visit: DocumentId) -> Result<VisitSnapshot> {
        self.write(|desk| desk.take_step(visit, Step::Opened))?;
        self.visit(visit)
    }

    /// The person takes the task on; the first time is recorded.
    pub fn claim(&self, visit: DocumentId) -> Result<()> {
        self.write(|desk| {
            check_in_scope(&desk.tx, visit)?;
            desk.take_step(visit, Step::Claimed)
        })
    }
}

impl Desk<'_> {
    pub fn take_step(&mut self, visit: DocumentId, step: Step) -> Result<()> {
        let task = documents::task_of(&self.tx, visit)?;
        let task = task.ok_or_else(|| Error::not_found("visit.unknown", visit))?;
        let (taken, kept_as) = match step {
            Step::Delivered => (task.delivered, StepTaken::Delivered),
            Step::Opened => (task.opened, StepTaken::Opened),
            Step::Claimed => (task.claimed, StepTaken::Claimed),
        };
        if taken || !self.is_ours(&task)? {
            return Ok(());
        }
        let detail = Some(step.to_detail());
        self.append(NewEntry { detail, ..NewEntry::new(EntryKind::Receipt, visit) })?;
        documents::set_step(&self.tx, visit, kept_as, true)
    }

    /// Steps are taken by assignees alone; a supervisor who looks leaves none.
    fn is_ours(&self, row: &TaskRow) -> Result<bool> {
        let identity = self.identity()?;
        let grant = identity.grant()?;
        let task = Task::from_bytes(&row.bytes).map_err(Error::corrupt)?;
        Ok(!row.departed && task.is_assigned(&grant.account.into()))
    }
}
