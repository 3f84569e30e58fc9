//! A task with everything around it, as phones and supervisors see it.

use super::{state_of, visit_of};
use crate::{
    ApiError,
    store::{
        self, Connection, accounts::AccountRow, checklists::ChecklistRow, departments::DepartmentRow,
        reviews::ReviewRow, subjects::SubjectRow, task_assignees::TaskAssigneeRow, tasks::TaskRow,
    },
};
use liuhen_inspection::{
    AccountId, SubjectId, TaskId,
    task::{Assignee, ChecklistRef, Review, ReviewOutcome, Subject, Task},
};
use std::collections::BTreeMap;

/// Reads tasks and keeps what many of them share.
#[derive(Default)]
pub struct Matters {
    accounts: BTreeMap<String, AccountRow>,
    departments: BTreeMap<String, DepartmentRow>,
    checklists: BTreeMap<String, ChecklistRef>,
}

impl Matters {
    /// The task as of now, with those who hold it now.
    pub async fn task(&mut self, conn: &mut Connection, row: &TaskRow) -> Result<Task, ApiError> {
        let assignees = store::task_assignees::of_task(conn, &row.id).await?;
        self.task_of(conn, row, &assignees).await
    }

    /// The same, of those who hold or held it.
    pub async fn task_of(
        &mut self,
        conn: &mut Connection,
        row: &TaskRow,
        held_by: &[TaskAssigneeRow],
    ) -> Result<Task, ApiError> {
        let subject = store::subjects::by_id(conn, &row.subject).await?;
        let subject = subject.ok_or_else(|| missing("subject", &row.subject))?;
        let mut assignees = Vec::new();
        for assignee in held_by.iter().filter(|assignee| assignee.left_leaf.is_none()) {
            assignees.push(self.assignee(conn, &assignee.account).await?);
        }
        let review = match store::reviews::of_visit(conn, &row.visit).await?.pop() {
            Some(review) => Some(self.review(conn, review).await?),
            None => None,
        };
        Ok(Task {
            id: TaskId(row.id.clone()),
            visit: visit_of(&row.visit)?,
            subject: subject_of(subject),
            checklist: self.checklist(conn, &row.checklist).await?,
            instructions: row.instructions.clone(),
            due_on: row.due_on.as_deref().map(str::parse).transpose()?,
            state: state_of(&row.state)?,
            assignees,
            issued_at_ms: row.issued_at_ms,
            review,
        })
    }

    /// Somebody by real name.
    pub async fn assignee(&mut self, conn: &mut Connection, account: &str) -> Result<Assignee, ApiError> {
        let row = self.account(conn, account).await?.clone();
        Ok(Assignee {
            department: self.department(conn, &row.department).await?.name.clone(),
            account: AccountId(row.id),
            name: row.name,
            certificate_no: row.certificate_no,
        })
    }

    async fn account(&mut self, conn: &mut Connection, id: &str) -> Result<&AccountRow, ApiError> {
        if !self.accounts.contains_key(id) {
            let row = store::accounts::by_id(conn, id).await?.ok_or_else(|| missing("account", id))?;
            self.accounts.insert(id.to_owned(), row);
        }
        Ok(&self.accounts[id])
    }

    async fn department(&mut self, conn: &mut Connection, id: &str) -> Result<&DepartmentRow, ApiError> {
        if !self.departments.contains_key(id) {
            let row = store::departments::by_id(conn, id).await?.ok_or_else(|| missing("department", id))?;
            self.departments.insert(id.to_owned(), row);
        }
        Ok(&self.departments[id])
    }

    async fn checklist(&mut self, conn: &mut Connection, hash: &str) -> Result<ChecklistRef, ApiError> {
        if !self.checklists.contains_key(hash) {
            let row =
                store::checklists::by_hash(conn, hash).await?.ok_or_else(|| missing("checklist", hash))?;
            self.checklists.insert(hash.to_owned(), checklist_of(row)?);
        }
        Ok(self.checklists[hash].clone())
    }

    async fn review(&mut self, conn: &mut Connection, row: ReviewRow) -> Result<Review, ApiError> {
        let outcome = match row.outcome.as_str() {
            "accepted" => ReviewOutcome::Accepted,
            "returned" => ReviewOutcome::Returned,
            _ => return Err(missing("review outcome", &row.outcome)),
        };
        let reviewer = self.account(conn, &row.reviewer).await?.name.clone();
        Ok(Review { outcome, comment: row.opinion, reviewer, at_ms: row.reviewed_at_ms })
    }
}

fn subject_of(row: SubjectRow) -> Subject {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let degrees = |e7: Option<i64>| e7.and_then(|e7| i32::try_from(e7).ok());
    Subject {
        id: SubjectId(row.id),
        name: row.name,
        address: row.address,
        code: some(row.code),
        legal_representative: some(row.legal_representative),
        phone: some(row.phone),
        category: some(row.category),
        latitude_e7: degrees(row.latitude_e7),
        longitude_e7: degrees(row.longitude_e7),
    }
}

fn checklist_of(row: ChecklistRow) -> Result<ChecklistRef, ApiError> {
    Ok(ChecklistRef {
        hash: row.hash.parse().map_err(ApiError::internal)?,
        code: row.code,
        title: row.title,
        version: u32::try_from(row.version).map_err(ApiError::internal)?,
    })
}

/// A reference that leads nowhere: the database is damaged.
fn missing(what: &str, id: &str) -> ApiError {
    ApiError::internal(format!("{what} {id} is not there"))
}
