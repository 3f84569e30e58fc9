//! Tasks, with those who hold or held them and how far they are.

mod figures;
mod progress;

pub use figures::{TaskFigures, figures};
pub use progress::{Progress, StepView, steps};

use super::{
    calendar,
    paging::{self, List, Paging},
    words::words,
};
use crate::{
    ApiError,
    acts::{
        access::{Action, Actor, authorise},
        tasks,
    },
    ledger::clock,
    store::{
        self, Connection,
        tasks::{NO_DUE_DAY, TaskFilter, TaskOrder, TaskProgressRow, TaskRow},
    },
};
use liuhen_inspection::{
    Date,
    task::{Assignee, Task, TaskState},
};
use progress::Reader;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Tells the cursors of one order from those of the other by id.
const NEWEST: &str = "newest.";

#[derive(Serialize, ToSchema)]
pub struct TaskView {
    #[serde(flatten)]
    pub task: Task,
    pub department: String,
    pub issued_by: String,
    pub ended_at_ms: Option<i64>,
    pub recall_reason: Option<String>,
    /// Everybody who holds or held the task, and how far they are.
    pub assignments: Vec<AssignmentView>,
    /// How far the visit is.
    pub progress: Progress,
}

#[derive(Serialize, ToSchema)]
pub struct AssignmentView {
    #[serde(flatten)]
    pub person: Assignee,
    pub state: String,
    pub assigned_leaf: i64,
    pub left_leaf: Option<i64>,
}

/// What a task may want from the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Was due before today and has not ended.
    Overdue,
    /// People disagree, and nobody has decided.
    OpenConflicts,
    /// The newest review sent it back.
    Returned,
    /// Files were announced that have not arrived.
    EvidenceMissing,
    /// Sealed, and nobody has reviewed it.
    Unreviewed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By time of issue.
    #[default]
    Oldest,
    Newest,
    /// By due date; those without one come last.
    Due,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Where the task stands.
    pub state: Option<TaskState>,
    /// An account that holds the task now.
    pub assignee: Option<String>,
    /// The inspected party it is about.
    pub subject: Option<String>,
    /// A checklist's hash.
    pub checklist: Option<String>,
    /// What it wants from the desk.
    #[param(inline)]
    pub attention: Option<Attention>,
    /// Part of the subject's name or code.
    #[param(max_length = 64)]
    pub q: Option<String>,
    /// `oldest` when absent.
    #[serde(default)]
    #[param(inline)]
    pub order: Option<Order>,
    /// The `next` of the page before, in the same order.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: Option<i64>,
}

/// Supervisors see the tasks of their departments, auditors all, inspectors those they hold.
pub async fn list(
    conn: &mut Connection,
    actor: &Actor,
    query: TaskQuery,
) -> Result<List<TaskView>, ApiError> {
    let order = query.order.unwrap_or_default();
    let filter = visible_to(actor, filter_of(&query)?)?;
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let place = place(order, paging.cursor.as_deref())?;
    let rows = store::tasks::page_filtered(conn, &filter, &place, paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, |row| cursor(order, &row.task))?;
    let mut reader = Reader::default();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(view(conn, &mut reader, row).await?);
    }
    Ok(List { items, next })
}

fn filter_of(query: &TaskQuery) -> Result<TaskFilter, ApiError> {
    let wants = |attention| query.attention == Some(attention);
    Ok(TaskFilter {
        state: query.state.map(|state| state.to_string()),
        assignee: query.assignee.clone(),
        subject: query.subject.clone(),
        checklist: query.checklist.clone(),
        below: None,
        named: words(query.q.as_deref())?,
        due_before: if wants(Attention::Overdue) { calendar::day(clock::now_ms()) } else { None },
        open_conflicts: wants(Attention::OpenConflicts),
        returned: wants(Attention::Returned),
        evidence_missing: wants(Attention::EvidenceMissing),
        unreviewed: wants(Attention::Unreviewed),
    })
}

fn place(order: Order, cursor: Option<&str>) -> Result<TaskOrder, ApiError> {
    let foreign = paging::unknown_cursor;
    Ok(match order {
        Order::Oldest => {
            let after = cursor.map(paging::place).transpose()?;
            TaskOrder::Oldest { after: after.unwrap_or_default().to_owned() }
        }
        Order::Newest => {
            let before = cursor.map(|cursor| cursor.strip_prefix(NEWEST).ok_or_else(foreign)).transpose()?;
            TaskOrder::Newest { before: before.map(paging::place).transpose()?.map(str::to_owned) }
        }
        Order::Due => {
            let after = cursor.map(|cursor| cursor.split_once('.').ok_or_else(foreign)).transpose()?;
            let (day, id) = after.unwrap_or_default();
            if after.is_some() && (paging::place(id).is_err() || day.parse::<Date>().is_err()) {
                return Err(foreign());
            }
            TaskOrder::Due { after: (day.to_owned(), id.to_owned()) }
        }
    })
}

