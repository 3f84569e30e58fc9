//! Registering inspected parties (监管对象), any number in one act, and changing one. What a party was
//! before stays readable, version by version.

use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise, commit_as},
        new_id, text,
    },
    ledger::{NewAct, Tx},
    store::{
        self, CommittedRow as _, Connection,
        subjects::{SubjectRow, SubjectVersionRow, e7},
    },
};
use futures::FutureExt;
use liuhen_trace::act::RowCommitment;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

/// One act over this many rows stays below a MiB of body.
pub const SUBJECTS_MAX: usize = 5_000;
/// What coordinates are in where nobody says otherwise.
const WGS_84: &str = "WGS-84";

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubject {
    /// The actor's own when absent.
    #[serde(default)]
    pub department: Option<String>,
    #[schema(value_type = text::Line)]
    pub name: String,
    #[serde(default)]
    #[schema(value_type = text::OptionalLine)]
    pub address: String,
    /// Organisation code or licence number. A wrong check digit is no reason to refuse.
    #[serde(default)]
    #[schema(value_type = text::OptionalLine)]
    pub code: String,
    /// Trade, or class of risk.
    #[serde(default)]
    #[schema(value_type = text::OptionalLine)]
    pub category: String,
    #[serde(default)]
    #[schema(value_type = text::OptionalLine)]
    pub legal_representative: String,
    #[serde(default)]
    #[schema(value_type = text::OptionalLine)]
    pub phone: String,
    /// Degrees, WGS-84.
    #[serde(default)]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    #[serde(default)]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
    /// What the coordinates were given in before they were converted: WGS-84, GCJ-02, CGCS2000.
    #[serde(default)]
    #[schema(value_type = Option<text::Line>)]
    pub source_datum: Option<String>,
}

/// What is to be different; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectChange {
    #[schema(value_type = Option<text::Line>)]
    pub name: Option<String>,
    #[schema(value_type = Option<text::OptionalLine>)]
    pub address: Option<String>,
    #[schema(value_type = Option<text::OptionalLine>)]
    pub code: Option<String>,
    #[schema(value_type = Option<text::OptionalLine>)]
    pub category: Option<String>,
    #[schema(value_type = Option<text::OptionalLine>)]
    pub legal_representative: Option<String>,
    #[schema(value_type = Option<text::OptionalLine>)]
    pub phone: Option<String>,
    pub place: Option<PlaceChange>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PlaceChange {
    Removed,
    /// Degrees, WGS-84.
    Moved {
        #[schema(minimum = -90, maximum = 90)]
        latitude: f64,
        #[schema(minimum = -180, maximum = 180)]
        longitude: f64,
    },
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
        (Some(_), None) => Some(WGS_84.to_owned()),
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

/// Changes one party. A change that changes nothing is none.
pub async fn change(
    state: &AppState,
    actor: &Actor,
    id: &str,
    change: SubjectChange,
) -> Result<SubjectRow, ApiError> {
    let mut conn = state.store.read().await?;
    let present = find(&mut conn, id).await?;
    // A reader is not kept while the writer is waited for.
    drop(conn);
    authorise(actor, Action::ManageRegister, &present.department)?;
    let (id, by) = (id.to_owned(), actor.id().to_owned());
    let committed = commit_as(state, actor, move |tx| {
        async move {
            let before = find(tx.conn(), &id).await?;
            let after = changed(&before, change)?;
            if after == before {
                return Ok(before);
            }
            let rows = replace(tx, &by, before, &after).await?;
            let detail = json!({ "subject": after.id });
            let act = NewAct {
                kind: "subject.changed",
                actor: Some(by),
                detail,
                rows: rows.into(),
                blobs: Vec::new(),
            };
            tx.act(act).await?;
            Ok(after)
        }
        .boxed()
    });
    Ok(committed.await?.output)
}

pub async fn find(conn: &mut Connection, id: &str) -> Result<SubjectRow, ApiError> {
    let unknown = || ApiError::not_found("subject.unknown", format!("no subject {id}"));
    store::subjects::by_id(conn, id).await?.ok_or_else(unknown)
}

fn changed(before: &SubjectRow, change: SubjectChange) -> Result<SubjectRow, ApiError> {
    let mut after = before.clone();
    if let Some(name) = change.name {
        after.name = text::line("name", &name)?;
    }
    let lines = [
        ("address", change.address, &mut after.address),
        ("code", change.code, &mut after.code),
        ("category", change.category, &mut after.category),
        ("legal_representative", change.legal_representative, &mut after.legal_representative),
        ("phone", change.phone, &mut after.phone),
    ];
    for (field, line, present) in lines {
        if let Some(line) = line {
            *present = text::optional_line(field, &line)?;
        }
    }
    match change.place {
        None => {}
        Some(PlaceChange::Removed) => {
            (after.latitude_e7, after.longitude_e7, after.source_datum) = (None, None, None);
        }
        Some(PlaceChange::Moved { latitude, longitude }) => {
            let moved = place(Some(latitude), Some(longitude))?;
            let present = after.latitude_e7.zip(after.longitude_e7);
            if moved != present {
                (after.latitude_e7, after.longitude_e7) = moved.unzip();
                after.source_datum = Some(WGS_84.to_owned());
            }
        }
    }
    Ok(after)
}

/// Writes the change and keeps what was before, for the act to list.
pub(super) async fn replace(
    tx: &mut Tx,
    by: &str,
    before: SubjectRow,
    after: &SubjectRow,
) -> Result<[RowCommitment; 2], ApiError> {
    let version = SubjectVersionRow {
        version: store::subjects::present_version(tx.conn(), &before.id).await?,
        subject: before,
        replaced_at_ms: tx.now_ms(),
        replaced_by: by.to_owned(),
    };
    store::subjects::insert_version(tx.conn(), &version).await?;
    store::subjects::update(tx.conn(), after).await?;
    Ok([after.commitment(), version.commitment()])
}

fn place(latitude: Option<f64>, longitude: Option<f64>) -> Result<Option<(i64, i64)>, ApiError> {
    let refused = |detail: &str| Err(ApiError::unprocessable("subject.bad_place", detail));
    match (latitude, longitude) {
        (None, None) => Ok(None),
        (Some(latitude), Some(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Ok(Some((e7(latitude), e7(longitude))))
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
    fn a_place_that_moves_is_in_wgs_84_and_one_that_stays_keeps_its_datum() {
        let before = SubjectRow {
            id: "1".into(),
            department: "d".into(),
            name: "某餐馆".into(),
            latitude_e7: Some(399_000_000),
            longitude_e7: Some(1_164_000_000),
            source_datum: Some("GCJ-02".into()),
            ..SubjectRow::default()
        };
        let place = |place| SubjectChange { place: Some(place), ..SubjectChange::default() };
        let stays = place(PlaceChange::Moved { latitude: 39.9, longitude: 116.4 });
        assert_eq!(changed(&before, stays).expect("a change"), before);
        let moves = place(PlaceChange::Moved { latitude: 39.8, longitude: 116.4 });
        assert_eq!(changed(&before, moves).expect("a change").source_datum.as_deref(), Some(WGS_84));
        let gone = changed(&before, place(PlaceChange::Removed)).expect("a change");
        assert_eq!((gone.latitude_e7, gone.source_datum), (None, None));
        let nameless = SubjectChange { name: Some(" ".into()), ..SubjectChange::default() };
        assert_eq!(changed(&before, nameless).expect_err("refused").code(), "text.empty");
    }

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
