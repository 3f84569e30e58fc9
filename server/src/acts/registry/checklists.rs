//! Registering checklists (检查实施清单). A version, once registered, never changes.

use crate::{
    ApiError, AppState,
    acts::access::{Action, Actor, authorise, commit_as},
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, checklists::ChecklistRow},
};
use axum::http::StatusCode;
use futures::FutureExt;
use liuhen_inspection::checklist::{self, Checklist};
use liuhen_trace::Refusal;
use serde_json::json;

/// Mistakes told in one answer: a screenful.
const PROBLEMS_TOLD_MAX: usize = 30;

/// Registers one version, given as JSON. The same version with the same content again is the one
/// registered before.
pub async fn register(state: &AppState, actor: &Actor, json: &[u8]) -> Result<ChecklistRow, ApiError> {
    let department = actor.account.department.clone();
    authorise(actor, Action::ManageRegister, &department)?;
    let checklist = Checklist::from_json(json).map_err(|refusal| told(json, refusal))?;
    let row = ChecklistRow {
        hash: checklist.hash().to_string(),
        department,
        bytes: checklist.to_bytes(),
        code: checklist.code,
        version: i64::from(checklist.version),
        title: checklist.title,
        registered_at_ms: 0,
    };
    let by = actor.id().to_owned();
    let committed = commit_as(state, actor, move |tx| insert(tx, by, row).boxed());
    Ok(committed.await?.output)
}

/// Every mistake at its item, so that a long checklist is not corrected one upload at a time.
fn told(json: &[u8], refusal: Refusal) -> ApiError {
    let place = |problem: &checklist::Problem| match (problem.item, &problem.item_code) {
        (Some(at), Some(code)) => format!("items[{at}] ({code}): {}: {}", problem.code, problem.detail),
        (Some(at), None) => format!("items[{at}]: {}: {}", problem.code, problem.detail),
        (None, _) => format!("{}: {}", problem.code, problem.detail),
    };
    let problems = checklist::problems(json);
    let mut lines: Vec<String> = problems.iter().take(PROBLEMS_TOLD_MAX).map(place).collect();
    if problems.len() > PROBLEMS_TOLD_MAX {
        lines.push(format!("and {} more", problems.len() - PROBLEMS_TOLD_MAX));
    }
    let status = match refusal.code {
        // Which codes there are shows only when all items are read.
        "checklist.duplicate_code" => StatusCode::CONFLICT,
        "checklist.too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    ApiError::new(status, refusal.code, lines.join("\n"))
}

async fn insert(tx: &mut Tx, actor: String, row: ChecklistRow) -> Result<ChecklistRow, ApiError> {
    match store::checklists::by_version(tx.conn(), &row.code, row.version).await? {
        Some(known) if known.hash == row.hash => return Ok(known),
        Some(_) => {
            let detail = format!("version {} of {} is registered with other content", row.version, row.code);
            return Err(ApiError::conflict("checklist.version_taken", detail));
        }
        None => {}
    }
    let row = ChecklistRow { registered_at_ms: tx.now_ms(), ..row };
    store::checklists::insert(tx.conn(), &row).await?;
    let detail = json!({ "hash": row.hash, "code": row.code, "version": row.version, "title": row.title });
    tx.act(NewAct {
        kind: "checklist.registered",
        actor: Some(actor),
        detail,
        rows: vec![row.commitment()],
        blobs: Vec::new(),
    })
    .await?;
    Ok(row)
}
