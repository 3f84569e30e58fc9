//! Altering what the server shows, behind its back: the test of the test. One value in each of N
//! visits, written straight into the server's database.

use super::readback::Expected;
use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};
use std::{path::Path, time::Duration};

/// The server may be writing for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// Alters one value in each of `count` visits, drawn from the seed.
pub fn alter(data: &Path, expected: &[Expected], count: usize, seed: u64) -> Result<()> {
    ensure!(count <= expected.len(), "{count} rows to alter, and {} visits in all", expected.len());
    let database = Connection::open(data.join("liuhen.sqlite")).context("the server's database")?;
    database.busy_timeout(BUSY_TIMEOUT)?;
    let mut random = Rng::with_seed(seed);
    let mut order: Vec<&Expected> = expected.iter().collect();
    random.shuffle(&mut order);
    for visit in &order[..count] {
        let document = &visit.issued.visit;
        let view: String =
            database.query_row("SELECT view FROM visit WHERE document = ?1", [document], |row| row.get(0))?;
        let mut view: Json = serde_json::from_str(&view)?;
        let place = alter_one(&mut view, &mut random).with_context(|| format!("visit {document}"))?;
        let view = serde_json::to_string(&view)?;
        let changed =
            database.execute("UPDATE visit SET view = ?2 WHERE document = ?1", params![document, view])?;
        ensure!(changed == 1, "visit {document} is not in the database");
        eprintln!("altered: visit {} {place}", visit.name);
    }
    Ok(())
}

/// Alters a response or a finding's text and says where.
fn alter_one(view: &mut Json, random: &mut Rng) -> Result<String> {
    let of = |list: &str, key: &str| {
        let rows = view[list].as_array().map_or(0, Vec::len);
        (0..rows).map(|at| format!("/{list}/{at}/{key}")).collect::<Vec<_>>()
    };
    let mut places = of("responses", "value");
    places.extend(of("findings", "text"));
    places.retain(|place| view.pointer(place).is_some_and(|value| !value.is_null()));
    let place = random.choice(places).context("nothing in it can be altered")?;
    if let Some(value) = view.pointer_mut(&place) {
        *value = another(value);
    }
    Ok(place)
}

fn another(value: &Json) -> Json {
    match value {
        Json::Bool(yes) => json!(!yes),
        Json::Number(number) => json!(number.as_i64().unwrap_or(0) + 1),
        other => json!(format!("{} (altered)", other.as_str().unwrap_or(""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_value_is_altered() {
        let view = json!({
            "responses": [{"item": "a", "value": true}, {"item": "b", "value": 3}, {"item": "c", "value": "out"}],
            "findings": [{"text": "soiled"}, {"text": null}],
        });
        for seed in 0..20 {
            let mut altered = view.clone();
            let place = alter_one(&mut altered, &mut Rng::with_seed(seed)).unwrap();
            assert_ne!(altered.pointer(&place), view.pointer(&place));
            *altered.pointer_mut(&place).unwrap() = view.pointer(&place).unwrap().clone();
            assert_eq!(altered, view, "{place}");
        }
        assert!(alter_one(&mut json!({"responses": []}), &mut Rng::with_seed(0)).is_err());
    }
}
