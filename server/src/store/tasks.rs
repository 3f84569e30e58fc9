//! Tasks. Who holds one is in [`super::task_assignees`].

use super::{CommittedRow, Connection, containing, visits::StoredView};
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

/// What a list of tasks is narrowed to; `None` and `false` do not narrow.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    pub state: Option<String>,
    /// Holds the task now.
    pub assignee: Option<String>,
    pub subject: Option<String>,
    /// The checklist's hash.
    pub checklist: Option<String>,
    /// The department, or one below it.
    pub below: Option<String>,
    /// In the subject's name or code; capital and small letters of ASCII are the same.
    pub named: Option<String>,
    /// Was due before this day, as YYYY-MM-DD, and has not ended.
    pub due_before: Option<String>,
    /// Somebody has to decide between answers.
    pub open_conflicts: bool,
    /// The newest review sent it back.
    pub returned: bool,
    /// Evidence was announced and is not here.
    pub evidence_missing: bool,
    /// Sealed, and nobody has reviewed it.
    pub unreviewed: bool,
}

/// The order of a list, with the place behind which it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOrder {
    /// By time of issue.
    Oldest {
        after: String,
    },
    Newest {
        before: Option<String>,
    },
    /// By due date, those without one last. Day and id of the task before.
    Due {
        after: (String, String),
    },
}

/// Sorts behind every day of the calendar: tasks that are never due.
pub const NO_DUE_DAY: &str = "9999-12-31";
/// Sorts behind every id.
const ID_MAX: &str = "~";

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

/// How far a visit is.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct ProgressRow {
    /// `inspection::visit::VisitView` as JSON; absent while nothing was admitted.
    pub view: Option<StoredView>,
    pub open_conflicts: Option<i64>,
    /// Files that entries name.
    pub evidence_announced: i64,
    pub evidence_held: i64,
    /// Canonical `trace::Body` of the newest entry that counts.
    pub last_body: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TaskProgressRow {
    #[sqlx(flatten)]
    pub task: TaskRow,
    #[sqlx(flatten)]
    pub progress: ProgressRow,
}

/// Tasks with their progress; what they are is said behind it.
macro_rules! with_progress {
    () => {
        "SELECT task.*, visit.view, visit.open_conflicts,
             (SELECT COUNT(DISTINCT a.hash) FROM entry e
                 JOIN announcement a ON a.chain = e.chain AND a.seq = e.seq
                 WHERE e.document = task.visit) AS evidence_announced,
             (SELECT COUNT(DISTINCT a.hash) FROM entry e
                 JOIN announcement a ON a.chain = e.chain AND a.seq = e.seq
                 WHERE e.document = task.visit AND a.held = 1) AS evidence_held,
             (SELECT e.body FROM entry e WHERE e.document = task.visit AND e.verdict = 1
                 ORDER BY e.admitted_leaf DESC, e.leaf DESC, e.seq DESC LIMIT 1) AS last_body
         FROM task LEFT JOIN visit ON visit.document = task.visit "
    };
}

/// The tasks that a [`TaskFilter`] leaves, in parameters 1 to 11.
macro_rules! narrowed {
    () => {
        "FROM task
         WHERE ($1 IS NULL OR task.state = $1)
           AND ($2 IS NULL OR task.subject = $2)
           AND ($3 IS NULL OR EXISTS (
               SELECT 1 FROM task_assignee
               WHERE task_assignee.task = task.id AND task_assignee.account = $3
                 AND task_assignee.left_leaf IS NULL))
           AND ($4 IS NULL OR task.department IN (SELECT id FROM department_scope WHERE above = $4))
           AND ($5 IS NULL OR task.checklist = $5)
           AND ($6 IS NULL OR EXISTS (
               SELECT 1 FROM subject
               WHERE subject.id = task.subject
                 AND (LOWER(subject.name) LIKE $6 ESCAPE '!' OR LOWER(subject.code) LIKE $6 ESCAPE '!')))
           AND ($7 IS NULL OR task.due_on < $7 AND task.state NOT IN ('done', 'recalled'))
           AND ($8 = 0 OR task.visit IN (
               SELECT v.document FROM visit v WHERE v.conflicts > 0 AND v.open_conflicts > 0))
           AND ($9 = 0 OR task.visit IN (
               SELECT r.visit FROM review r
               WHERE r.outcome = 'returned'
                 AND NOT EXISTS (SELECT 1 FROM review n WHERE n.visit = r.visit AND n.id > r.id)))
           AND ($10 = 0 OR task.visit IN (
               SELECT e.document FROM announcement a JOIN entry e ON e.chain = a.chain AND e.seq = a.seq
               WHERE a.held = 0 AND e.document IS NOT NULL))
           AND ($11 = 0 OR task.state = 'done' AND NOT EXISTS (
               SELECT 1 FROM review r WHERE r.visit = task.visit)) "
    };
}

macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {
        $query
            .bind(&$filter.state)
            .bind(&$filter.subject)
            .bind(&$filter.assignee)
            .bind(&$filter.below)
            .bind(&$filter.checklist)
            .bind($filter.named.as_deref().map(containing))
            .bind(&$filter.due_before)
            .bind(i64::from($filter.open_conflicts))
            .bind(i64::from($filter.returned))
            .bind(i64::from($filter.evidence_missing))
            .bind(i64::from($filter.unreviewed))
    };
}

/// A page of tasks. What is shown of each is looked up for the page alone, not for all that are sorted.
pub async fn page_filtered(
    conn: &mut Connection,
    filter: &TaskFilter,
    order: &TaskOrder,
    limit: i64,
) -> Result<Vec<TaskProgressRow>, sqlx::Error> {
    const OLDEST: &str = concat!(
        with_progress!(),
        "WHERE task.id IN (SELECT task.id ",
        narrowed!(),
        "AND task.id > $12 ORDER BY task.id LIMIT $13) ORDER BY task.id"
    );
    const NEWEST: &str = concat!(
        with_progress!(),
        "WHERE task.id IN (SELECT task.id ",
        narrowed!(),
        "AND task.id < $12 ORDER BY task.id DESC LIMIT $13) ORDER BY task.id DESC"
    );
    const DUE: &str = concat!(
        with_progress!(),
        "WHERE task.id IN (SELECT task.id ",
        narrowed!(),
        "AND (COALESCE(task.due_on, $13), task.id) > ($12, $14)
         ORDER BY COALESCE(task.due_on, $13), task.id LIMIT $15)
         ORDER BY COALESCE(task.due_on, $13), task.id"
    );
    match order {
        TaskOrder::Oldest { after } => {
            bind_filter!(sqlx::query_as(OLDEST), filter).bind(after).bind(limit).fetch_all(conn).await
        }
        TaskOrder::Newest { before } => {
            let before = before.as_deref().unwrap_or(ID_MAX);
            bind_filter!(sqlx::query_as(NEWEST), filter).bind(before).bind(limit).fetch_all(conn).await
        }
        TaskOrder::Due { after: (day, id) } => {
            let query = bind_filter!(sqlx::query_as(DUE), filter);
            query.bind(day).bind(NO_DUE_DAY).bind(id).bind(limit).fetch_all(conn).await
        }
    }
}

/// How far one task is.
pub async fn progress(conn: &mut Connection, task: &str) -> Result<ProgressRow, sqlx::Error> {
    const SQL: &str = concat!(with_progress!(), "WHERE task.id = $1");
    sqlx::query_as(SQL).bind(task).fetch_one(conn).await
}

/// How many tasks a filter leaves, by state.
pub async fn count_by_state(
    conn: &mut Connection,
    filter: &TaskFilter,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    const SQL: &str =
        concat!("SELECT task.state, COUNT(*) ", narrowed!(), "GROUP BY task.state ORDER BY task.state");
    bind_filter!(sqlx::query_as(SQL), filter).fetch_all(conn).await
}

/// A step that somebody's phone signed: a receipt or a seal.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StepRow {
    pub account: String,
    pub leaf: i64,
    pub kind: i64,
    /// Canonical `trace::Body`.
    pub body: Vec<u8>,
}

/// Admitted entries of a visit that are of one of two kinds, in the order of the log.
pub async fn steps(
    conn: &mut Connection,
    visit: &str,
    kinds: (i64, i64),
) -> Result<Vec<StepRow>, sqlx::Error> {
    const SQL: &str = "SELECT d.account, e.leaf, e.kind, e.body
        FROM entry e JOIN segment s ON s.leaf = e.leaf JOIN device d ON d.id = s.device
        WHERE e.document = $1 AND e.verdict = 1 AND e.kind IN ($2, $3)
        ORDER BY e.leaf, e.seq";
    sqlx::query_as(SQL).bind(visit).bind(kinds.0).bind(kinds.1).fetch_all(conn).await
}
