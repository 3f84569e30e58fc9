//! Steps of a task that phones handed in: delivered, opened, claimed, sealed.

use super::judgement::{Decision, Verdict};
use crate::{
    acts::tasks::{state_of, tell},
    error::ApiError,
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, task_assignees::TaskAssigneeRow, tasks::TaskRow},
};
use liuhen_inspection::task::{TaskEvent, TaskState, transition};
use liuhen_trace::{DocumentId, EntryKind};
use serde_json::{Value, json};

/// Moves the task of a document by the admitted entries among `decisions`, in their order. Logs one
/// act when anything moved, and tells those who hold the task when the task itself did.
pub async fn advance(tx: &mut Tx, document: DocumentId, decisions: &[Decision]) -> Result<(), ApiError> {
    let events: Vec<(&Decision, TaskEvent)> =
        decisions.iter().filter_map(|decision| Some((decision, event(decision)?))).collect();
    if events.is_empty() {
        return Ok(());
    }
    let visit = document.to_string();
    let Some(before) = store::tasks::by_visit(tx.conn(), &visit).await? else { return Ok(()) };
    let assignees = store::task_assignees::of_visit(tx.conn(), &visit).await?;
    let moved = plan(before.clone(), assignees, &events, tx.now_ms())?;
    if moved.steps.is_empty() {
        return Ok(());
    }
    let leaf = tx.next_leaf();
    let mut rows = Vec::new();
    if moved.task != before {
        store::tasks::save_state(tx.conn(), &moved.task).await?;
        rows.push(moved.task.commitment());
        tell(tx.conn(), leaf, document, &moved.assignees).await?;
    }
    for at in &moved.changed {
        let assignee = &moved.assignees[*at];
        store::task_assignees::save(tx.conn(), assignee).await?;
        rows.push(assignee.commitment());
    }
    let detail = json!({ "task": moved.task.id, "state": moved.task.state, "steps": moved.steps });
    tx.act(NewAct { kind: "task.advanced", actor: None, detail, rows, blobs: Vec::new() }).await?;
    Ok(())
}

fn event(decision: &Decision) -> Option<TaskEvent> {
    match (decision.verdict, decision.kind) {
        (Verdict::Admitted, EntryKind::Seal) => Some(TaskEvent::Sealed),
        (Verdict::Admitted, _) => decision.step.map(|step| step.event()),
        (Verdict::Pending | Verdict::Waiting | Verdict::Quarantined | Verdict::Held, _) => None,
    }
}

/// What the events come to.
struct Moved {
    task: TaskRow,
    assignees: Vec<TaskAssigneeRow>,
    /// Places in `assignees` of the rows that changed.
    changed: Vec<usize>,
    /// The entries that moved something, for the act.
    steps: Vec<Value>,
}

fn plan(
    task: TaskRow,
    assignees: Vec<TaskAssigneeRow>,
    events: &[(&Decision, TaskEvent)],
    now_ms: i64,
) -> Result<Moved, ApiError> {
    let mut moved = Moved { task, assignees, changed: Vec::new(), steps: Vec::new() };
    for (decision, event) in events {
        let Some(at) = moved.assignees.iter().position(|row| row.account == decision.account) else {
            continue;
        };
        // A refused transition is a step that came too late: it stays a fact of the ledger.
        let Ok(state) = transition(state_of(&moved.assignees[at].state)?, *event) else { continue };
        let of_task = state_of(&moved.task.state)?;
        let next = match event {
            TaskEvent::Sealed => transition(of_task, *event).unwrap_or(of_task),
            _ => of_task,
        };
        let unchanged = moved.assignees[at].state == state.as_str() && next == of_task;
        if unchanged {
            continue;
        }
        moved.assignees[at].state = state.to_string();
        moved.task.state = next.to_string();
        if !moved.changed.contains(&at) {
            moved.changed.push(at);
        }
        moved.steps.push(json!({
            "account": decision.account, "state": state.as_str(),
            "chain": decision.chain.to_string(), "seq": decision.seq,
        }));
    }
    settle(&mut moved, now_ms)?;
    Ok(moved)
}

/// The task stands where the furthest of those who hold it does; sealed and recalled stay.
fn settle(moved: &mut Moved, now_ms: i64) -> Result<(), ApiError> {
    let state = state_of(&moved.task.state)?;
    let state = match state {
        TaskState::Done | TaskState::Recalled => state,
        TaskState::Issued | TaskState::Delivered | TaskState::Opened | TaskState::Claimed => {
            let active = moved.assignees.iter().filter(|row| row.left_leaf.is_none());
            let states: Result<Vec<TaskState>, ApiError> = active.map(|row| state_of(&row.state)).collect();
            TaskState::furthest(states?)
        }
    };
    if state == TaskState::Done && moved.task.ended_at_ms.is_none() {
        moved.task.ended_at_ms = Some(now_ms);
    }
    moved.task.state = state.to_string();
    Ok(())
}
