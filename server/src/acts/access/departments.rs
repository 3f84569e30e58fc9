//! Founding departments.

use super::{Action, Actor, accounts::DATA_FOLDER, authorise, commit_as};
use crate::{
    ApiError, AppState,
    acts::{new_id, text},
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, departments::DepartmentRow},
};
use futures::FutureExt;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

/// From the ministry to a street office are six; what everybody may see is worked out over all of them.
const LEVELS_MAX: usize = 16;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDepartment {
    #[schema(value_type = text::Line)]
    pub name: String,
    /// The department above; the actor's own when absent.
    #[serde(default)]
    pub parent: Option<String>,
}

/// Founds a department below one the actor administers.
pub async fn create(state: &AppState, actor: &Actor, new: NewDepartment) -> Result<DepartmentRow, ApiError> {
    let parent = new.parent.unwrap_or_else(|| actor.account.department.clone());
    authorise(actor, Action::FoundDepartment, &parent)?;
    let name = text::line("name", &new.name)?;
    let by = actor.id().to_owned();
    let committed = commit_as(state, actor, move |tx| found(tx, Some(by), Some(parent), name).boxed());
    Ok(committed.await?.output)
}

/// Writes row and act of a department whose name is free.
pub async fn found(
    tx: &mut Tx,
    actor: Option<String>,
    parent: Option<String>,
    name: String,
) -> Result<DepartmentRow, ApiError> {
    if store::departments::by_name(tx.conn(), &name).await?.is_some() {
        return Err(ApiError::conflict("department.name_taken", format!("there is a department {name}")));
    }
    if let Some(parent) = &parent
        && store::departments::levels(tx.conn(), parent).await? >= LEVELS_MAX
    {
        let detail = format!("departments are nested {LEVELS_MAX} deep at most");
        return Err(ApiError::conflict("department.too_deep", detail));
    }
    let row = DepartmentRow { id: new_id(), parent, name, created_at_ms: tx.now_ms() };
    store::departments::insert(tx.conn(), &row).await?;
    let mut detail = json!({ "id": row.id, "parent": row.parent, "name": row.name });
    if actor.is_none() {
        detail["by"] = DATA_FOLDER.into();
    }
    tx.act(NewAct {
        kind: "department.created",
        actor,
        detail,
        rows: vec![row.commitment()],
        blobs: Vec::new(),
    })
    .await?;
    Ok(row)
}
