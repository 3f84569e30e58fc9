//! Giving a task to other people. Who loses it still hands in what they did: what was logged before
//! counts, what they did before they could know is held (see [`crate::exchange::access`]).

use super::{assignees, ended, find, state_of, tell, visit_of};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise, commit_as},
        text,
    },
    ledger::{NewAct, Tx},
    store::{
        self, CommittedRow as _,
        feed::{self, FeedKind},
        task_assignees::TaskAssigneeRow,
        tasks::TaskRow,
    },
};
use futures::FutureExt;
use liuhen_inspection::{
    limits::ASSIGNEES_MAX,
    task::{TaskEvent, TaskState, transition},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reassignment {
    /// All who hold the task from now on; the first leads.
    #[schema(min_items = 1, max_items = 64)]
    pub assignees: Vec<String>,
    #[schema(value_type = text::Paragraphs)]
    pub reason: String,
}

/// Replaces the list of assignees. The same list again changes nothing.
pub async fn reassign(
    state: &AppState,
    actor: &Actor,
    id: &str,
    reassignment: Reassignment,
) -> Result<TaskRow, ApiError> {
    let reason = text::paragraphs("reason", &reassignment.reason)?;
    assignees::check_list(&reassignment.assignees)?;
    let mut conn = state.store.read().await?;
    let task = find(&mut conn, id).await?;
    drop(conn);
    authorise(actor, Action::DispatchTasks, &task.department)?;
    let (by, wanted) = (actor.id().to_owned(), reassignment.assignees);
    let committed = commit_as(state, actor, move |tx| apply(tx, by, task.id, wanted, reason).boxed());
    Ok(committed.await?.output)
}

async fn apply(
    tx: &mut Tx,
    actor: String,
    task: String,
    wanted: Vec<String>,
    reason: String,
) -> Result<TaskRow, ApiError> {
    let mut task = find(tx.conn(), &task).await?;
    transition(state_of(&task.state)?, TaskEvent::Reassigned).map_err(ended)?;
    let before = store::task_assignees::of_task(tx.conn(), &task.id).await?;
    let leaf = tx.next_leaf();
    let plan = plan(&task, before, &wanted, leaf as i64);
    if plan.changed.is_empty() {
        return Ok(task);
    }
    if plan.after.len() > ASSIGNEES_MAX {
        let detail = format!("at most {ASSIGNEES_MAX}, those who left included");
        return Err(ApiError::conflict("task.too_many_assignees", detail));
    }
    for account in &plan.joined {
        assignees::check(tx.conn(), account).await?;
    }
    task.state = furthest(&plan.after)?.to_string();
    store::tasks::save_state(tx.conn(), &task).await?;
    let mut rows = vec![task.commitment()];
    for assignee in &plan.changed {
        store::task_assignees::save(tx.conn(), assignee).await?;
        rows.push(assignee.commitment());
    }
    let visit = visit_of(&task.visit)?;
    for account in &plan.left {
        feed::insert(tx.conn(), account, leaf, FeedKind::Left, visit.as_bytes()).await?;
    }
    tell(tx.conn(), leaf, visit, &plan.after).await?;
    let detail = json!({
        "task": task.id, "assignees": wanted, "joined": plan.joined, "left": plan.left, "reason": reason,
    });
    tx.act(NewAct { kind: "task.reassigned", actor: Some(actor), detail, rows, blobs: Vec::new() }).await?;
    Ok(task)
}

/// What a new list of assignees makes of the rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Everybody who holds or held the task.
    after: Vec<TaskAssigneeRow>,
    /// Those of `after` that differ from before.
    changed: Vec<TaskAssigneeRow>,
    joined: Vec<String>,
    left: Vec<String>,
}

fn plan(task: &TaskRow, before: Vec<TaskAssigneeRow>, wanted: &[String], leaf: i64) -> Plan {
    let mut plan = Plan::default();
    for (ordinal, account) in (0..).zip(wanted) {
        let known = before.iter().find(|row| row.account == *account);
        let row = match known {
            Some(row) if row.left_leaf.is_none() => TaskAssigneeRow { ordinal, ..row.clone() },
            Some(_) | None => {
                plan.joined.push(account.clone());
                TaskAssigneeRow {
                    task: task.id.clone(),
                    account: account.clone(),
                    visit: task.visit.clone(),
                    ordinal,
                    state: TaskState::Issued.to_string(),
                    assigned_leaf: leaf,
                    left_leaf: None,
                }
            }
        };
        if known != Some(&row) {
            plan.changed.push(row.clone());
        }
        plan.after.push(row);
    }
    for row in before.into_iter().filter(|row| !wanted.contains(&row.account)) {
        if row.left_leaf.is_some() {
            plan.after.push(row);
            continue;
        }
        plan.left.push(row.account.clone());
        let row = TaskAssigneeRow { left_leaf: Some(leaf), ..row };
        plan.changed.push(row.clone());
        plan.after.push(row);
    }
    plan
}

fn furthest(assignees: &[TaskAssigneeRow]) -> Result<TaskState, ApiError> {
    let active = assignees.iter().filter(|assignee| assignee.left_leaf.is_none());
    let states: Result<Vec<TaskState>, ApiError> = active.map(|assignee| state_of(&assignee.state)).collect();
    Ok(TaskState::furthest(states?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> TaskRow {
        TaskRow {
            id: "t".into(),
            visit: "v".into(),
            department: "d".into(),
            subject: "s".into(),
            checklist: "c".into(),
            instructions: String::new(),
            due_on: None,
            state: "claimed".into(),
            issued_by: "x".into(),
            issued_at_ms: 0,
            ended_at_ms: None,
            recall_reason: None,
        }
    }

    fn row(account: &str, ordinal: i64, state: &str, assigned: i64, left: Option<i64>) -> TaskAssigneeRow {
        TaskAssigneeRow {
            task: "t".into(),
            account: account.into(),
            visit: "v".into(),
            ordinal,
            state: state.into(),
            assigned_leaf: assigned,
            left_leaf: left,
        }
    }

    #[test]
    fn who_stays_keeps_their_state_and_who_comes_back_begins_anew() {
        let before = vec![
            row("stays", 0, "claimed", 5, None),
            row("goes", 1, "opened", 5, None),
            row("was away", 2, "delivered", 5, Some(7)),
        ];
        let plan = plan(&task(), before, &["was away".into(), "stays".into(), "new".into()], 9);
        let expected = [
            row("was away", 0, "issued", 9, None),
            row("stays", 1, "claimed", 5, None),
            row("new", 2, "issued", 9, None),
            row("goes", 1, "opened", 5, Some(9)),
        ];
        assert_eq!(plan.changed, expected);
        assert_eq!(plan.after, expected);
        assert_eq!(plan.joined, ["was away", "new"]);
        assert_eq!(plan.left, ["goes"]);
        assert_eq!(furthest(&plan.after).expect("known states"), TaskState::Claimed);
    }

    #[test]
    fn the_same_list_changes_nothing() {
        let before = vec![row("a", 0, "claimed", 5, None), row("b", 1, "issued", 5, Some(6))];
        let plan = plan(&task(), before, &["a".into()], 9);
        assert_eq!((plan.changed.len(), plan.joined.len(), plan.left.len()), (0, 0, 0));
    }
}
