//! Every verdict judged again from the ledger, and every visit made again from its entries.

use super::{Findings, acts::Expected};
use crate::{
    error::ApiError,
    exchange::{
        access::Scope,
        case::{self, ViewBasis},
        judgement::{Case, Decision, LoggedEntry, Verdict},
    },
    store::{
        self, Connection,
        audit::Table,
        exchange::EntryRow,
        feed::{self, FeedKind},
    },
};
use liuhen_trace::{ChainId, DocumentId, EntryKind};
use std::collections::{BTreeMap, BTreeSet};

/// Documents listed at once.
const DOCUMENTS_MAX: i64 = 256;
/// Entries judged at once: the verdicts do not depend on it.
const ENTRIES_MAX: i64 = 256;

/// A verdict as stored or as judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    leaf: u64,
    account: String,
    verdict: i64,
    code: Option<String>,
    admitted_leaf: Option<u64>,
}

type Outcomes = BTreeMap<(ChainId, u64), Outcome>;

pub async fn check(conn: &mut Connection, expected: &Expected, findings: &mut Findings) -> anyhow::Result<()> {
    let (mut after, mut visits) = (String::new(), 0);
    loop {
        let read = store::audit::documents(conn, &after, DOCUMENTS_MAX).await;
        let Some(page) = findings.read(None, "entry.document", read) else { break };
        for document in &page {
            let checked = check_document(conn, document, expected, findings).await;
            let place = format!("visit {document}");
            visits += u64::from(findings.read(None, place, checked).unwrap_or_default());
        }
        match page.last() {
            Some(last) if page.len() as i64 == DOCUMENTS_MAX => after.clone_from(last),
            _ => break,
        }
    }
    let found = findings.read(None, "visit", store::audit::count(conn, Table::Visit).await);
    findings.count("visit", found, visits);
    Ok(())
}

/// Returns whether the document has to have a visit row.
async fn check_document(
    conn: &mut Connection,
    document: &str,
    expected: &Expected,
    findings: &mut Findings,
) -> Result<bool, ApiError> {
    let (mut case, mut basis) = begin(conn, document).await?;
    check_scopes(conn, &case, expected, findings).await?;
    let (stored, judged) = replay(conn, &mut case, &mut basis).await?;
    for (key, stored) in &stored {
        let (chain, seq) = key;
        let place = format!("entry {chain}/{seq}");
        match judged.get(key) {
            Some(judged) if judged == stored => {}
            Some(judged) => {
                let what = format!("verdict {} instead of {}", told(stored), told(judged));
                findings.add(Some(stored.leaf), place, what);
            }
            None => findings.add(Some(stored.leaf), place, "has a verdict before entries that came before it"),
        }
    }
    let admitted_leaf = judged.values().filter_map(|outcome| outcome.admitted_leaf).max();
    let place = format!("visit {document}");
    let made = if admitted_leaf.is_some() { basis.visit_row(&case) } else { None };
    let found = findings.read(admitted_leaf, &place, store::audit::visit(conn, document).await);
    if let Some(found) = found.filter(|found| *found != made) {
        let what = match (&found, &made) {
            (None, _) => "the row is not there",
            (Some(_), None) => "nothing of this visit was admitted",
            (Some(found), Some(made)) if found.saved != made.saved => "the saved document is not that of its entries",
            (Some(found), Some(made)) if found.heads != made.heads => "the heads are not those of its entries",
            (Some(found), Some(made)) if found.view != made.view => "the view is not that of its entries",
            (Some(_), Some(_)) => "the conflicts are not those of its entries",
        };
        findings.add(admitted_leaf, place, what);
    }
    check_told(conn, &case, &judged, findings).await?;
    Ok(made.is_some())
}

async fn begin(conn: &mut Connection, document: &str) -> Result<(Case, ViewBasis), ApiError> {
    let id: DocumentId = document.parse().map_err(|_| case::damaged("entry.document"))?;
    let people = case::people(conn, document).await?;
    let checklist = case::checklist_of(conn, document).await?;
    let body = checklist.as_ref().map(|checklist| case::open(id, checklist, None)).transpose()?;
    let head = store::ledger::head(conn).await?;
    let case = Case {
        id,
        document: body,
        scopes: case::scopes(conn, id, people.values()).await?,
        epochs: case::epochs(&store::verdicts::epochs(conn, document).await?)?,
        settled: BTreeMap::new(),
        waiting: Vec::new(),
        log_epoch: head.map_or(0, |head| head.epoch as u64),
    };
    Ok((case, ViewBasis { checklist, people, signings: Vec::new() }))
}

