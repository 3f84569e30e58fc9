//! Departments and which is below which.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct DepartmentRow {
    #[n(0)]
    pub id: String,
    #[n(1)]
    pub parent: Option<String>,
    #[n(2)]
    pub name: String,
    #[n(3)]
    pub created_at_ms: i64,
}

impl CommittedRow for DepartmentRow {
    const TABLE: &'static str = "department";

    fn key(&self) -> String {
        self.id.clone()
    }
}

pub async fn insert(conn: &mut Connection, row: &DepartmentRow) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO department (id, parent, name, created_at_ms) VALUES ($1, $2, $3, $4)")
        .bind(&row.id)
        .bind(&row.parent)
        .bind(&row.name)
        .bind(row.created_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_id(conn: &mut Connection, id: &str) -> Result<Option<DepartmentRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM department WHERE id = $1").bind(id).fetch_optional(conn).await
}

pub async fn by_name(conn: &mut Connection, name: &str) -> Result<Option<DepartmentRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM department WHERE name = $1").bind(name).fetch_optional(conn).await
}

/// The department and all below it.
pub async fn at_or_below(conn: &mut Connection, id: &str) -> Result<BTreeSet<String>, sqlx::Error> {
    // Not through the view, which works out all departments' scopes first; every request asks this.
    const SQL: &str = "WITH RECURSIVE scope (id) AS (
            SELECT id FROM department WHERE id = $1
            UNION
            SELECT department.id FROM scope JOIN department ON department.parent = scope.id
        )
        SELECT id FROM scope";
    let ids: Vec<String> = sqlx::query_scalar(SQL).bind(id).fetch_all(conn).await?;
    Ok(ids.into_iter().collect())
}

/// How many there are from the top down to this one, both counted.
pub async fn levels(conn: &mut Connection, id: &str) -> Result<usize, sqlx::Error> {
    const SQL: &str = "WITH RECURSIVE above (id, parent) AS (
            SELECT id, parent FROM department WHERE id = $1
            UNION
            SELECT department.id, department.parent FROM above JOIN department ON department.id = above.parent
        )
        SELECT COUNT(*) FROM above";
    let levels: i64 = sqlx::query_scalar(SQL).bind(id).fetch_one(conn).await?;
    Ok(usize::try_from(levels).unwrap_or_default())
}

/// One that has none above it.
pub async fn top(conn: &mut Connection) -> Result<Option<DepartmentRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM department WHERE parent IS NULL ORDER BY id LIMIT 1")
        .fetch_optional(conn)
        .await
}

/// In the order of ids, behind `after`; of the department `below` and those below it, of all when absent.
pub async fn page_below(
    conn: &mut Connection,
    below: Option<&str>,
    after: &str,
    limit: i64,
) -> Result<Vec<DepartmentRow>, sqlx::Error> {
    const SQL: &str = "SELECT * FROM department
        WHERE id > $1 AND ($2 IS NULL OR id IN (SELECT id FROM department_scope WHERE above = $2))
        ORDER BY id LIMIT $3";
    sqlx::query_as(SQL).bind(after).bind(below).bind(limit).fetch_all(conn).await
}
