//! The feed: everybody is told what became true for them, at the leaf at which it did, and nothing
//! else. Who has which document when is read from here, so it must be what the acts say.

use super::{Findings, acts::Expected};
use crate::{
    error::ApiError,
    exchange::{access::Scope, case, judgement::Verdict},
    store::{
        self, CommittedRow as _, Connection,
        audit::FeedAuditRow,
        blobs::BlobRow,
        feed::{
            FeedKind, entries_reference, entry_reference, parse_entries_reference, parse_entry_reference,
        },
        task_assignees::TaskAssigneeRow,
    },
};
use liuhen_trace::{ChainId, DocumentId};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rows read at once.
const ROWS_MAX: i64 = 1_000;

/// The acts that say of entries that they are quarantined.
#[derive(Default)]
pub struct Quarantines {
    leaves: BTreeMap<(ChainId, u64), u64>,
}

/// What became of an entry.
pub struct Judged<'a> {
    pub chain: ChainId,
    pub seq: u64,
    pub segment: u64,
    pub account: &'a str,
    pub verdict: i64,
    pub admitted_leaf: Option<u64>,
}

/// The detail of an act `entry.quarantined`.
#[derive(Deserialize)]
struct QuarantineDetail {
    entries: Vec<QuarantinedEntry>,
}

#[derive(Deserialize)]
struct QuarantinedEntry {
    chain: String,
    seq: u64,
}

impl Quarantines {
    pub fn take_in(&mut self, leaf: u64, kind: &str, detail: &str) {
        if kind != "entry.quarantined" {
            return;
        }
        let detail: Option<QuarantineDetail> = serde_json::from_str(detail).ok();
        for entry in detail.into_iter().flat_map(|detail| detail.entries) {
            if let Ok(chain) = entry.chain.parse() {
                self.leaves.insert((chain, entry.seq), leaf);
            }
        }
    }
}

fn row(account: &str, leaf: u64, kind: FeedKind, reference: Vec<u8>) -> FeedAuditRow {
    FeedAuditRow { account: account.to_owned(), leaf: leaf as i64, kind: kind as i64, reference }
}

async fn expect_told(conn: &mut Connection, row: FeedAuditRow, findings: &mut Findings) {
    let leaf = u64::try_from(row.leaf).ok();
    let place = format!("feed {} {} {} {}", row.account, row.leaf, row.kind, hex::encode(&row.reference));
    if findings.read(leaf, &place, store::audit::is_told(conn, &row).await) == Some(false) {
        findings.add(leaf, place, "the account is not told");
    }
}

