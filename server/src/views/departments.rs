//! Departments.

use super::paging::{List, Paging};
use crate::{
    ApiError,
    acts::access::Actor,
    store::{self, Connection, departments::DepartmentRow},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct DepartmentView {
    pub id: String,
    pub parent: Option<String>,
    pub name: String,
    pub created_at_ms: i64,
}

impl From<DepartmentRow> for DepartmentView {
    fn from(row: DepartmentRow) -> Self {
        Self { id: row.id, parent: row.parent, name: row.name, created_at_ms: row.created_at_ms }
    }
}

/// One's own department and those below it.
pub async fn list(
    conn: &mut Connection,
    actor: &Actor,
    paging: &Paging,
) -> Result<List<DepartmentView>, ApiError> {
    let below = actor.reads_below();
    let rows = store::departments::page_below(conn, below, paging.after()?, paging.fetch()?).await?;
    paging.list(rows, |row| row.id.clone(), DepartmentView::from)
}
