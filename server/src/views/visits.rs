//! Visits: what was found, where people disagree, and the reviews.

use super::{
    paging::{self, List, Paging},
    tasks::authorise_reading,
};
use crate::{
    ApiError,
    acts::{
        access::{Action, Actor, authorise},
        casework, tasks,
    },
    store::{self, Connection, reviews::ReviewRow, tasks::TaskRow},
};
use liuhen_inspection::{
    conflict::{Conflict, ConflictState},
    visit::VisitView,
};
use liuhen_trace::DocumentId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Serialize, ToSchema)]
pub struct ReviewView {
    pub id: String,
    pub visit: String,
    pub task: String,
    pub reviewer: String,
    pub outcome: String,
    pub opinion: String,
    pub reviewed_at_ms: i64,
}

impl From<ReviewRow> for ReviewView {
    fn from(row: ReviewRow) -> Self {
        Self {
            id: row.id,
            visit: row.visit,
            task: row.task,
            reviewer: row.reviewer,
            outcome: row.outcome,
            opinion: row.opinion,
            reviewed_at_ms: row.reviewed_at_ms,
        }
    }
}

/// A disagreement with the visit it is in.
#[derive(Serialize, ToSchema)]
pub struct ConflictView {
    pub visit: String,
    pub task: String,
    pub subject: String,
    pub department: String,
    #[serde(flatten)]
    pub conflict: Conflict,
}

/// A page of disagreements.
#[derive(Serialize, ToSchema)]
pub struct ConflictList {
    pub items: Vec<ConflictView>,
    pub next: Option<String>,
    /// Visits that belong on this page and cannot be read: there is disagreement, and nobody can tell here
    /// about what. `liuhen verify-ledger` tells what does not fit.
    pub damaged: Vec<String>,
}

/// The part of a stored view that conflicts are listed from.
#[derive(Deserialize)]
struct Conflicts {
    conflicts: Vec<Conflict>,
}

/// The visit as it was when the last entry was admitted.
pub async fn show(conn: &mut Connection, actor: &Actor, visit: &str) -> Result<VisitView, ApiError> {
    let (visit, task) = find(conn, actor, visit).await?;
    match store::visits::view(conn, visit).await? {
        Some(view) => casework::read_view(visit, &view.0),
        None => untouched(conn, visit, &task).await,
    }
}

pub async fn reviews(
    conn: &mut Connection,
    actor: &Actor,
    visit: &str,
) -> Result<List<ReviewView>, ApiError> {
    let (visit, _) = find(conn, actor, visit).await?;
    let rows = store::reviews::of_visit(conn, &visit.to_string()).await?;
    Ok(List { items: rows.into_iter().map(ReviewView::from).collect(), next: None })
}

/// Which disagreements to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConflictQuery {
    pub cursor: Option<String>,
    pub limit: Option<i64>,
    /// All when absent.
    #[param(inline)]
    pub state: Option<ConflictState>,
}

/// Disagreements in visits the actor may read. The limit counts visits.
pub async fn conflicts(
    conn: &mut Connection,
    actor: &Actor,
    query: ConflictQuery,
) -> Result<ConflictList, ApiError> {
    authorise(actor, Action::ReadCasework, &actor.account.department)?;
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let only_open = query.state == Some(ConflictState::Open);
    let forged = |_| paging::unknown_cursor();
    let place = |cursor| paging::place(cursor)?.parse().map_err(forged);
    let after = paging.cursor.as_deref().map(place).transpose()?;
    let rows = store::visits::with_conflicts(conn, only_open, after, paging.fetch()?).await?;
    let (rows, next) = paging.cut(rows, |(visit, _)| visit.clone())?;
    let (mut items, mut damaged) = (Vec::new(), Vec::new());
    for (visit, view) in rows {
        let Some(task) = store::tasks::by_visit(conn, &visit).await? else { continue };
        if authorise(actor, Action::ReadCasework, &task.department).is_err() {
            continue;
        }
        let Ok(Conflicts { conflicts }) = casework::read_view(parse(&visit)?, &view.0) else {
            damaged.push(visit);
            continue;
        };
        let wanted =
            conflicts.into_iter().filter(|conflict| query.state.is_none_or(|state| conflict.state == state));
        items.extend(wanted.map(|conflict| ConflictView {
            visit: visit.clone(),
            task: task.id.clone(),
            subject: task.subject.clone(),
            department: task.department.clone(),
            conflict,
        }));
    }
    Ok(ConflictList { items, next, damaged })
}

/// A visit that the actor may read.
pub async fn find(
    conn: &mut Connection,
    actor: &Actor,
    visit: &str,
) -> Result<(DocumentId, TaskRow), ApiError> {
    let visit = parse(visit)?;
    let task = tasks::find_by_visit(conn, visit).await?;
    authorise_reading(conn, actor, &task).await?;
    Ok((visit, task))
}

/// The id in a path.
pub fn parse(visit: &str) -> Result<DocumentId, ApiError> {
    visit.parse().map_err(|_| ApiError::not_found("visit.unknown", format!("no visit {visit}")))
}

/// What a visit looks like that nothing was handed in for.
pub async fn untouched(
    conn: &mut Connection,
    visit: DocumentId,
    task: &TaskRow,
) -> Result<VisitView, ApiError> {
    let missing = || ApiError::internal(format!("checklist {} is not there", task.checklist));
    let row = store::checklists::by_hash(conn, &task.checklist).await?.ok_or_else(missing)?;
    casework::untouched(visit, &row.bytes)
}
