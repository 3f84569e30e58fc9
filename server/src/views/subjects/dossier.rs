//! The dossier of an inspected party: what it is and was, and what was found there.

use super::{SubjectView, find};
use crate::{
    ApiError,
    acts::{access::Actor, casework::read_view},
    store::{self, Connection, subjects::SubjectVersionRow},
    views::{
        accounts,
        tasks::{self, Order, TaskQuery, TaskView},
        visits::ReviewView,
    },
};
use liuhen_inspection::visit::view::FindingView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Some decades of a party that is inspected four times a year.
const TASKS_MAX: i64 = 100;
/// Keeps the answer near a megabyte.
const FINDINGS_MAX: usize = 500;

/// All that the actor may read about a party.
#[derive(Serialize, ToSchema)]
pub struct Dossier {
    pub subject: SubjectView,
    /// What the register said of it, newest first; the first is what it says now.
    pub versions: Vec<SubjectVersion>,
    /// Newest first.
    pub tasks: Vec<DossierTask>,
    /// There are older ones.
    pub has_more_tasks: bool,
    /// Of these tasks, newest first.
    pub findings: Vec<DossierFinding>,
    /// There are older ones.
    pub has_more_findings: bool,
    /// Findings among these tasks that are to be corrected and are not yet.
    pub open_corrections: i64,
}

#[derive(Serialize, ToSchema)]
pub struct SubjectVersion {
    /// From 1.
    pub version: i64,
    pub subject: SubjectView,
    /// Since when the register said so.
    pub from_ms: i64,
    /// Until when; absent for what it says now.
    pub until_ms: Option<i64>,
    /// Who changed it then, by name; absent for what it says now.
    pub replaced_by: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct DossierTask {
    pub task: TaskView,
    pub open_corrections: i64,
    /// Oldest first.
    pub reviews: Vec<ReviewView>,
}

#[derive(Serialize, ToSchema)]
pub struct DossierFinding {
    pub task: String,
    pub visit: String,
    /// It is to be corrected and is not yet.
    pub open: bool,
    pub finding: FindingView,
}

/// The part of a stored view that findings are read from.
#[derive(Deserialize)]
struct Found {
    findings: Vec<FindingView>,
}

pub async fn dossier(conn: &mut Connection, actor: &Actor, id: &str) -> Result<Dossier, ApiError> {
    let subject = find(conn, actor, id).await?;
    let earlier = store::subjects::versions(conn, id).await?;
    let versions = versions(conn, earlier, subject.clone().into()).await?;
    let query = TaskQuery {
        subject: Some(id.to_owned()),
        order: Some(Order::Newest),
        limit: Some(TASKS_MAX),
        ..TaskQuery::default()
    };
    let listed = tasks::list(conn, actor, query).await?;
    let mut dossier = Dossier {
        subject: subject.into(),
        versions,
        tasks: Vec::with_capacity(listed.items.len()),
        has_more_tasks: listed.next.is_some(),
        findings: Vec::new(),
        has_more_findings: false,
        open_corrections: 0,
    };
    for task in listed.items {
        dossier.take_in(conn, task).await?;
    }
    Ok(dossier)
}

impl Dossier {
    async fn take_in(&mut self, conn: &mut Connection, mut task: TaskView) -> Result<(), ApiError> {
        let visit = task.task.visit.to_string();
        let reviews = store::reviews::of_visit(conn, &visit).await?;
        let findings = findings(conn, &task).await?;
        task.progress.damaged = findings.is_none();
        let findings = findings.unwrap_or_default();
        let open = findings.iter().filter(|finding| is_open(finding)).count();
        let open = i64::try_from(open).unwrap_or(i64::MAX);
        self.open_corrections += open;
        for finding in findings {
            if self.findings.len() == FINDINGS_MAX {
                self.has_more_findings = true;
                break;
            }
            self.findings.push(DossierFinding {
                task: task.task.id.0.clone(),
                visit: visit.clone(),
                open: is_open(&finding),
                finding,
            });
        }
        let reviews = reviews.into_iter().map(ReviewView::from).collect();
        self.tasks.push(DossierTask { task, open_corrections: open, reviews });
        Ok(())
    }
}

/// What was found at the visit of a task; `None` when that is damaged.
pub async fn findings(conn: &mut Connection, task: &TaskView) -> Result<Option<Vec<FindingView>>, ApiError> {
    if task.progress.damaged {
        return Ok(None);
    }
    if task.progress.findings == 0 {
        return Ok(Some(Vec::new()));
    }
    let visit = task.task.visit;
    let Some(view) = store::visits::view(conn, visit).await? else { return Ok(Some(Vec::new())) };
    Ok(read_view(visit, &view.0).ok().map(|Found { findings }| findings))
}

/// A correction was asked for, by a day or within days, and nobody has recorded it.
pub fn is_open(finding: &FindingView) -> bool {
    let asked = !finding.due_on.is_null() || !finding.days_to_correct.is_null();
    let recorded = finding.corrected.as_bool() == Some(true)
        || finding.corrected.as_text().is_some()
        || !finding.corrected_on.is_null();
    asked && !recorded
}

async fn versions(
    conn: &mut Connection,
    earlier: Vec<SubjectVersionRow>,
    present: SubjectView,
) -> Result<Vec<SubjectVersion>, ApiError> {
    let mut from_ms = present.registered_at_ms;
    let mut versions = Vec::with_capacity(earlier.len() + 1);
    let last = earlier.last().map_or(1, |row| row.version + 1);
    for row in earlier {
        versions.push(SubjectVersion {
            version: row.version,
            subject: row.subject.into(),
            from_ms,
            until_ms: Some(row.replaced_at_ms),
            replaced_by: Some(accounts::name(conn, &row.replaced_by).await?),
        });
        from_ms = row.replaced_at_ms;
    }
    versions.push(SubjectVersion {
        version: last,
        subject: present,
        from_ms,
        until_ms: None,
        replaced_by: None,
    });
    versions.reverse();
    Ok(versions)
}
