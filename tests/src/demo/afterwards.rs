//! After the day: everything typed is read back over the API and compared, every file's bytes are
//! hashed again, and the ledger is verified.

use super::{county::PlannedVisit, story::Story};
use crate::{
    harness::server,
    replay::{
        compare,
        plan::{Save, Value},
        typed::{Typed, response_path},
    },
};
use anyhow::{Context, Result, bail, ensure};
use liuhen_trace::{BlobHash, digest};
use serde_json::Value as Json;

/// Reads everything, so that a visit in any department is seen.
const AUDITOR: &str = "gu";
/// Not one of the phones.
const DESK: usize = usize::MAX;

/// Checks all of it; what was found is told.
pub fn check(story: &mut Story) -> Result<()> {
    let (mut answers, mut findings, mut files, mut sealed) = (0, 0, 0, 0);
    for visit in story.county.visits.clone() {
        let typed = typed(story, &visit)?;
        let view = story.desk.visit(AUDITOR, &story.issued[&visit.key])?;
        let tally = compare::visit(&visit.subject, &typed, &view);
        ensure!(tally.is_clean(), "what was typed is not what is shown: {:#?}", tally.lines);
        for evidence in &typed.evidence {
            check_file(story, evidence.get("blob"))?;
        }
        check_task(story, &visit)?;
        check_reviews(story, &visit)?;
        let supplements = view["supplements"].as_array().map_or(0, Vec::len);
        ensure!((supplements > 0) != visit.supplement.is_empty(), "{}: supplements", visit.subject);
        answers += typed.responses().len();
        findings += typed.findings.len();
        files += typed.evidence.len();
        sealed += usize::from(typed.seal.is_some());
    }
    story.facts.tell("签章 Records sealed", sealed.to_string());
    let read = format!("检查结果 answers {answers}，问题 findings {findings}，文件 files {files}");
    story.facts.tell("逐项读回一致 Read back, as typed", read);
    // As an auditor would, while the server runs.
    let leaves = server::verify_ledger(&story.places.server)?;
    story.facts.tell("账本核验 Ledger verified", format!("{leaves} leaves"));
    Ok(())
}

/// What was acknowledged on the phones and decided at the desk.
fn typed(story: &Story, visit: &PlannedVisit) -> Result<Typed> {
    let document = &story.issued[&visit.key].visit;
    let mut typed = Typed::default();
    for phone in &story.phones {
        for (_, save) in phone.typed.iter().filter(|(of, _)| of == document) {
            typed.record(phone.number, save)?;
        }
    }
    if let Some((item, value)) = visit.decision() {
        typed.record(DESK, &Save::Resolve { path: response_path(&item), value })?;
    }
    if let Some(disagreement) = &visit.disagreement {
        ensure!(typed.disagreements().len() == 1, "{}: {disagreement:?} was not typed", visit.subject);
    }
    Ok(typed)
}

fn check_file(story: &Story, blob: Option<&Value>) -> Result<()> {
    let Some(Value::Text(hash)) = blob else { bail!("an attached file has no hash") };
    let hash: BlobHash = hash.parse().context("an attached file has no hash")?;
    let reply = story.desk.api(AUDITOR)?.get_bytes(&format!("/api/v1/evidence/{hash}"))?;
    ensure!(reply.status == 200, "evidence {hash}: {reply}");
    ensure!(digest::sha256(&reply.body) == hash.0, "evidence {hash} has other bytes");
    Ok(())
}

fn check_task(story: &Story, visit: &PlannedVisit) -> Result<()> {
    let due = match visit {
        _ if visit.recalled.is_some() => "recalled",
        _ if visit.seal.is_some() => "done",
        _ if !visit.lead_saves.is_empty() => "claimed",
        _ if story.phone(visit.held_by()).is_some() => "delivered",
        _ => "issued",
    };
    let state = story.desk.task(AUDITOR, &story.issued[&visit.key])?["state"].clone();
    ensure!(state == due, "the task of {} is {state} and not {due}", visit.subject);
    Ok(())
}

fn check_reviews(story: &Story, visit: &PlannedVisit) -> Result<()> {
    let document = &story.issued[&visit.key].visit;
    let reviews = story.desk.api(AUDITOR)?.get(&format!("/api/v1/visits/{document}/reviews"))?;
    let outcomes = reviews["items"].as_array().context("no reviews")?.iter().map(|row| &row["outcome"]);
    let due: Vec<Json> = visit.review.iter().map(|review| Json::from(review.outcome.clone())).collect();
    let outcomes: Vec<Json> = outcomes.cloned().collect();
    ensure!(outcomes == due, "the reviews of {} are {outcomes:?} and not {due:?}", visit.subject);
    Ok(())
}
