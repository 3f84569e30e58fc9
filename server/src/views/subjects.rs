//! Inspected parties: searched, shown, and their dossier.

pub mod dossier;

pub use dossier::{Dossier, DossierFinding, DossierTask, SubjectVersion, dossier};

use super::{
    paging::{List, Paging},
    words::words,
};
use crate::{
    ApiError,
    acts::{
        access::{Action, Actor, authorise},
        registry::subjects,
    },
    store::{
        self, Connection,
        subjects::{SubjectFilter, SubjectRow, degrees},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Serialize, ToSchema)]
pub struct SubjectView {
    pub id: String,
    pub department: String,
    pub code: String,
    pub name: String,
    pub address: String,
    pub category: String,
    pub legal_representative: String,
    pub phone: String,
    /// Degrees, WGS-84.
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub source_datum: Option<String>,
    pub registered_at_ms: i64,
}

impl From<SubjectRow> for SubjectView {
    fn from(row: SubjectRow) -> Self {
        Self {
            id: row.id,
            department: row.department,
            code: row.code,
            name: row.name,
            address: row.address,
            category: row.category,
            legal_representative: row.legal_representative,
            phone: row.phone,
            latitude: row.latitude_e7.map(degrees),
            longitude: row.longitude_e7.map(degrees),
            source_datum: row.source_datum,
            registered_at_ms: row.registered_at_ms,
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubjectQuery {
    /// Part of the name, the code or the address.
    #[param(max_length = 64)]
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<i64>,
}

/// Of one's own department and those below it; auditors read all.
pub async fn list(
    conn: &mut Connection,
    actor: &Actor,
    query: SubjectQuery,
) -> Result<List<SubjectView>, ApiError> {
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let filter = visible_to(actor, query.q.as_deref())?;
    let rows = store::subjects::page_filtered(conn, &filter, paging.after()?, paging.fetch()?).await?;
    paging.list(rows, |row| row.id.clone(), SubjectView::from)
}

/// What the actor may read, narrowed to what contains the words typed.
pub(super) fn visible_to(actor: &Actor, typed: Option<&str>) -> Result<SubjectFilter, ApiError> {
    Ok(SubjectFilter { text: words(typed)?, below: actor.reads_below().map(str::to_owned) })
}

pub async fn show(conn: &mut Connection, actor: &Actor, id: &str) -> Result<SubjectView, ApiError> {
    find(conn, actor, id).await.map(SubjectView::from)
}

async fn find(conn: &mut Connection, actor: &Actor, id: &str) -> Result<SubjectRow, ApiError> {
    let row = subjects::find(conn, id).await?;
    authorise(actor, Action::ReadRegister, &row.department)?;
    Ok(row)
}
