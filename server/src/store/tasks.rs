//! Tasks. Who holds one is in [`super::task_assignees`].

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct TaskRow {
    #[n(0)]
    pub id: String,
    /// The visit document's id, hex.
    #[n(1)]
    pub visit: String,
    #[n(2)]
    pub department: String,
    #[n(3)]
    pub subject: String,
    /// The checklist's hash, hex.
    #[n(4)]
    pub checklist: String,
    #[n(5)]
    pub instructions: String,
    /// YYYY-MM-DD.
    #[n(6)]
    pub due_on: Option<String>,
    /// A task state by its stable name.
    #[n(7)]
    pub state: String,
    #[n(8)]
    pub issued_by: String,
    #[n(9)]
    pub issued_at_ms: i64,
    /// When it was done or recalled.
    #[n(10)]
    pub ended_at_ms: Option<i64>,
    #[n(11)]
    pub recall_reason: Option<String>,
}

impl CommittedRow for TaskRow {
    const TABLE: &'static str = "task";

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// What a list of tasks is narrowed to; `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    pub state: Option<String>,
    /// Holds the task now.
    pub assignee: Option<String>,
    pub subject: Option<String>,
    /// The department, or one below it.
    pub below: Option<String>,
}

pub async fn insert(conn: &mut Connection, row: &TaskRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO task
            (id, visit, department, subject, checklist, instructions, due_on, state, issued_by, issued_at_ms,
             ended_at_ms, recall_reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    sqlx::query(SQL)
        .bind(&row.id)
        .bind(&row.visit)
        .bind(&row.department)
        .bind(&row.subject)
        .bind(&row.checklist)
        .bind(&row.instructions)
        .bind(&row.due_on)
        .bind(&row.state)
        .bind(&row.issued_by)
        .bind(row.issued_at_ms)
        .bind(row.ended_at_ms)
        .bind(&row.recall_reason)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes the columns that a transition changes.
pub async fn save_state(conn: &mut Connection, row: &TaskRow) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE task SET state = $2, ended_at_ms = $3, recall_reason = $4 WHERE id = $1")
        .bind(&row.id)
        .bind(&row.state)
        .bind(row.ended_at_ms)
        .bind(&row.recall_reason)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_id(conn: &mut Connection, id: &str) -> Result<Option<TaskRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM task WHERE id = $1").bind(id).fetch_optional(conn).await
}

pub async fn by_visit(conn: &mut Connection, visit: &str) -> Result<Option<TaskRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM task WHERE visit = $1").bind(visit).fetch_optional(conn).await
}

/// In the order of ids, behind `after`.
pub async fn page_filtered(
    conn: &mut Connection,
    filter: &TaskFilter,
    after: &str,
    limit: i64,
) -> Result<Vec<TaskRow>, sqlx::Error> {
    const SQL: &str = "SELECT * FROM task
        WHERE id > $1
          AND ($2 IS NULL OR state = $2)
          AND ($3 IS NULL OR subject = $3)
          AND ($4 IS NULL OR EXISTS (
              SELECT 1 FROM task_assignee
              WHERE task_assignee.task = task.id AND task_assignee.account = $4
                AND task_assignee.left_leaf IS NULL))
          AND ($5 IS NULL OR department IN (SELECT id FROM department_scope WHERE above = $5))
        ORDER BY id LIMIT $6";
    sqlx::query_as(SQL)
        .bind(after)
        .bind(&filter.state)
        .bind(&filter.subject)
        .bind(&filter.assignee)
        .bind(&filter.below)
        .bind(limit)
        .fetch_all(conn)
        .await
}
