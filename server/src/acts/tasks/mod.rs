//! Tasks (任务): a supervisor issues, re-assigns and recalls them. The states and their transitions
//! are [`liuhen_inspection::task::transition`].

pub mod assignees;
pub mod issue;
pub mod matter;
pub mod reassign;
pub mod recall;

use crate::{
    ApiError,
    store::{
        self, Connection,
        feed::{self, FeedKind},
        task_assignees::TaskAssigneeRow,
        tasks::TaskRow,
    },
};
use liuhen_inspection::task::TaskState;
use liuhen_trace::{DocumentId, Refusal};

/// The error for a task that is not there.
pub fn unknown(id: &str) -> ApiError {
    ApiError::not_found("task.unknown", format!("no task {id}"))
}

pub async fn find(conn: &mut Connection, id: &str) -> Result<TaskRow, ApiError> {
    store::tasks::by_id(conn, id).await?.ok_or_else(|| unknown(id))
}

/// The task of a visit.
pub async fn find_by_visit(conn: &mut Connection, visit: DocumentId) -> Result<TaskRow, ApiError> {
    let missing = || ApiError::not_found("visit.unknown", format!("no visit {visit}"));
    store::tasks::by_visit(conn, &visit.to_string()).await?.ok_or_else(missing)
}

/// A transition that the task's state does not allow.
fn ended(refusal: Refusal) -> ApiError {
    ApiError::conflict(refusal.code, refusal.detail)
}

/// What a column holds; another content is damage.
pub fn state_of(stored: &str) -> Result<TaskState, ApiError> {
    stored.parse().map_err(ApiError::internal)
}

/// The visit document that a row names.
pub fn visit_of(stored: &str) -> Result<DocumentId, ApiError> {
    stored.parse().map_err(ApiError::internal)
}

/// Puts the task's present state into the feed of those who hold it.
pub async fn tell(
    conn: &mut Connection,
    leaf: u64,
    visit: DocumentId,
    assignees: &[TaskAssigneeRow],
) -> Result<(), ApiError> {
    for assignee in assignees.iter().filter(|assignee| assignee.left_leaf.is_none()) {
        feed::insert(conn, &assignee.account, leaf, FeedKind::Matter, visit.as_bytes()).await?;
    }
    Ok(())
}
