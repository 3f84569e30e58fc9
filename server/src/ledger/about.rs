//! Which tasks and visits an act speaks of: kept beside it, so that the trace of a visit is found
//! without reading the whole log.

use crate::{
    error::ApiError,
    store::{
        self, CommittedRow as _, Connection, task_assignees::TaskAssigneeRow, tasks::TaskRow, transaction,
    },
};
use liuhen_trace::{
    Canonical as _,
    act::{ActBody, RowCommitment},
};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Acts read at once while an older database is filled in.
const ACTS_MAX: i64 = 500;

/// What the details of acts have in common.
#[derive(Deserialize)]
struct Subject {
    visit: Option<String>,
}

/// The tasks whose rows an act wrote, and the visit it names.
pub fn about(detail: &str, rows: &[RowCommitment]) -> BTreeSet<String> {
    let mut about: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| match row.table.as_str() {
            TaskRow::TABLE => Some(row.key.clone()),
            TaskAssigneeRow::TABLE => row.key.split_once('/').map(|(task, _)| task.to_owned()),
            _ => None,
        })
        .collect();
    about.extend(serde_json::from_str::<Subject>(detail).ok().and_then(|subject| subject.visit));
    about
}

/// Fills in a database whose acts were written before this was kept.
pub async fn catch_up(conn: &mut Connection) -> Result<(), ApiError> {
    if !store::ledger::lacks_about(conn).await? {
        return Ok(());
    }
    transaction::begin(conn).await?;
    let mut after = -1;
    loop {
        let acts = store::ledger::acts(conn, after, ACTS_MAX).await?;
        for act in &acts {
            let body = ActBody::from_canonical(&act.body)?;
            for about in about(&body.detail, &body.rows) {
                store::ledger::insert_about(conn, &about, act.leaf).await?;
            }
        }
        match acts.last() {
            Some(last) if acts.len() as i64 == ACTS_MAX => after = last.leaf,
            _ => break,
        }
    }
    Ok(transaction::commit(conn).await?)
}
