//! Reading everything back over the supervisor's API and comparing it with what was typed.

use super::{
    compare::{self, Tally},
    office::{self, Issued, Office},
    plan::{Plan, Value},
    typed::Typed,
};
use anyhow::{Context, Result, bail};
use liuhen_trace::{BlobHash, digest};
use serde_json::Value as Json;
use std::{collections::BTreeMap, thread};

/// Readers side by side, so that a whole city is read in seconds.
const READERS: usize = 4;

/// One visit as the driver knows it.
#[derive(Debug, Clone)]
pub struct Expected {
    pub name: String,
    pub issued: Issued,
    pub typed: Typed,
}

/// Counted from what was typed, never from what is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub visits: u64,
    pub responses: u64,
    pub findings: u64,
    pub evidence: u64,
    pub conflicts: u64,
}

pub fn counts(expected: &[Expected]) -> Counts {
    let sum = |count: fn(&Typed) -> usize| expected.iter().map(|visit| count(&visit.typed) as u64).sum();
    Counts {
        visits: expected.len() as u64,
        responses: sum(|typed| typed.responses().len()),
        findings: sum(|typed| typed.findings.len()),
        evidence: sum(|typed| typed.evidence.len()),
        conflicts: sum(|typed| typed.disagreements().len()),
    }
}

/// Subjects, tasks, visits and evidence bytes.
pub fn compare_all(office: &Office, plan: &Plan, expected: &[Expected]) -> Result<Tally> {
    let mut tally = subjects(&office.subjects()?, plan);
    tally.add(tasks(&office.tasks()?, expected));
    let parts: Vec<Result<Tally>> = thread::scope(|scope| {
        let size = expected.len().div_ceil(READERS).max(1);
        let readers: Vec<_> =
            expected.chunks(size).map(|part| scope.spawn(move || visits(office, part))).collect();
        let joined = readers.into_iter().map(|reader| reader.join());
        joined.map(|part| part.unwrap_or_else(|_| bail!("a reader panicked"))).collect()
    });
    for part in parts {
        tally.add(part?);
    }
    Ok(tally)
}

fn visits(office: &Office, expected: &[Expected]) -> Result<Tally> {
    let mut tally = Tally::default();
    for visit in expected {
        let reply = office.visit(&visit.issued.visit)?;
        match reply.status {
            200 => tally.add(compare::visit(&visit.name, &visit.typed, &reply.json())),
            404 => tally.missing(format!("visit {}", visit.name)),
            _ => bail!("visit {}: {reply}", visit.name),
        }
        for evidence in &visit.typed.evidence {
            blob(office, &visit.name, evidence, &mut tally)?;
        }
    }
    Ok(tally)
}

/// The bytes have to be those that were attached: same length, same SHA-256.
fn blob(office: &Office, visit: &str, evidence: &BTreeMap<String, Value>, tally: &mut Tally) -> Result<()> {
    let Some(Value::Text(hash)) = evidence.get("blob") else { bail!("typed evidence has no hash") };
    let hash: BlobHash = hash.parse().context("typed evidence has no hash")?;
    let reply = office.evidence(hash)?;
    match reply.status {
        200 if BlobHash(digest::sha256(&reply.body)) == hash => {}
        200 => tally.differing(format!("visit {visit}: the bytes of evidence {hash}")),
        404 => tally.missing(format!("visit {visit}: the bytes of evidence {hash}")),
        _ => bail!("evidence {hash}: {reply}"),
    }
    Ok(())
}

fn subjects(shown: &[Json], plan: &Plan) -> Tally {
    let mut tally = Tally::default();
    let mut by_code: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    for subject in shown {
        by_code.entry(subject["code"].as_str().unwrap_or("")).or_default().push(subject);
    }
    for establishment in &plan.subjects {
        let found = by_code.remove(establishment.id.as_str()).unwrap_or_default();
        let Some((first, further)) = found.split_first() else {
            tally.missing(format!("subject {}", establishment.id));
            continue;
        };
        further.iter().for_each(|_| tally.duplicated(format!("subject {}", establishment.id)));
        let typed = office::subject(establishment);
        for (key, value) in typed.as_object().into_iter().flatten() {
            if !same(value, &first[key]) {
                tally.differing(format!(
                    "subject {} {key}: typed {value}, shown {}",
                    establishment.id, first[key]
                ));
            }
        }
    }
    for subject in by_code.values().flatten() {
        tally.duplicated(format!("subject nobody registered: {subject}"));
    }
    tally
}

