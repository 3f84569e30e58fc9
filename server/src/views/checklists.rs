//! Checklists. Everybody who is signed in may read them: visits join departments.

use super::paging::{List, Paging};
use crate::{
    ApiError,
    store::{self, Connection, checklists::ChecklistRow},
};
use liuhen_inspection::checklist::Checklist;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ChecklistView {
    pub hash: String,
    pub department: String,
    pub code: String,
    pub version: i64,
    pub title: String,
    pub registered_at_ms: i64,
    /// Absent from lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
}

impl From<ChecklistRow> for ChecklistView {
    fn from(row: ChecklistRow) -> Self {
        Self {
            hash: row.hash,
            department: row.department,
            code: row.code,
            version: row.version,
            title: row.title,
            registered_at_ms: row.registered_at_ms,
            checklist: None,
        }
    }
}

pub async fn list(conn: &mut Connection, paging: &Paging) -> Result<List<ChecklistView>, ApiError> {
    let rows = store::checklists::page(conn, paging.after()?, paging.fetch()?).await?;
    paging.list(rows, |row| row.hash.clone(), ChecklistView::from)
}

/// With its items.
pub async fn show(conn: &mut Connection, hash: &str) -> Result<ChecklistView, ApiError> {
    let unknown = || ApiError::not_found("checklist.unknown", format!("no checklist {hash}"));
    let row = store::checklists::by_hash(conn, hash).await?.ok_or_else(unknown)?;
    let checklist =
        Checklist::from_bytes(&row.bytes).map_err(|refusal| ApiError::internal(refusal.to_string()))?;
    Ok(ChecklistView { checklist: Some(checklist), ..row.into() })
}

/// A version as a file. Handed in again it is the same version, and with a higher number the beginning
/// of the next.
pub struct ChecklistFile {
    pub file_name: String,
    pub json: Vec<u8>,
}

pub async fn file(conn: &mut Connection, hash: &str) -> Result<ChecklistFile, ApiError> {
    let view = show(conn, hash).await?;
    let file_name = format!("{}-v{}.json", view.code, view.version);
    Ok(ChecklistFile { file_name, json: serde_json::to_vec_pretty(&view.checklist)? })
}