/// Judges all entries that have a verdict, in leaf order. Those without one follow them.
async fn replay(
    conn: &mut Connection,
    case: &mut Case,
    basis: &mut ViewBasis,
) -> Result<(Outcomes, Outcomes), ApiError> {
    let (mut stored, mut judged) = (Outcomes::new(), Outcomes::new());
    let (mut signings, mut after) = (Vec::new(), (-1, -1));
    let mut undecided = false;
    loop {
        let rows = store::verdicts::all_of_document(conn, &case.id.to_string(), after, ENTRIES_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = (last.leaf, last.seq);
        let mut entries = Vec::new();
        for row in &rows {
            let entry = case::logged(row, &basis.people)?;
            undecided |= row.verdict == Verdict::Pending as i64;
            if row.verdict != Verdict::Pending as i64 {
                stored.insert((entry.chain, entry.seq), as_stored(row, &entry));
            }
            if matches!(entry.kind, EntryKind::Seal | EntryKind::Refusal) {
                signings.push((entry.chain, entry.seq, entry.kind, entry.detail.clone()));
            }
            if !undecided {
                entries.push(entry);
            }
        }
        for decision in case.judge(entries) {
            judged.insert((decision.chain, decision.seq), as_judged(&decision));
        }
    }
    for (chain, seq, kind, detail) in signings {
        if judged.get(&(chain, seq)).is_some_and(|outcome| outcome.verdict == Verdict::Admitted as i64) {
            basis.signings.extend(case::signing(kind, chain, detail.as_deref(), &basis.people));
        }
    }
    Ok((stored, judged))
}

fn as_stored(row: &EntryRow, entry: &LoggedEntry) -> Outcome {
    Outcome {
        leaf: entry.leaf,
        account: entry.account.clone(),
        verdict: row.verdict,
        code: row.code.clone(),
        admitted_leaf: row.admitted_leaf.map(|leaf| leaf as u64),
    }
}

fn as_judged(decision: &Decision) -> Outcome {
    Outcome {
        leaf: decision.leaf,
        account: decision.account.clone(),
        verdict: decision.verdict as i64,
        code: decision.code.map(str::to_owned),
        admitted_leaf: decision.admitted_leaf,
    }
}

fn told(outcome: &Outcome) -> String {
    let verdict = Verdict::from_stored(outcome.verdict).map_or("unknown".to_owned(), |known| format!("{known:?}"));
    let code = outcome.code.as_deref().unwrap_or("no code");
    format!("{} ({code}, at {:?})", verdict.to_lowercase(), outcome.admitted_leaf)
}

/// The history that access is judged by ends where the committed assignment says, and begins and
/// ends each time at an act that wrote the assignment.
async fn check_scopes(
    conn: &mut Connection,
    case: &Case,
    expected: &Expected,
    findings: &mut Findings,
) -> Result<(), ApiError> {
    let visit = case.id.to_string();
    for (account, scope) in &case.scopes {
        let row = store::task_assignees::of_visit_and_account(conn, &visit, account).await?;
        let place = format!("feed {account} {visit}");
        let committed = row.as_ref().map(|row| (row.assigned_leaf as u64, row.left_leaf.map(|leaf| leaf as u64)));
        if scope.latest().map(|span| (span.gained, span.lost)) != committed {
            findings.add(committed.map(|(gained, _)| gained), &place, "not when the account held the task");
        }
        let Some(row) = row else { continue };
        let key = format!("{}/{}", row.task, row.account);
        let acts = expected.assignments.get(&key).cloned().unwrap_or_default();
        for leaf in leaves_of(scope).into_iter().filter(|leaf| !acts.contains(leaf)) {
            findings.add(Some(leaf), &place, "no act changed the assignment at this leaf");
        }
    }
    Ok(())
}

fn leaves_of(scope: &Scope) -> BTreeSet<u64> {
    scope.spans().iter().flat_map(|span| [Some(span.gained), span.lost]).flatten().collect()
}

/// Whoever holds the visit was told of every entry admitted since, and authors of what is quarantined.
async fn check_told(
    conn: &mut Connection,
    case: &Case,
    judged: &Outcomes,
    findings: &mut Findings,
) -> Result<(), ApiError> {
    let admitted: BTreeSet<(u64, u64)> =
        judged.values().filter_map(|outcome| Some((outcome.admitted_leaf?, outcome.leaf))).collect();
    let assignees = store::task_assignees::of_visit(conn, &case.id.to_string()).await?;
    for assignee in assignees.iter().filter(|assignee| assignee.left_leaf.is_none()) {
        for (admitted_leaf, segment) in &admitted {
            let (leaf, kind) = (*admitted_leaf as i64, FeedKind::Entries as i64);
            let reference = feed::entries_reference(*segment, case.id);
            if assignee.assigned_leaf <= leaf
                && !store::audit::is_told(conn, &assignee.account, leaf, kind, &reference).await?
            {
                let place = format!("feed {} {}", assignee.account, case.id);
                findings.add(Some(*admitted_leaf), place, "the account is not told of entries admitted here");
            }
        }
    }
    Ok(())
}
