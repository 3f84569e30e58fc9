//! Who can be given a task. Joint visits join departments, so it is every active inspector.

use crate::{
    ApiError,
    acts::access::{Action, Actor, authorise},
    store::{self, Connection, accounts::InspectorRow},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A county's inspectors; more are a choice that nobody makes from a list.
const INSPECTORS_MAX: i64 = 300;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InspectorView {
    pub account: String,
    pub name: String,
    pub certificate_no: String,
    /// By name.
    pub department: String,
    /// Tasks they hold and have not sealed.
    pub tasks_under_way: i64,
}

/// Of the actor's own departments first, then by department and name.
pub async fn list(conn: &mut Connection, actor: &Actor) -> Result<Vec<InspectorView>, ApiError> {
    authorise(actor, Action::DispatchTasks, &actor.account.department)?;
    let rows = store::accounts::inspectors(conn, &actor.account.department, INSPECTORS_MAX).await?;
    Ok(rows.into_iter().map(view).collect())
}

fn view(row: InspectorRow) -> InspectorView {
    InspectorView {
        account: row.id,
        name: row.name,
        certificate_no: row.certificate_no,
        department: row.department_name,
        tasks_under_way: row.tasks_under_way,
    }
}
