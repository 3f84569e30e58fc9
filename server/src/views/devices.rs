//! Devices.

use super::paging::{List, Paging};
use crate::{
    ApiError,
    acts::access::{Action, Actor, authorise},
    store::{self, Connection, devices::DeviceRow},
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct DeviceView {
    pub id: String,
    pub account: String,
    pub name: String,
    /// The server holds its key: with it somebody's decisions at the console are signed. Of a phone the
    /// phone does.
    pub desk: bool,
    pub enrolled_at_ms: i64,
    pub revoked_at_ms: Option<i64>,
    pub revoked_reason: Option<String>,
}

impl From<DeviceRow> for DeviceView {
    fn from(row: DeviceRow) -> Self {
        Self {
            desk: row.is_desk(),
            id: row.id,
            account: row.account,
            name: row.name,
            enrolled_at_ms: row.enrolled_at_ms,
            revoked_at_ms: row.revoked_at_ms,
            revoked_reason: row.revoked_reason,
        }
    }
}

/// Those who keep devices see all of them; everybody sees their own.
pub async fn list(
    conn: &mut Connection,
    actor: &Actor,
    paging: &Paging,
) -> Result<List<DeviceView>, ApiError> {
    let (after, fetch) = (paging.after()?, paging.fetch()?);
    let rows = match authorise(actor, Action::ReadDevices, &actor.account.department) {
        Ok(()) => store::devices::page_below(conn, actor.reads_below(), after, fetch).await?,
        Err(_) => store::devices::page_of_account(conn, actor.id(), after, fetch).await?,
    };
    paging.list(rows, |row| row.id.clone(), DeviceView::from)
}
