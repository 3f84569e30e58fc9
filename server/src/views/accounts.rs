//! Accounts.

use super::paging::{List, Paging};
use crate::{
    ApiError,
    acts::access::{Action, Actor, Roles, accounts, authorise},
    store::{self, Connection, accounts::AccountRow},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct AccountView {
    pub id: String,
    pub login: String,
    pub name: String,
    pub certificate_no: String,
    pub department: String,
    pub roles: Roles,
    pub state: String,
    pub created_at_ms: i64,
    pub changed_at_ms: i64,
}

impl From<AccountRow> for AccountView {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            login: row.login,
            name: row.name,
            certificate_no: row.certificate_no,
            department: row.department,
            roles: Roles::parse(&row.roles),
            state: row.state,
            created_at_ms: row.created_at_ms,
            changed_at_ms: row.changed_at_ms,
        }
    }
}

pub async fn list(
    conn: &mut Connection,
    actor: &Actor,
    paging: &Paging,
) -> Result<List<AccountView>, ApiError> {
    authorise(actor, Action::ReadAccounts, &actor.account.department)?;
    let below = actor.reads_below();
    let rows = store::accounts::page_below(conn, below, paging.after()?, paging.fetch()?).await?;
    paging.list(rows, |row| row.id.clone(), AccountView::from)
}

/// Everybody sees their own account.
pub async fn show(conn: &mut Connection, actor: &Actor, id: &str) -> Result<AccountView, ApiError> {
    if id == actor.id() {
        return Ok(actor.account.clone().into());
    }
    let row = store::accounts::by_id(conn, id).await?.ok_or_else(|| accounts::unknown(id))?;
    authorise(actor, Action::ReadAccounts, &row.department)?;
    Ok(row.into())
}

/// The real name that stands beside what somebody did: whoever may read the deed may read it.
pub async fn name(conn: &mut Connection, id: &str) -> Result<String, ApiError> {
    let row = store::accounts::by_id(conn, id).await?;
    Ok(row.map_or_else(|| id.to_owned(), |row| row.name))
}
