//! Whether people may be given a task.
//!
//! Joint visits take inspectors of several departments, so any active inspector of the deployment
//! may be named; the task itself stays with the department of its subject.

use crate::{
    ApiError,
    acts::access::{Role, Roles, accounts},
    store::{self, Connection},
};
use liuhen_inspection::limits::ASSIGNEES_MAX;
use std::collections::BTreeSet;

/// What can be said without looking anybody up.
pub fn check_list(assignees: &[String]) -> Result<(), ApiError> {
    let refused = |code, detail: String| Err(ApiError::unprocessable(code, detail));
    if assignees.is_empty() {
        return refused("task.no_assignee", "a task has at least one assignee".into());
    }
    if assignees.len() > ASSIGNEES_MAX {
        return refused("task.too_many_assignees", format!("at most {ASSIGNEES_MAX}"));
    }
    let mut seen = BTreeSet::new();
    match assignees.iter().find(|account| !seen.insert(*account)) {
        Some(twice) => refused("task.duplicate_assignee", twice.clone()),
        None => Ok(()),
    }
}

/// Whether the account exists, is active and inspects.
pub async fn check(conn: &mut Connection, account: &str) -> Result<(), ApiError> {
    let refused = |code, detail: String| Err(ApiError::conflict(code, detail));
    let Some(row) = store::accounts::by_id(conn, account).await? else {
        return Err(ApiError::not_found("task.unknown_assignee", format!("no account {account}")));
    };
    if row.state != accounts::ACTIVE {
        return refused("task.assignee_inactive", format!("{} is deactivated", row.name));
    }
    if !Roles::parse(&row.roles).contains(Role::Inspector) {
        return refused("task.assignee_not_inspector", format!("{} is no inspector", row.name));
    }
    Ok(())
}
