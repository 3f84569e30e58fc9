//! The admission job: gives every logged entry about a document its verdict, soon after its commit
//! and never in the request that brought it.
//!
//! Documents are taken in the order of their first pending leaf, some at a time; judging runs on
//! the blocking threads, reading before it and one commit after it. The job sleeps until the ledger
//! grows.

use super::{
    advance,
    case::{self, Docket},
    judgement::{Decision, Verdict},
};
use crate::{
    AppState,
    error::ApiError,
    ledger::{Latest, Ledger, NewAct, Tx},
    store::{
        self, Connection, Store,
        feed::{self, FeedKind},
        verdicts::NewVerdict,
        visits::VisitRow,
    },
};
use axum::http::StatusCode;
use futures::{FutureExt, future::join_all};
use liuhen_trace::{DocumentId, EntryKind};
use serde_json::json;
use sqlx::Connection as _;
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::watch;

/// Documents judged side by side: bounds memory, and gives a group commit enough to share.
const DOCUMENTS_MAX: usize = 16;
/// Pending entries looked at to find them.
const PENDING_LOOK_MAX: i64 = 512;
/// After a failure of storage, before the next try.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// How long an exchange waits for verdicts on what is logged: a few times what judging takes, about
/// one round trip of a phone, which another exchange would cost it.
pub const SETTLE_TIME_MAX: Duration = Duration::from_millis(500);

/// Waits a moment until everything that was logged when the caller asked has a verdict, and returns
/// the log as it stands then. Without this, a phone that hands in would be told nothing from its own
/// leaf on, and would learn of a task issued just before only with its next exchange.
pub async fn settled(state: &AppState, asked: Latest) -> Latest {
    let mut judged = state.judged.clone();
    let all = judged.wait_for(|below| *below >= asked.state.size);
    // When it takes longer the answer says less, and the next one the rest.
    let _ = tokio::time::timeout(SETTLE_TIME_MAX, all).await;
    state.ledger.latest()
}