/// Coordinates are kept to a centimetre.
fn same(typed: &Json, shown: &Json) -> bool {
    match (typed.as_f64(), shown.as_f64()) {
        (Some(typed), Some(shown)) => (typed - shown).abs() < 1e-7,
        _ => typed == shown,
    }
}

/// One task for each visit, done when the visit was sealed.
fn tasks(shown: &[Json], expected: &[Expected]) -> Tally {
    let mut tally = Tally::default();
    let mut by_visit: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    for task in shown {
        by_visit.entry(task["visit"].as_str().unwrap_or("")).or_default().push(task);
    }
    for visit in expected {
        let found = by_visit.remove(visit.issued.visit.as_str()).unwrap_or_default();
        let Some((first, further)) = found.split_first() else {
            tally.missing(format!("task of visit {}", visit.name));
            continue;
        };
        further.iter().for_each(|_| tally.duplicated(format!("task of visit {}", visit.name)));
        if first["id"] != visit.issued.task.as_str() {
            tally.differing(format!("task of visit {}: {}", visit.name, first["id"]));
        }
        let due = if visit.typed.seal.is_some() { "done" } else { "claimed" };
        if first["state"] != due {
            tally.differing(format!("task of visit {}: {} and not {due}", visit.name, first["state"]));
        }
    }
    for task in by_visit.values().flatten() {
        tally.duplicated(format!("task nobody issued: {}", task["id"]));
    }
    tally
}

/// How many of the disagreements typed are listed with all their values.
pub fn conflicts_listed(listed: &[Json], expected: &[Expected]) -> (u64, Vec<String>) {
    let mut by_field: BTreeMap<(&str, &str), Vec<&Json>> = BTreeMap::new();
    for conflict in listed {
        let field = (conflict["visit"].as_str().unwrap_or(""), conflict["path"].as_str().unwrap_or(""));
        by_field.entry(field).or_default().push(conflict);
    }
    let (mut count, mut unlisted) = (0, Vec::new());
    for visit in expected {
        for disagreement in visit.typed.disagreements() {
            let field = (visit.issued.visit.as_str(), disagreement.path.as_str());
            let rows = by_field.get(&field).map_or(&[][..], Vec::as_slice);
            if rows.iter().any(|row| lists(row, &disagreement.values)) {
                count += 1;
            } else {
                unlisted.push(format!("not listed: visit {} {}", visit.name, disagreement.path));
            }
        }
    }
    (count, unlisted)
}

fn lists(row: &Json, values: &[Value]) -> bool {
    let shown = row["values"].as_array().into_iter().flatten();
    let shown: Vec<Value> = shown.filter_map(|claim| compare::scalar(&claim["value"])).collect();
    values.iter().all(|value| shown.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plan::Save;
    use serde_json::json;

    fn expected() -> Expected {
        let mut typed = Typed::default();
        for (phone, value) in [(0, 1), (1, 2)] {
            typed.record(phone, &Save::Answer { item: "7".into(), value: Value::Int(value) }).unwrap();
        }
        let issued = Issued { task: "t".into(), visit: "v".into() };
        Expected { name: "1".into(), issued, typed }
    }

    #[test]
    fn a_conflict_counts_as_listed_with_both_values_only() {
        let row = |values: Json| json!({"visit": "v", "path": "responses/7", "values": values});
        let listed = |row: Json| conflicts_listed(&[row], &[expected()]).0;
        assert_eq!(listed(row(json!([{"value": 2}, {"value": 1}]))), 1);
        assert_eq!(listed(row(json!([{"value": 2}]))), 0);
        assert_eq!(
            listed(json!({"visit": "w", "path": "responses/7", "values": [{"value": 1}, {"value": 2}]})),
            0
        );
    }

    #[test]
    fn a_task_twice_or_not_done_is_told() {
        let task = |state: &str| json!({"visit": "v", "id": "t", "state": state});
        let check = |shown: &[Json]| {
            let tally = tasks(shown, &[expected()]);
            (tally.missing, tally.duplicated, tally.differing)
        };
        assert_eq!(check(&[task("claimed")]), (0, 0, 0));
        assert_eq!(check(&[task("issued")]), (0, 0, 1));
        assert_eq!(check(&[task("claimed"), task("claimed")]), (0, 1, 0));
        assert_eq!(check(&[]), (1, 0, 0));
    }
}