fn cursor(order: Order, task: &TaskRow) -> String {
    match order {
        Order::Oldest => task.id.clone(),
        Order::Newest => format!("{NEWEST}{}", task.id),
        Order::Due => format!("{}.{}", task.due_on.as_deref().unwrap_or(NO_DUE_DAY), task.id),
    }
}

pub async fn show(conn: &mut Connection, actor: &Actor, id: &str) -> Result<TaskView, ApiError> {
    let row = tasks::find(conn, id).await?;
    authorise_reading(conn, actor, &row).await?;
    of_row(conn, row).await
}

/// As it is after an act on it.
pub async fn of_row(conn: &mut Connection, row: TaskRow) -> Result<TaskView, ApiError> {
    let progress = store::tasks::progress(conn, &row.id).await?;
    view(conn, &mut Reader::default(), TaskProgressRow { task: row, progress }).await
}

/// In the order given.
pub async fn of_rows(conn: &mut Connection, rows: Vec<TaskRow>) -> Result<Vec<TaskView>, ApiError> {
    let mut reader = Reader::default();
    let mut views = Vec::with_capacity(rows.len());
    for task in rows {
        let progress = store::tasks::progress(conn, &task.id).await?;
        views.push(view(conn, &mut reader, TaskProgressRow { task, progress }).await?);
    }
    Ok(views)
}

/// Somebody's real name.
pub async fn name_of(conn: &mut Connection, account: &str) -> Result<String, ApiError> {
    let row = store::accounts::by_id(conn, account).await?;
    Ok(row.map(|row| row.name).unwrap_or_default())
}

pub async fn department_name(conn: &mut Connection, department: &str) -> Result<String, ApiError> {
    let row = store::departments::by_id(conn, department).await?;
    Ok(row.map(|row| row.name).unwrap_or_default())
}

/// Whoever may read casework of the department may read the task, and those who hold it.
pub async fn authorise_reading(conn: &mut Connection, actor: &Actor, task: &TaskRow) -> Result<(), ApiError> {
    let denied = match authorise(actor, Action::ReadCasework, &task.department) {
        Ok(()) => return Ok(()),
        Err(denied) => denied,
    };
    let own = store::task_assignees::of_visit_and_account(conn, &task.visit, actor.id()).await?;
    match own.is_some_and(|own| own.left_leaf.is_none()) {
        true => Ok(()),
        false => Err(denied),
    }
}

fn visible_to(actor: &Actor, narrowed: TaskFilter) -> Result<TaskFilter, ApiError> {
    let denied = match authorise(actor, Action::ReadCasework, &actor.account.department) {
        Ok(()) => return Ok(TaskFilter { below: actor.reads_below().map(str::to_owned), ..narrowed }),
        Err(denied) => denied,
    };
    match narrowed.assignee.as_deref().is_none_or(|assignee| assignee == actor.id()) {
        true => Ok(TaskFilter { assignee: Some(actor.id().to_owned()), ..narrowed }),
        false => Err(denied),
    }
}

async fn view(
    conn: &mut Connection,
    reader: &mut Reader,
    TaskProgressRow { task: row, progress }: TaskProgressRow,
) -> Result<TaskView, ApiError> {
    let assignees = store::task_assignees::of_task(conn, &row.id).await?;
    let task = reader.matters.task_of(conn, &row, &assignees).await?;
    let mut assignments = Vec::with_capacity(assignees.len());
    for assignee in assignees {
        assignments.push(AssignmentView {
            person: reader.matters.assignee(conn, &assignee.account).await?,
            state: assignee.state,
            assigned_leaf: assignee.assigned_leaf,
            left_leaf: assignee.left_leaf,
        });
    }
    let items = reader.items_of(conn, &row.checklist).await?;
    Ok(TaskView {
        task,
        department: row.department,
        issued_by: row.issued_by,
        ended_at_ms: row.ended_at_ms,
        recall_reason: row.recall_reason,
        assignments,
        progress: progress::of(progress, items)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_another_order_is_told() {
        let id = "0".repeat(32);
        let cursors = [id.clone(), format!("{NEWEST}{id}"), format!("2026-12-01.{id}")];
        for (order, own) in [Order::Oldest, Order::Newest, Order::Due].into_iter().zip(&cursors) {
            for cursor in &cursors {
                assert_eq!(place(order, Some(cursor)).is_ok(), cursor == own, "{order:?}: {cursor}");
            }
            assert!(place(order, None).is_ok());
            assert!(place(order, Some(&own[..own.len() - 1])).is_err(), "cut off");
        }
    }
}
