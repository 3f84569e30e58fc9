//! Taking a task back.

use super::{ended, find, state_of, visit_of};
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
use liuhen_inspection::task::{TaskEvent, transition};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    #[schema(value_type = text::Paragraphs)]
    pub reason: String,
}

/// Takes a task back that is not done. Those who held it lose it.
pub async fn recall(state: &AppState, actor: &Actor, id: &str, recall: Recall) -> Result<TaskRow, ApiError> {
    let reason = text::paragraphs("reason", &recall.reason)?;
    let mut conn = state.store.read().await?;
    let task = find(&mut conn, id).await?;
    drop(conn);
    authorise(actor, Action::DispatchTasks, &task.department)?;
    let by = actor.id().to_owned();
    let committed = commit_as(state, actor, move |tx| apply(tx, by, task.id, reason).boxed());
    Ok(committed.await?.output)
}

async fn apply(tx: &mut Tx, actor: String, task: String, reason: String) -> Result<TaskRow, ApiError> {
    let mut task = find(tx.conn(), &task).await?;
    task.state = transition(state_of(&task.state)?, TaskEvent::Recalled).map_err(ended)?.to_string();
    task.ended_at_ms = Some(tx.now_ms());
    task.recall_reason = Some(reason);
    let leaf = tx.next_leaf();
    store::tasks::save_state(tx.conn(), &task).await?;
    let mut rows = vec![task.commitment()];
    let visit = visit_of(&task.visit)?;
    for assignee in store::task_assignees::of_task(tx.conn(), &task.id).await? {
        if assignee.left_leaf.is_some() {
            continue;
        }
        let assignee = TaskAssigneeRow { left_leaf: Some(leaf as i64), ..assignee };
        store::task_assignees::save(tx.conn(), &assignee).await?;
        feed::insert(tx.conn(), &assignee.account, leaf, FeedKind::Left, visit.as_bytes()).await?;
        rows.push(assignee.commitment());
    }
    let detail = json!({ "task": task.id, "reason": task.recall_reason });
    tx.act(NewAct { kind: "task.recalled", actor: Some(actor), detail, rows, blobs: Vec::new() }).await?;
    Ok(task)
}