/// Runs for as long as the server does, and tells the leaf below which every entry has a verdict.
/// Aborting it loses nothing: whatever has no verdict is pending at the next start.
pub async fn run(store: Store, ledger: Ledger, judged: watch::Sender<u64>) {
    let mut commits = ledger.subscribe();
    loop {
        commits.mark_unchanged();
        match drain(&store, &ledger, &judged).await {
            Ok(()) => {
                if commits.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "admission failed; trying again");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
    }
}

/// Judges until nothing is pending.
async fn drain(store: &Store, ledger: &Ledger, judged: &watch::Sender<u64>) -> Result<(), ApiError> {
    while judge_some(store, ledger, judged).await? {}
    Ok(())
}

/// What judging one document gave.
#[derive(Clone)]
struct Judged {
    document: DocumentId,
    decisions: Vec<Decision>,
    visit: Option<VisitRow>,
}

/// Judges the documents that have waited longest. `false` when nothing is pending.
async fn judge_some(
    store: &Store,
    ledger: &Ledger,
    judged_below: &watch::Sender<u64>,
) -> Result<bool, ApiError> {
    let mut conn = store.read().await?;
    // One snapshot: segments are logged meanwhile, and a chain must not appear between two reads.
    let mut snapshot = conn.begin().await?;
    judged_below.send_replace(verdicts_below(&mut snapshot).await?);
    let pending = store::verdicts::pending_documents(&mut snapshot, PENDING_LOOK_MAX).await?;
    let mut documents: Vec<String> = Vec::new();
    for document in pending {
        if documents.len() < DOCUMENTS_MAX && !documents.contains(&document) {
            documents.push(document);
        }
    }
    if documents.is_empty() {
        return Ok(false);
    }
    let mut judging = Vec::with_capacity(documents.len());
    let mut damaged = Vec::new();
    for document in documents {
        match case::load(&mut snapshot, &document, ledger.epochs()).await {
            Ok(docket) => {
                let judged = tokio::task::spawn_blocking(move || judge(docket));
                judging.push(judged.map(|outcome| outcome.map_err(|error| (document, error.to_string()))));
            }
            Err(error) if error.status().is_server_error() => return Err(error),
            Err(error) => damaged.push((document, error.to_string())),
        }
    }
    drop(snapshot);
    drop(conn);
    let mut judged = Vec::with_capacity(judging.len());
    for outcome in join_all(judging).await {
        match outcome {
            Ok(done) => judged.push(done),
            Err(failed) => damaged.push(failed),
        }
    }
    write_all(ledger, judged, damaged).await?;
    Ok(true)
}

/// Writes what judging gave, together. Where that fails for another reason than storage, document
/// by document, so that one of them cannot keep the others from their verdicts for ever.
async fn write_all(
    ledger: &Ledger,
    judged: Vec<Judged>,
    damaged: Vec<(String, String)>,
) -> Result<(), ApiError> {
    let (all, unreadable) = (judged.clone(), damaged.clone());
    let together = ledger.commit(move |tx| async move { write(tx, all, unreadable).await }.boxed());
    match together.await {
        Err(error) if error.status() != StatusCode::SERVICE_UNAVAILABLE => {
            tracing::error!(%error, "verdicts could not be written together");
        }
        outcome => return outcome.map(drop),
    }
    for (document, error) in damaged {
        hold_apart(ledger, document, error).await?;
    }
    for one in judged {
        let document = one.document.to_string();
        let alone = ledger.commit(move |tx| async move { write(tx, vec![one], Vec::new()).await }.boxed());
        match alone.await {
            Err(error) if error.status() != StatusCode::SERVICE_UNAVAILABLE => {
                hold_apart(ledger, document, error.to_string()).await?;
            }
            outcome => drop(outcome?),
        }
    }
    Ok(())
}

async fn hold_apart(ledger: &Ledger, document: String, error: String) -> Result<(), ApiError> {
    let held = ledger.commit(move |tx| async move { hold_damaged(tx, &document, &error).await }.boxed());
    held.await.map(drop)
}

async fn verdicts_below(conn: &mut Connection) -> Result<u64, ApiError> {
    Ok(match store::exchange::first_pending_leaf(conn).await? {
        Some(leaf) => leaf,
        None => store::ledger::head(conn).await?.map_or(0, |head| head.size as u64),
    })
}

fn judge(docket: Docket) -> Judged {
    let Docket { mut case, pending, mut basis } = docket;
    let signing: Vec<_> = pending
        .iter()
        .chain(&case.waiting)
        .filter(|entry| matches!(entry.kind, EntryKind::Seal | EntryKind::Refusal))
        .map(|entry| (entry.chain, entry.seq, entry.kind, entry.detail.clone()))
        .collect();
    let decisions = case.judge(pending);
    for (chain, seq, kind, detail) in signing {
        let admitted = |decision: &&Decision| (decision.chain, decision.seq) == (chain, seq);
        if decisions.iter().find(admitted).is_some_and(|decision| decision.verdict == Verdict::Admitted) {
            basis.signings.extend(case::signing(kind, chain, detail.as_deref(), &basis.people));
        }
    }
    let admitted = decisions.iter().any(|decision| decision.verdict == Verdict::Admitted);
    let visit = if admitted { basis.visit_row(&case) } else { None };
    Judged { document: case.id, decisions, visit }
}

async fn write(tx: &mut Tx, judged: Vec<Judged>, damaged: Vec<(String, String)>) -> Result<(), ApiError> {
    for (document, error) in damaged {
        hold_damaged(tx, &document, &error).await?;
    }
    for judged in judged {
        write_verdicts(tx, judged.document, &judged.decisions).await?;
        if let Some(visit) = &judged.visit {
            store::visits::save(tx.conn(), visit).await?;
        }
        write_feed(tx, judged.document, &judged.decisions).await?;
        log_refused(tx, judged.document, &judged.decisions).await?;
        advance::advance(tx, judged.document, &judged.decisions).await?;
    }
    Ok(())
}

async fn write_verdicts(tx: &mut Tx, document: DocumentId, decisions: &[Decision]) -> Result<(), ApiError> {
    let mut sorted: Vec<&Decision> = decisions.iter().collect();
    sorted.sort_by_key(|decision| (decision.chain, decision.seq));
    // Of pending entries a batch holds all up to its last, so a run of equal verdicts is one range.
    let alike = |a: &&Decision, b: &&Decision| {
        a.before == Verdict::Pending
            && (a.chain, a.before, a.verdict, a.code, a.admitted_leaf)
                == (b.chain, b.before, b.verdict, b.code, b.admitted_leaf)
    };
    for run in sorted.chunk_by(alike) {
        let (first, last) = (run[0], run[run.len() - 1]);
        let verdict = NewVerdict {
            document,
            chain: first.chain,
            first_seq: first.seq,
            last_seq: last.seq,
            before: first.before as i64,
            verdict: first.verdict as i64,
            code: first.code,
            admitted_leaf: first.admitted_leaf,
        };
        let written = store::verdicts::write(tx.conn(), &verdict).await?;
        if written != run.len() as u64 {
            return Err(ApiError::internal(format!("{written} verdicts written instead of {}", run.len())));
        }
    }
    Ok(())
}

/// Tells those who hold the document now; what was admitted before they got it comes as a backfill.
async fn write_feed(tx: &mut Tx, document: DocumentId, decisions: &[Decision]) -> Result<(), ApiError> {
    let places: BTreeSet<(u64, u64)> =
        decisions.iter().filter_map(|decision| Some((decision.admitted_leaf?, decision.leaf))).collect();
    if places.is_empty() {
        return Ok(());
    }
    let assignees = store::task_assignees::of_visit(tx.conn(), &document.to_string()).await?;
    for assignee in assignees.iter().filter(|assignee| assignee.left_leaf.is_none()) {
        for (admitted_leaf, segment_leaf) in &places {
            if (assignee.assigned_leaf as u64) <= *admitted_leaf {
                let reference = feed::entries_reference(*segment_leaf, document);
                feed::insert(tx.conn(), &assignee.account, *admitted_leaf, FeedKind::Entries, &reference)
                    .await?;
            }
        }
    }
    Ok(())
}

/// One document that cannot be judged must not keep all others from being told: what is pending of
/// it is held for a person to look at.
async fn hold_damaged(tx: &mut Tx, document: &str, error: &str) -> Result<(), ApiError> {
    tracing::error!(document, error, "the document cannot be judged; its entries are held");
    store::verdicts::hold_pending(tx.conn(), document, "document.damaged").await?;
    let detail = json!({ "visit": document, "code": "document.damaged" });
    tx.act(NewAct { kind: "entry.held", actor: None, detail, rows: Vec::new(), blobs: Vec::new() }).await?;
    Ok(())
}

/// An act for the entries that do not count, and word to their authors of those that never will.
async fn log_refused(tx: &mut Tx, document: DocumentId, decisions: &[Decision]) -> Result<(), ApiError> {
    for (verdict, kind) in [(Verdict::Quarantined, "entry.quarantined"), (Verdict::Held, "entry.held")] {
        let refused: Vec<&Decision> =
            decisions.iter().filter(|decision| decision.verdict == verdict).collect();
        if refused.is_empty() {
            continue;
        }
        let entries: Vec<_> = refused
            .iter()
            .map(|decision| json!({ "chain": decision.chain.to_string(), "seq": decision.seq, "code": decision.code }))
            .collect();
        let detail = json!({ "visit": document.to_string(), "entries": entries });
        let leaf = tx.act(NewAct { kind, actor: None, detail, rows: Vec::new(), blobs: Vec::new() }).await?;
        if verdict == Verdict::Quarantined {
            for decision in refused {
                let reference = feed::entry_reference(decision.chain, decision.seq);
                feed::insert(tx.conn(), &decision.account, leaf, FeedKind::Quarantined, &reference).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Signer;
    use liuhen_trace::ChainId;

    /// A verdict on an entry that is not there, which cannot be written.
    fn unwritable(document: DocumentId) -> Judged {
        let decision = Decision {
            chain: ChainId([7; 16]),
            seq: 0,
            leaf: 0,
            account: "nobody".to_owned(),
            before: Verdict::Pending,
            verdict: Verdict::Admitted,
            code: None,
            admitted_leaf: Some(0),
            kind: EntryKind::Edit,
            step: None,
        };
        Judged { document, decisions: vec![decision], visit: None }
    }

    fn writable(document: DocumentId) -> Judged {
        let visit = VisitRow {
            document: document.to_string(),
            saved: Vec::new(),
            heads: Vec::new(),
            view: "{}".to_owned(),
            conflicts: 0,
            open_conflicts: 0,
        };
        Judged { document, decisions: Vec::new(), visit: Some(visit) }
    }

    #[tokio::test]
    async fn a_document_whose_verdicts_cannot_be_written_keeps_no_other_from_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let signer = Signer::open(&folder.path().join("signer")).expect("keys");
        let (store, writer) = Store::open(folder.path()).await.expect("a database");
        let (ledger, _committer) = Ledger::start(writer, signer).await.expect("a committer");
        let (bad, good) = (DocumentId([1; 16]), DocumentId([2; 16]));
        write_all(&ledger, vec![unwritable(bad), writable(good)], Vec::new()).await.expect("written");
        let mut conn = store.read().await.expect("a reader");
        assert!(store::visits::find(&mut conn, good).await.expect("a query").is_some());
        assert_eq!(ledger.latest().state.size, 1, "the act that holds the other one");
    }
}
