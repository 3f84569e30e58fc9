//! What supervisors do with visits that were filled in: review them, decide what people disagree about.
//!
//! - [`resolution`]: a disagreement decided at the console. [`desk`]: the device that signs it.

pub mod desk;
pub mod resolution;

use crate::{
    ApiError, AppState,
    acts::{
        access::{Action, Actor, authorise, commit_as},
        new_id, tasks, text,
    },
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, reviews::ReviewRow},
};
use futures::FutureExt;
use liuhen_engine::document::Document;
use liuhen_inspection::{
    checklist::Checklist,
    conflict::Writers,
    task::{ReviewOutcome, TaskState},
    visit::{self, VisitView},
};
use liuhen_trace::{DocumentId, Refusal};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use utoipa::ToSchema;

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    pub outcome: ReviewOutcome,
    /// Required when the visit is returned: somebody has to know what to supplement.
    #[serde(default)]
    #[schema(value_type = text::OptionalParagraphs)]
    pub opinion: String,
}

/// Reviews a visit whose record is sealed. A later review stands beside the earlier ones.
pub async fn review(
    state: &AppState,
    actor: &Actor,
    visit: DocumentId,
    new: NewReview,
) -> Result<ReviewRow, ApiError> {
    let mut conn = state.store.read().await?;
    let task = tasks::find_by_visit(&mut conn, visit).await?;
    drop(conn);
    authorise(actor, Action::ReviewVisits, &task.department)?;
    let (outcome, opinion) = match new.outcome {
        ReviewOutcome::Accepted => ("accepted", text::optional_paragraphs("opinion", &new.opinion)?),
        ReviewOutcome::Returned => ("returned", text::paragraphs("opinion", &new.opinion)?),
    };
    let review = ReviewRow {
        id: new_id(),
        task: task.id,
        visit: visit.to_string(),
        reviewer: actor.id().to_owned(),
        outcome: outcome.to_owned(),
        opinion,
        reviewed_at_ms: 0,
    };
    let committed = commit_as(state, actor, move |tx| apply(tx, visit, review).boxed());
    Ok(committed.await?.output)
}

/// A stored view, or the part of it that `T` names.
pub fn read_view<T: DeserializeOwned>(visit: DocumentId, view: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(view).map_err(|cause| {
        let detail = "what is stored of this visit cannot be read; its trace can, and `liuhen verify-ledger` \
                      tells what does not fit";
        ApiError::damaged("visit.damaged", format!("visit {visit}: {detail}"), cause)
    })
}

/// What a visit looks like that nothing was handed in for.
pub fn untouched(visit: DocumentId, checklist: &[u8]) -> Result<VisitView, ApiError> {
    let damaged = |refusal: Refusal| ApiError::internal(refusal.to_string());
    let checklist = Checklist::from_bytes(checklist).map_err(damaged)?;
    let skeleton = visit::skeleton(&checklist, visit);
    let document = Document::new(visit, visit::shape(&checklist), &skeleton).map_err(damaged)?;
    Ok(VisitView::of(&checklist, &document, &Writers::new(), &[]))
}

async fn apply(tx: &mut Tx, visit: DocumentId, review: ReviewRow) -> Result<ReviewRow, ApiError> {
    let task = tasks::find(tx.conn(), &review.task).await?;
    if tasks::state_of(&task.state)? != TaskState::Done {
        let detail = "the record of this visit is not sealed; there is nothing to review yet";
        return Err(ApiError::conflict("review.not_sealed", detail));
    }
    let (leaf, review) = (tx.next_leaf(), ReviewRow { reviewed_at_ms: tx.now_ms(), ..review });
    store::reviews::insert(tx.conn(), &review).await?;
    let assignees = store::task_assignees::of_task(tx.conn(), &task.id).await?;
    tasks::tell(tx.conn(), leaf, visit, &assignees).await?;
    let detail = json!({
        "review": review.id, "task": review.task, "visit": review.visit, "outcome": review.outcome,
        "opinion": review.opinion,
    });
    let (actor, rows) = (Some(review.reviewer.clone()), vec![review.commitment()]);
    tx.act(NewAct { kind: "visit.reviewed", actor, detail, rows, blobs: Vec::new() }).await?;
    Ok(review)
}
