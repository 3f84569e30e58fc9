//! Who holds which task, from which leaf and until which.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct TaskAssigneeRow {
    #[n(0)]
    pub task: String,
    #[n(1)]
    pub account: String,
    /// The task's visit document, hex.
    #[n(2)]
    pub visit: String,
    /// Place in the list of assignees; the first leads.
    #[n(3)]
    pub ordinal: i64,
    /// How far this assignee is, by the task state's stable name.
    #[n(4)]
    pub state: String,
    #[n(5)]
    pub assigned_leaf: i64,
    /// The leaf at which the account lost the task; absent while it holds it.
    #[n(6)]
    pub left_leaf: Option<i64>,
}

impl CommittedRow for TaskAssigneeRow {
    const TABLE: &'static str = "task_assignee";

    fn key(&self) -> String {
        format!("{}/{}", self.task, self.account)
    }
}

/// Inserts the row or replaces all columns that may change.
pub async fn save(conn: &mut Connection, row: &TaskAssigneeRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO task_assignee
            (task, account, visit, ordinal, state, assigned_leaf, left_leaf)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (task, account) DO UPDATE SET
            ordinal = excluded.ordinal, state = excluded.state, assigned_leaf = excluded.assigned_leaf,
            left_leaf = excluded.left_leaf";
    sqlx::query(SQL)
        .bind(&row.task)
        .bind(&row.account)
        .bind(&row.visit)
        .bind(row.ordinal)
        .bind(&row.state)
        .bind(row.assigned_leaf)
        .bind(row.left_leaf)
        .execute(conn)
        .await?;
    Ok(())
}

/// Everybody who holds the task, in list order, then those who held it.
pub async fn of_task(conn: &mut Connection, task: &str) -> Result<Vec<TaskAssigneeRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM task_assignee WHERE task = $1 ORDER BY left_leaf IS NOT NULL, ordinal, account",
    )
    .bind(task)
    .fetch_all(conn)
    .await
}

/// Everybody who holds the visit's task, in list order, then those who held it.
pub async fn of_visit(conn: &mut Connection, visit: &str) -> Result<Vec<TaskAssigneeRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM task_assignee WHERE visit = $1 ORDER BY left_leaf IS NOT NULL, ordinal, account",
    )
    .bind(visit)
    .fetch_all(conn)
    .await
}

/// What one account has to do with one visit; decides access.
pub async fn of_visit_and_account(
    conn: &mut Connection,
    visit: &str,
    account: &str,
) -> Result<Option<TaskAssigneeRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM task_assignee WHERE visit = $1 AND account = $2")
        .bind(visit)
        .bind(account)
        .fetch_optional(conn)
        .await
}
