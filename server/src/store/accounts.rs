//! Accounts: who may sign in, under which real name, in which roles.

use super::{CommittedRow, Connection};
use minicbor::{Decode, Encode};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, sqlx::FromRow)]
pub struct AccountRow {
    #[n(0)]
    pub id: String,
    /// Lower case.
    #[n(1)]
    pub login: String,
    /// Real name.
    #[n(2)]
    pub name: String,
    #[n(3)]
    pub certificate_no: String,
    #[n(4)]
    pub department: String,
    /// Sorted, separated by commas.
    #[n(5)]
    pub roles: String,
    #[n(6)]
    pub state: String,
    #[n(7)]
    pub created_at_ms: i64,
    #[n(8)]
    pub changed_at_ms: i64,
}

impl CommittedRow for AccountRow {
    const TABLE: &'static str = "account";

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// Inserts the row or replaces all columns that may change.
pub async fn save(conn: &mut Connection, row: &AccountRow) -> Result<(), sqlx::Error> {
    const SQL: &str = "INSERT INTO account
            (id, login, name, certificate_no, department, roles, state, created_at_ms, changed_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET
            name = excluded.name, certificate_no = excluded.certificate_no, department = excluded.department,
            roles = excluded.roles, state = excluded.state, changed_at_ms = excluded.changed_at_ms";
    sqlx::query(SQL)
        .bind(&row.id)
        .bind(&row.login)
        .bind(&row.name)
        .bind(&row.certificate_no)
        .bind(&row.department)
        .bind(&row.roles)
        .bind(&row.state)
        .bind(row.created_at_ms)
        .bind(row.changed_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn by_id(conn: &mut Connection, id: &str) -> Result<Option<AccountRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM account WHERE id = $1").bind(id).fetch_optional(conn).await
}

pub async fn by_login(conn: &mut Connection, login: &str) -> Result<Option<AccountRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM account WHERE login = $1").bind(login).fetch_optional(conn).await
}

/// In the order of ids, behind `after`; of the department `below` and those below it, of all when absent.
pub async fn page_below(
    conn: &mut Connection,
    below: Option<&str>,
    after: &str,
    limit: i64,
) -> Result<Vec<AccountRow>, sqlx::Error> {
    const SQL: &str = "SELECT * FROM account
        WHERE id > $1
          AND ($2 IS NULL OR department IN (SELECT id FROM department_scope WHERE above = $2))
        ORDER BY id LIMIT $3";
    sqlx::query_as(SQL).bind(after).bind(below).bind(limit).fetch_all(conn).await
}

/// Somebody who can be given a task.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct InspectorRow {
    pub id: String,
    pub name: String,
    pub certificate_no: String,
    pub department_name: String,
    /// Tasks held now that are not sealed.
    pub tasks_under_way: i64,
}

/// Active inspectors: those of the department and below it first.
pub async fn inspectors(
    conn: &mut Connection,
    department: &str,
    limit: i64,
) -> Result<Vec<InspectorRow>, sqlx::Error> {
    const SQL: &str = "SELECT a.id, a.name, a.certificate_no, d.name AS department_name,
            (SELECT COUNT(*) FROM task_assignee s
                WHERE s.account = a.id AND s.left_leaf IS NULL AND s.state NOT IN ('done', 'recalled'))
                AS tasks_under_way
        FROM account a JOIN department d ON d.id = a.department
        WHERE a.state = 'active' AND ',' || a.roles || ',' LIKE '%,inspector,%'
        ORDER BY a.department NOT IN (SELECT id FROM department_scope WHERE above = $1),
            d.name, a.name, a.id
        LIMIT $2";
    sqlx::query_as(SQL).bind(department).bind(limit).fetch_all(conn).await
}
