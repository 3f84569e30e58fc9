//! How many tasks there are of each kind; every figure opens to its rows by the same filter.

use super::{Attention, TaskQuery, filter_of, visible_to};
use crate::{
    ApiError,
    acts::{access::Actor, tasks::state_of},
    store::{self, Connection},
};
use liuhen_inspection::task::TaskState;
use serde::Serialize;
use utoipa::ToSchema;

/// Tasks that the caller may see: by state, and by what they want from the desk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskFigures {
    pub issued: i64,
    pub delivered: i64,
    pub opened: i64,
    pub claimed: i64,
    pub done: i64,
    pub recalled: i64,
    pub overdue: i64,
    pub open_conflicts: i64,
    pub returned: i64,
    pub evidence_missing: i64,
    pub unreviewed: i64,
}

impl TaskFigures {
    /// Tasks that somebody holds and has not sealed.
    pub fn under_way(&self) -> i64 {
        self.issued + self.delivered + self.opened + self.claimed
    }

    pub fn all(&self) -> i64 {
        self.under_way() + self.done + self.recalled
    }
}

pub async fn figures(conn: &mut Connection, actor: &Actor) -> Result<TaskFigures, ApiError> {
    let mut figures = TaskFigures::default();
    for (state, count) in counted(conn, actor, None).await? {
        *match state_of(&state)? {
            TaskState::Issued => &mut figures.issued,
            TaskState::Delivered => &mut figures.delivered,
            TaskState::Opened => &mut figures.opened,
            TaskState::Claimed => &mut figures.claimed,
            TaskState::Done => &mut figures.done,
            TaskState::Recalled => &mut figures.recalled,
        } = count;
    }
    figures.overdue = total(conn, actor, Attention::Overdue).await?;
    figures.open_conflicts = total(conn, actor, Attention::OpenConflicts).await?;
    figures.returned = total(conn, actor, Attention::Returned).await?;
    figures.evidence_missing = total(conn, actor, Attention::EvidenceMissing).await?;
    figures.unreviewed = total(conn, actor, Attention::Unreviewed).await?;
    Ok(figures)
}

async fn total(conn: &mut Connection, actor: &Actor, attention: Attention) -> Result<i64, ApiError> {
    Ok(counted(conn, actor, Some(attention)).await?.into_iter().map(|(_, count)| count).sum())
}

async fn counted(
    conn: &mut Connection,
    actor: &Actor,
    attention: Option<Attention>,
) -> Result<Vec<(String, i64)>, ApiError> {
    let filter = visible_to(actor, filter_of(&TaskQuery { attention, ..TaskQuery::default() })?)?;
    Ok(store::tasks::count_by_state(conn, &filter).await?)
}
