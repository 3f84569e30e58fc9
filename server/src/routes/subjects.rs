//! Inspected parties.

use super::{
    extract::{Json, OneOrMany, Path, Query, SignedIn},
    paging::{List, Paging},
};
use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, authorise},
        registry::subjects::{self, NewSubject},
    },
    store::{self, subjects::SubjectRow},
};
use axum::{extract::State, http::StatusCode};
use serde::Serialize;

/// Degrees × 10⁷.
const E7: f64 = 1e7;

#[derive(Serialize)]
pub struct SubjectView {
    id: String,
    department: String,
    code: String,
    name: String,
    address: String,
    category: String,
    legal_representative: String,
    phone: String,
    /// Degrees, WGS-84.
    latitude: Option<f64>,
    longitude: Option<f64>,
    source_datum: Option<String>,
    registered_at_ms: i64,
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

pub async fn list(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<List<SubjectView>>, ApiError> {
    let mut conn = state.store.read().await?;
    let below = actor.reads_below();
    let rows = store::subjects::page_below(&mut conn, below, paging.after(), paging.fetch()?).await?;
    Ok(axum::Json(paging.list(rows, |row| row.id.clone(), SubjectView::from)?))
}

pub async fn show(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Path(id): Path,
) -> Result<axum::Json<SubjectView>, ApiError> {
    let mut conn = state.store.read().await?;
    let unknown = || ApiError::not_found("subject.unknown", format!("no subject {id}"));
    let row = store::subjects::by_id(&mut conn, &id).await?.ok_or_else(unknown)?;
    authorise(&actor, Action::ReadRegister, &row.department)?;
    Ok(axum::Json(row.into()))
}

/// Registers one or many, all or none; they come back in the order given.
pub async fn register(
    State(state): State<AppState>,
    SignedIn { actor, .. }: SignedIn,
    Json(OneOrMany(subjects)): Json<OneOrMany<NewSubject>>,
) -> Result<(StatusCode, axum::Json<List<SubjectView>>), ApiError> {
    let rows = subjects::register(&state, &actor, subjects).await?;
    let items = rows.into_iter().map(SubjectView::from).collect();
    Ok((StatusCode::CREATED, axum::Json(List { items, next: None })))
}