/// Whoever holds the document was told of every entry admitted since, and each author of every
/// entry that is quarantined.
pub async fn check_document(
    conn: &mut Connection,
    document: DocumentId,
    judged: &[Judged<'_>],
    quarantines: &Quarantines,
    findings: &mut Findings,
) -> Result<(), ApiError> {
    let admitted: BTreeSet<(u64, u64)> =
        judged.iter().filter_map(|entry| Some((entry.admitted_leaf?, entry.segment))).collect();
    let assignees = store::task_assignees::of_visit(conn, &document.to_string()).await?;
    for assignee in assignees.iter().filter(|assignee| assignee.left_leaf.is_none()) {
        for (leaf, segment) in admitted.iter().filter(|(leaf, _)| assignee.assigned_leaf <= *leaf as i64) {
            let reference = entries_reference(*segment, document);
            expect_told(conn, row(&assignee.account, *leaf, FeedKind::Entries, reference), findings).await;
        }
    }
    for entry in judged.iter().filter(|entry| entry.verdict == Verdict::Quarantined as i64) {
        match quarantines.leaves.get(&(entry.chain, entry.seq)) {
            Some(leaf) => {
                let reference = entry_reference(entry.chain, entry.seq);
                expect_told(conn, row(entry.account, *leaf, FeedKind::Quarantined, reference), findings)
                    .await;
            }
            None => {
                let place = format!("entry {}/{}", entry.chain, entry.seq);
                findings.add(Some(entry.segment), place, "no act says that it is quarantined");
            }
        }
    }
    Ok(())
}

/// Assignments and files were told, and no row is there without a reason.
pub async fn check(conn: &mut Connection, expected: &Expected, findings: &mut Findings) {
    let assignments = expected.latest.get(TaskAssigneeRow::TABLE).into_iter().flatten();
    for (key, (_, leaf)) in assignments {
        let checked = check_assignment(conn, key, expected, findings).await;
        findings.read(Some(*leaf), format!("task_assignee {key}"), checked);
    }
    let blobs = expected.latest.get(BlobRow::TABLE).into_iter().flatten();
    for (key, (_, leaf)) in blobs {
        let checked = check_blob(conn, key, *leaf, findings).await;
        findings.read(Some(*leaf), format!("blob {key}"), checked);
    }
    let mut after = FeedAuditRow { account: String::new(), leaf: -1, kind: -1, reference: Vec::new() };
    loop {
        let read = store::audit::feed(conn, &after, ROWS_MAX).await;
        let Some(page) = findings.read(None, "feed", read) else { return };
        for row in &page {
            let leaf = u64::try_from(row.leaf).ok();
            let place =
                format!("feed {} {} {} {}", row.account, row.leaf, row.kind, hex::encode(&row.reference));
            if findings.read(leaf, &place, justified(conn, row, expected).await) == Some(false) {
                findings.add(leaf, place, "nothing happened at this leaf that the account is to be told");
            }
        }
        let full = page.len() as i64 == ROWS_MAX;
        match findings.behind("feed", full, &after, page.last().cloned()) {
            Some(last) => after = last,
            None => return,
        }
    }
}

/// The account's history of the document ends where the assignment says, turns only at acts that
/// wrote it, and holds every state of the task while the account had it.
async fn check_assignment(
    conn: &mut Connection,
    key: &str,
    expected: &Expected,
    findings: &mut Findings,
) -> Result<(), ApiError> {
    let Some((task, account)) = key.split_once('/') else { return Ok(()) };
    let Some(task) = store::tasks::by_id(conn, task).await? else { return Ok(()) };
    let assignment = store::task_assignees::of_visit_and_account(conn, &task.visit, account).await?;
    let Some(assignment) = assignment else { return Ok(()) };
    let document: DocumentId = task.visit.parse().map_err(|_| case::damaged("task.visit"))?;
    let scope = case::scope(conn, account, document).await?;
    let (gained, lost) = (assignment.assigned_leaf as u64, assignment.left_leaf.map(|leaf| leaf as u64));
    let place = format!("feed {account} {document}");
    if scope.latest().map(|span| (span.gained, span.lost)) != Some((gained, lost)) {
        findings.add(Some(gained), &place, "not when the account held the task");
    }
    let acts = expected.assignments.get(key).cloned().unwrap_or_default();
    for leaf in turns(&scope).into_iter().filter(|leaf| !acts.contains(leaf)) {
        findings.add(Some(leaf), &place, "no act changed the assignment at this leaf");
    }
    let states = expected.tasks.get(&task.id).cloned().unwrap_or_default();
    for leaf in states.into_iter().filter(|leaf| gained <= *leaf && lost.is_none_or(|lost| *leaf < lost)) {
        let reference = document.0.to_vec();
        expect_told(conn, row(account, leaf, FeedKind::Matter, reference), findings).await;
    }
    Ok(())
}

fn turns(scope: &Scope) -> BTreeSet<u64> {
    scope.spans().iter().flat_map(|span| [Some(span.gained), span.lost]).flatten().collect()
}

/// Everybody who announced a file was told that it is held, at the later of the two leaves.
async fn check_blob(
    conn: &mut Connection,
    key: &str,
    held: u64,
    findings: &mut Findings,
) -> Result<(), ApiError> {
    let hash = hex::decode(key).map_err(|_| case::damaged("blob.hash"))?;
    for account in store::audit::announcers(conn, &hash).await? {
        for announced in store::audit::announced_at(conn, &hash, &account).await? {
            let leaf = held.max(announced as u64);
            expect_told(conn, row(&account, leaf, FeedKind::Held, hash.clone()), findings).await;
        }
    }
    Ok(())
}

/// Whether something happened at a row's leaf that its account is to be told.
async fn justified(conn: &mut Connection, row: &FeedAuditRow, expected: &Expected) -> Result<bool, ApiError> {
    let Some(kind) = FeedKind::from_stored(row.kind) else { return Ok(false) };
    match kind {
        FeedKind::Matter | FeedKind::Left => {
            let Some(document) = DocumentId::from_slice(&row.reference) else { return Ok(false) };
            let Some(assignment) = held(conn, document, &row.account).await? else { return Ok(false) };
            let leaf = row.leaf as u64;
            let own = expected.assignments.get(&assignment.key()).is_some_and(|acts| acts.contains(&leaf));
            Ok(own || kind == FeedKind::Matter && concerns(conn, &assignment, leaf, expected).await?)
        }
        FeedKind::Entries => {
            let Some((segment, document)) = parse_entries_reference(&row.reference) else { return Ok(false) };
            let assigned = held(conn, document, &row.account).await?.is_some();
            let (segment, document) = (segment as i64, document.to_string());
            Ok(assigned && store::audit::is_admitted(conn, segment, &document, row.leaf).await?)
        }
        FeedKind::Quarantined => {
            let Some((chain, seq)) = parse_entry_reference(&row.reference) else { return Ok(false) };
            let verdict = store::audit::verdict(conn, chain.as_bytes(), seq as i64).await?;
            let device = store::exchange::device_of(conn, chain).await?.map(|device| device.to_string());
            let device = store::devices::by_id(conn, &device.unwrap_or_default()).await?;
            Ok(verdict == Some(Verdict::Quarantined as i64)
                && device.is_some_and(|device| device.account == row.account)
                && expected.quarantines.leaves.get(&(chain, seq)) == Some(&(row.leaf as u64)))
        }
        FeedKind::Held => {
            let latest =
                expected.latest.get(BlobRow::TABLE).and_then(|rows| rows.get(&hex::encode(&row.reference)));
            let Some((_, held)) = latest else { return Ok(false) };
            let announced = store::audit::announced_at(conn, &row.reference, &row.account).await?;
            Ok(announced.iter().any(|announced| row.leaf == (*held as i64).max(*announced)))
        }
    }
}

async fn held(
    conn: &mut Connection,
    document: DocumentId,
    account: &str,
) -> Result<Option<TaskAssigneeRow>, ApiError> {
    Ok(store::task_assignees::of_visit_and_account(conn, &document.to_string(), account).await?)
}

/// Whether an act at this leaf wrote anything of the task that its holders see.
async fn concerns(
    conn: &mut Connection,
    assignment: &TaskAssigneeRow,
    leaf: u64,
    expected: &Expected,
) -> Result<bool, ApiError> {
    let wrote = |acts: Option<&BTreeSet<u64>>| acts.is_some_and(|acts| acts.contains(&leaf));
    if wrote(expected.tasks.get(&assignment.task)) {
        return Ok(true);
    }
    for other in store::task_assignees::of_task(conn, &assignment.task).await? {
        if wrote(expected.assignments.get(&other.key())) {
            return Ok(true);
        }
    }
    let reviews = store::reviews::of_visit(conn, &assignment.visit).await?;
    Ok(reviews.iter().any(|review| wrote(expected.reviews.get(&review.key()))))
}
