//! Registering inspected parties (监管对象), any number in one act.

use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise, commit_as},
        new_id, text,
    },
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, subjects::SubjectRow},
};
use futures::FutureExt;
use serde::Deserialize;
use serde_json::json;

/// One act over this many rows stays below a MiB of body.
pub const SUBJECTS_MAX: usize = 5_000;
/// Degrees × 10⁷.
const E7: f64 = 1e7;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSubject {
    /// The actor's own when absent.
    #[serde(default)]
    pub department: Option<String>,
    pub name: String,
    #[serde(default)]
    pub address: String,
    /// Organisation code or licence number. A wrong check digit is no reason to refuse.
    #[serde(default)]
    pub code: String,
    /// Trade, or class of risk.
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub legal_representative: String,
    #[serde(default)]
    pub phone: String,
    /// Degrees, WGS-84.
    #[serde(default)]
    pub latitude: Option<f64>,
    #[serde(default)]
    pub longitude: Option<f64>,
    /// What the coordinates were given in before they were converted: WGS-84, GCJ-02, CGCS2000.
    #[serde(default)]
    pub source_datum: Option<String>,
}

/// Registers all of them or none, and returns them in the order given.
pub async fn register(
    state: &AppState,
    actor: &Actor,
    subjects: Vec<NewSubject>,
) -> Result<Vec<SubjectRow>, ApiError> {
    if subjects.is_empty() || subjects.len() > SUBJECTS_MAX {
        let detail = format!("1 to {SUBJECTS_MAX} subjects at a time");
        return Err(ApiError::unprocessable("subject.wrong_count", detail));
    }
    let mut rows = Vec::with_capacity(subjects.len());
    for (at, subject) in subjects.into_iter().enumerate() {
        rows.push(plan(actor, subject).map_err(|error| error.at(format!("subjects[{at}]")))?);
    }
    let by = actor.id().to_owned();
    let committed = commit_as(state, actor, move |tx| insert(tx, by, rows).boxed());
    Ok(committed.await?.output)
}

fn plan(actor: &Actor, new: NewSubject) -> Result<SubjectRow, ApiError> {
    let department = new.department.unwrap_or_else(|| actor.account.department.clone());
    authorise(actor, Action::ManageRegister, &department)?;
    let place = place(new.latitude, new.longitude)?;
    let source_datum = match (place, new.source_datum) {
        (Some(_), Some(datum)) => Some(text::line("source_datum", &datum)?),
        (Some(_), None) => Some("WGS-84".to_owned()),
        (None, _) => None,
    };
    Ok(SubjectRow {
        id: new_id(),
        department,
        code: text::optional_line("code", &new.code)?,
        name: text::line("name", &new.name)?,
        address: text::optional_line("address", &new.address)?,
        category: text::optional_line("category", &new.category)?,
        legal_representative: text::optional_line("legal_representative", &new.legal_representative)?,
        phone: text::optional_line("phone", &new.phone)?,
        latitude_e7: place.map(|(latitude, _)| latitude),
        longitude_e7: place.map(|(_, longitude)| longitude),
        source_datum,
        registered_at_ms: 0,
    })
}

fn place(latitude: Option<f64>, longitude: Option<f64>) -> Result<Option<(i64, i64)>, ApiError> {
    let refused = |detail: &str| Err(ApiError::unprocessable("subject.bad_place", detail));
    match (latitude, longitude) {
        (None, None) => Ok(None),
        (Some(latitude), Some(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Ok(Some(((latitude * E7).round() as i64, (longitude * E7).round() as i64)))
        }
        (Some(_), Some(_)) => refused("latitude is within ±90 and longitude within ±180 degrees"),
        _ => refused("latitude and longitude come together"),
    }
}

async fn insert(
    tx: &mut Tx,
    actor: String,
    mut subjects: Vec<SubjectRow>,
) -> Result<Vec<SubjectRow>, ApiError> {
    let registered_at_ms = tx.now_ms();
    let mut rows = Vec::with_capacity(subjects.len());
    for subject in &mut subjects {
        subject.registered_at_ms = registered_at_ms;
        store::subjects::insert(tx.conn(), subject).await?;
        rows.push(subject.commitment());
    }
    let detail = json!({ "count": subjects.len() });
    tx.act(NewAct { kind: "subjects.registered", actor: Some(actor), detail, rows, blobs: Vec::new() })
        .await?;
    Ok(subjects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_kept_to_a_centimetre_and_half_a_place_is_refused() {
        assert_eq!(
            place(Some(42.335696), Some(-83.048647)).expect("a place"),
            Some((423_356_960, -830_486_470))
        );
        assert_eq!(place(None, None).expect("no place"), None);
        assert!(place(Some(1.0), None).is_err());
        assert!(place(Some(f64::NAN), Some(0.0)).is_err());
        assert!(place(Some(0.0), Some(181.0)).is_err());
    }
}
