//! Every verdict judged again from the ledger, and every visit made again from its entries.

use super::{
    Findings,
    feed::{self, Quarantines},
};
use crate::{
    error::ApiError,
    exchange::{
        case::{self, ViewBasis},
        judgement::{Case, Decision, LoggedEntry, Verdict},
    },
    ledger::Epochs,
    store::{self, Connection, audit::Table, exchange::EntryRow},
};
use liuhen_trace::{ChainId, DocumentId, EntryKind};
use std::collections::BTreeMap;

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

pub async fn check(
    conn: &mut Connection,
    quarantines: &Quarantines,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let (mut after, mut visits) = (String::new(), 0);
    loop {
        let read = store::audit::documents(conn, &after, DOCUMENTS_MAX).await;
        let Some(page) = findings.read(None, "entry.document", read) else { break };
        for document in &page {
            let checked = check_document(conn, document, quarantines, findings).await;
            let place = format!("visit {document}");
            visits += u64::from(findings.read(None, place, checked).unwrap_or_default());
        }
        let full = page.len() as i64 == DOCUMENTS_MAX;
        match findings.behind("entry.document", full, &after, page.last().cloned()) {
            Some(last) => after = last,
            None => break,
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
    quarantines: &Quarantines,
    findings: &mut Findings,
) -> Result<bool, ApiError> {
    let (mut case, mut basis) = begin(conn, document).await?;
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
            None => {
                findings.add(Some(stored.leaf), place, "has a verdict before entries that came before it")
            }
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
            (Some(found), Some(made)) if found.saved != made.saved => {
                "the saved document is not that of its entries"
            }
            (Some(found), Some(made)) if found.heads != made.heads => {
                "the heads are not those of its entries"
            }
            (Some(found), Some(made)) if found.view != made.view => "the view is not that of its entries",
            (Some(_), Some(_)) => "the conflicts are not those of its entries",
        };
        findings.add(admitted_leaf, place, what);
    }
    let told = judged.iter().map(|((chain, seq), outcome)| feed::Judged {
        chain: *chain,
        seq: *seq,
        segment: outcome.leaf,
        account: &outcome.account,
        verdict: outcome.verdict,
        admitted_leaf: outcome.admitted_leaf,
    });
    feed::check_document(conn, case.id, &told.collect::<Vec<_>>(), quarantines, findings).await?;
    Ok(made.is_some())
}

async fn begin(conn: &mut Connection, document: &str) -> Result<(Case, ViewBasis), ApiError> {
    let id: DocumentId = document.parse().map_err(|_| case::damaged("entry.document"))?;
    let people = case::people(conn, document).await?;
    let checklist = case::checklist_of(conn, document).await?;
    let body = checklist.as_ref().map(|checklist| case::open(id, checklist, None)).transpose()?;
    let case = Case {
        id,
        document: body,
        scopes: case::scopes(conn, id, people.values()).await?,
        epochs: case::epochs(&store::verdicts::epochs(conn, document).await?)?,
        settled: BTreeMap::new(),
        waiting: Vec::new(),
        log: Epochs::read(conn).await?,
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
        if (last.leaf, last.seq) <= after {
            return Err(case::damaged("entry: the rows are not in order"));
        }
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
    let verdict =
        Verdict::from_stored(outcome.verdict).map_or("unknown".to_owned(), |known| format!("{known:?}"));
    let code = outcome.code.as_deref().unwrap_or("no code");
    format!("{} ({code}, at {:?})", verdict.to_lowercase(), outcome.admitted_leaf)
}
