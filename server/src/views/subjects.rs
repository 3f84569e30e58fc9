//! Inspected parties: searched, shown, and their dossier.

pub mod dossier;

pub use dossier::{Dossier, DossierFinding, DossierTask, SubjectVersion, dossier};

use super::paging::{List, Paging};
use crate::{
    ApiError,
    acts::access::{Action, Actor, authorise},
    store::{
        self, Connection,
        subjects::{SubjectFilter, SubjectRow},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Degrees × 10⁷.
const E7: f64 = 1e7;
/// A name or an address, or what somebody remembers of it.
const SEARCH_CHARS_MAX: usize = 64;

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
        let degrees = |e7: Option<i64>| e7.map(|e7| e7 as f64 / E7);
        Self {
            id: row.id,
            department: row.department,
            code: row.code,
            name: row.name,
            address: row.address,
            category: row.category,
            legal_representative: row.legal_representative,
            phone: row.phone,
            latitude: degrees(row.latitude_e7),
            longitude: degrees(row.longitude_e7),
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
    let rows = store::subjects::page_filtered(conn, &filter, paging.after(), paging.fetch()?).await?;
    paging.list(rows, |row| row.id.clone(), SubjectView::from)
}

/// What the actor may read, narrowed to what contains `words`.
pub(super) fn visible_to(actor: &Actor, words: Option<&str>) -> Result<SubjectFilter, ApiError> {
    let words = words.map(str::trim).filter(|words| !words.is_empty());
    if words.is_some_and(|words| words.chars().nth(SEARCH_CHARS_MAX).is_some()) {
        let detail = format!("q: at most {SEARCH_CHARS_MAX} characters");
        return Err(ApiError::bad_request("request.wrong_query", detail));
    }
    let below = actor.reads_below().map(str::to_owned);
    Ok(SubjectFilter { text: words.map(str::to_owned), below })
}

pub async fn show(conn: &mut Connection, actor: &Actor, id: &str) -> Result<SubjectView, ApiError> {
    find(conn, actor, id).await.map(SubjectView::from)
}

async fn find(conn: &mut Connection, actor: &Actor, id: &str) -> Result<SubjectRow, ApiError> {
    let unknown = || ApiError::not_found("subject.unknown", format!("no subject {id}"));
    let row = store::subjects::by_id(conn, id).await?.ok_or_else(unknown)?;
    authorise(actor, Action::ReadRegister, &row.department)?;
    Ok(row)
}
