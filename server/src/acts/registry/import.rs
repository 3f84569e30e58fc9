//! Taking over a table of inspected parties: read → match → plan, and either only told (a dry run) or
//! written whole. One error, and nothing is written.

mod matching;
mod plan;

use super::subjects::{self, SUBJECTS_MAX};
use crate::{
    ApiError, AppState,
    acts::access::{Action, Actor, authorise, commit_as},
    ledger::{NewAct, Tx},
    store::{self, CommittedRow as _, Connection, subjects::SubjectRow},
    views::imports::{ImportReport, Outcome},
};
use bytes::Bytes;
use futures::FutureExt;
use liuhen_import::{Datum, Finding, Mapping, Overrides, Subjects, Table};
use liuhen_trace::{act::RowCommitment, digest};
use plan::Plan;
use serde_json::json;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A file takes some hundred MiB and a core while it is read.
const READ_AT_ONCE_MAX: usize = 2;
static READERS: Semaphore = Semaphore::const_new(READ_AT_ONCE_MAX);
/// Reading a file takes a second or two; who waits longer is told to come again.
const TURN_WAIT: Duration = Duration::from_secs(20);
/// Parties that an import is matched with, of the department and those below it: five times as many as
/// one file holds.
const REGISTER_ROWS_MAX: i64 = 100_000;

/// What somebody wants done with a file.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// The actor's own when absent.
    pub department: Option<String>,
    /// Columns that are not what their headers suggest.
    pub columns: Overrides,
    /// What coordinates are given in where the file does not say so.
    pub datum: Option<Datum>,
}

/// A file that was read, with what is to be said of it so far.
struct Handed {
    sha256: String,
    table: Table,
    mapping: Mapping,
    read: Subjects,
}

/// Reads a file and takes it over, or tells why not. A file that cannot be read is told in the report
/// and is no error: whoever handed it in can do something about it.
pub async fn subjects(
    state: &AppState,
    actor: &Actor,
    file: Bytes,
    options: ImportOptions,
) -> Result<ImportReport, ApiError> {
    let department = options.department.clone().unwrap_or_else(|| actor.account.department.clone());
    authorise(actor, Action::ManageRegister, &department)?;
    let mut handed = match read(file, options.columns, options.datum).await? {
        Ok(handed) => handed,
        Err(report) => return Ok(*report),
    };
    if options.dry_run || handed.read.has_errors() {
        let mut conn = state.store.read().await?;
        let register = register(&mut conn, &department).await?;
        drop(conn);
        let plan = handed.plan(register, &department);
        return Ok(handed.report(&plan, Outcome::DryRun));
    }
    let by = actor.id().to_owned();
    let committed = commit_as(state, actor, move |tx| take_over(tx, by, department, handed).boxed());
    Ok(serde_json::from_str(&committed.await?.output)?)
}

/// Off the threads that serve requests, and not many at once.
async fn read(
    file: Bytes,
    columns: Overrides,
    datum: Option<Datum>,
) -> Result<Result<Handed, Box<ImportReport>>, ApiError> {
    let busy = || ApiError::unavailable("import.busy", "other files are being read; try again");
    let turn = tokio::time::timeout(TURN_WAIT, READERS.acquire()).await.map_err(|_| busy())?;
    let turn = turn.map_err(|_| busy())?;
    let handed = tokio::task::spawn_blocking(move || {
        // Held until the file is read, even when whoever sent it has gone.
        let _turn = turn;
        Handed::read(&file, &columns, datum)
    });
    Ok(handed.await?)
}

impl Handed {
    fn read(file: &[u8], columns: &Overrides, datum: Option<Datum>) -> Result<Self, Box<ImportReport>> {
        let unreadable = |finding: Finding| Box::new(ImportReport::unreadable(&finding));
        let table = liuhen_import::read(file).map_err(unreadable)?;
        let undecided = |finding: Finding| {
            Box::new(ImportReport::of_table(&table, &Mapping::suggest(&table.headers), &finding))
        };
        let mapping = Mapping::decide(&table, columns).map_err(undecided)?;
        let read = liuhen_import::subjects(&table, &mapping, datum);
        let sha256 = hex::encode(digest::sha256(file));
        Ok(Self { sha256, table, mapping, read })
    }

    /// Its rows go into the plan.
    fn plan(&mut self, register: Vec<SubjectRow>, department: &str) -> Plan {
        Plan::of(register, std::mem::take(&mut self.read.subjects), department)
    }

    fn report(&self, plan: &Plan, outcome: Outcome) -> ImportReport {
        let mut findings = self.read.findings.clone();
        findings.extend(plan.findings.iter().cloned());
        ImportReport::of_plan(&self.table, &self.mapping, findings, plan.outline(), outcome)
    }
}

async fn register(conn: &mut Connection, department: &str) -> Result<Vec<SubjectRow>, ApiError> {
    let rows = store::subjects::below_department(conn, department, REGISTER_ROWS_MAX + 1).await?;
    if rows.len() as i64 > REGISTER_ROWS_MAX {
        let detail = format!("the department and those below it have more than {REGISTER_ROWS_MAX} subjects");
        return Err(ApiError::conflict("import.register_too_large", detail));
    }
    Ok(rows)
}

/// Plans again on the register as it is now, and writes all of it. Gives the report as JSON.
async fn take_over(
    tx: &mut Tx,
    by: String,
    department: String,
    mut handed: Handed,
) -> Result<String, ApiError> {
    let register = register(tx.conn(), &department).await?;
    let plan = handed.plan(register, &department);
    let report = handed.report(&plan, Outcome::Imported);
    let json = serde_json::to_string(&report)?;
    if plan.findings.is_empty() {
        write(tx, &by, &handed.sha256, plan).await?;
    }
    Ok(json)
}

async fn write(tx: &mut Tx, by: &str, file: &str, plan: Plan) -> Result<(), ApiError> {
    let (new, changed) = plan.into_rows();
    for part in new.chunks(SUBJECTS_MAX) {
        let mut rows = Vec::with_capacity(part.len());
        for subject in part {
            let subject = SubjectRow { registered_at_ms: tx.now_ms(), ..subject.clone() };
            store::subjects::insert(tx.conn(), &subject).await?;
            rows.push(subject.commitment());
        }
        log(tx, "subjects.registered", by, file, part.len(), rows).await?;
    }
    // A change lists two rows: what is now, and what was before.
    for part in changed.chunks(SUBJECTS_MAX / 2) {
        let mut rows = Vec::with_capacity(2 * part.len());
        for (before, after) in part {
            rows.extend(subjects::replace(tx, by, before.clone(), after).await?);
        }
        log(tx, "subjects.changed", by, file, part.len(), rows).await?;
    }
    Ok(())
}

async fn log(
    tx: &mut Tx,
    kind: &'static str,
    by: &str,
    file: &str,
    count: usize,
    rows: Vec<RowCommitment>,
) -> Result<(), ApiError> {
    let detail = json!({ "count": count, "file": file });
    tx.act(NewAct { kind, actor: Some(by.to_owned()), detail, rows, blobs: Vec::new() }).await?;
    Ok(())
}
