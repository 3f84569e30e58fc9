//! Reads from the store what judging a document takes, and makes the visit row from the result.

use super::{
    access::{Change, Scope},
    judgement::{Case, LoggedEntry, Settled, Verdict, needs},
};
use crate::{
    error::ApiError,
    ledger::Epochs,
    store::{
        self, Connection,
        exchange::EntryRow,
        feed::{FeedKind, ScopeRow},
        verdicts::{EpochRow, SettledRow},
        visits::VisitRow,
    },
};
use liuhen_engine::{document::Document, field::ActorId};
use liuhen_inspection::{
    checklist::Checklist,
    conflict::{ConflictState, Writer, Writers},
    record::Signing,
    visit::{self, VisitView},
};
use liuhen_trace::{Canonical, ChainId, ChangeHash, DocumentId, EntryKind, Refusal, entry::Body};
use std::collections::{BTreeMap, BTreeSet};

/// Entries judged together for one document: bounds memory and how long others wait.
const CASE_ENTRIES_MAX: i64 = 256;
/// Bodies and changes among them. One entry is always taken.
const CASE_BYTES_MAX: usize = 1024 * 1024;
/// Waiting entries read at once; more than all chains of a visit may have waiting.
const WAITING_READ_MAX: i64 = 10_000;

/// A document with the entries to be judged next and what its view takes.
pub struct Docket {
    pub case: Case,
    pub pending: Vec<LoggedEntry>,
    pub basis: ViewBasis,
}

/// What a view is made from beside the document.
pub struct ViewBasis {
    /// `None` when no task names the document.
    pub checklist: Option<Checklist>,
    pub people: BTreeMap<ChainId, Author>,
    /// Seals and refusals to sign that were admitted before.
    pub signings: Vec<Signing>,
}

/// The person a chain writes for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    pub account: String,
    /// Real name, as in the device's grant.
    pub name: String,
    /// The server holds the chain's key and signs for the person.
    pub desk: bool,
}

/// A row of ours that cannot be read: a fault of storage, not of a phone.
pub fn damaged(what: &'static str) -> ApiError {
    ApiError::unprocessable("document.damaged", format!("a stored row cannot be read: {what}"))
}

/// Reads a document and its next pending entries.
pub async fn load(conn: &mut Connection, document: &str, log: &Epochs) -> Result<Docket, ApiError> {
    let id: DocumentId = document.parse().map_err(|_| damaged("entry.document"))?;
    let people = people(conn, document).await?;
    let rows = pending_rows(conn, document).await?;
    let pending = logged_all(&rows, &people)?;
    let waiting =
        store::verdicts::of_document(conn, document, Verdict::Waiting as i64, (-1, -1), WAITING_READ_MAX);
    let waiting = logged_all(&waiting.await?, &people)?;
    let checklist = checklist_of(conn, document).await?;
    let saved = store::visits::saved(conn, id).await?;
    let body = checklist.as_ref().map(|checklist| open(id, checklist, saved.as_deref())).transpose()?;
    let case = Case {
        id,
        document: body,
        scopes: scopes(conn, id, people.values()).await?,
        epochs: epochs(&store::verdicts::epochs(conn, document).await?)?,
        settled: settled(conn, document, pending.iter().chain(&waiting)).await?,
        waiting,
        log: log.clone(),
    };
    let signings = signings(conn, document, &people).await?;
    Ok(Docket { case, pending, basis: ViewBasis { checklist, people, signings } })
}

async fn pending_rows(conn: &mut Connection, document: &str) -> Result<Vec<EntryRow>, ApiError> {
    const PAGE: i64 = 32;
    let (mut rows, mut bytes, mut after) = (Vec::new(), 0, (-1, -1));
    while (rows.len() as i64) < CASE_ENTRIES_MAX {
        let page = store::verdicts::of_document(conn, document, Verdict::Pending as i64, after, PAGE).await?;
        let last = (page.len() as i64) < PAGE;
        for row in page {
            bytes += row.body.len() + row.change.as_ref().map_or(0, Vec::len);
            if bytes > CASE_BYTES_MAX && !rows.is_empty() {
                return Ok(rows);
            }
            after = (row.leaf, row.seq);
            rows.push(row);
        }
        if last {
            break;
        }
    }
    Ok(rows)
}

/// The document as saved, or a new one with its skeleton.
pub fn open(id: DocumentId, checklist: &Checklist, saved: Option<&[u8]>) -> Result<Document, Refusal> {
    let shape = visit::shape(checklist);
    match saved {
        Some(saved) => Document::load(id, shape, saved),
        None => Document::new(id, shape, &visit::skeleton(checklist, id)),
    }
}

pub async fn checklist_of(conn: &mut Connection, document: &str) -> Result<Option<Checklist>, ApiError> {
    let Some(task) = store::tasks::by_visit(conn, document).await? else { return Ok(None) };
    let row =
        store::checklists::by_hash(conn, &task.checklist).await?.ok_or_else(|| damaged("task.checklist"))?;
    Ok(Some(Checklist::from_bytes(&row.bytes)?))
}

/// Everybody whose devices wrote about the document.
pub async fn people(conn: &mut Connection, document: &str) -> Result<BTreeMap<ChainId, Author>, ApiError> {
    let mut people = BTreeMap::new();
    for chain in store::verdicts::chains(conn, document).await? {
        let device =
            store::exchange::device_of(conn, chain).await?.ok_or_else(|| damaged("segment.device"))?;
        let row = store::devices::by_id(conn, &device.to_string()).await?.ok_or_else(|| damaged("device"))?;
        let grant = row.grant()?;
        let desk = grant.is_desk();
        people.insert(chain, Author { account: grant.account, name: grant.person, desk });
    }
    Ok(people)
}

pub async fn scopes(
    conn: &mut Connection,
    document: DocumentId,
    authors: impl Iterator<Item = &Author>,
) -> Result<BTreeMap<String, Scope>, ApiError> {
    let mut scopes = BTreeMap::new();
    for author in authors {
        if !scopes.contains_key(&author.account) {
            scopes.insert(author.account.clone(), scope(conn, &author.account, document).await?);
        }
    }
    Ok(scopes)
}

pub async fn scope(conn: &mut Connection, account: &str, document: DocumentId) -> Result<Scope, ApiError> {
    let told = store::feed::scope(conn, account, document).await?;
    Ok(Scope::of(told.iter().map(|row: &ScopeRow| match FeedKind::from_stored(row.kind) {
        Some(FeedKind::Left) => Change::Lost(row.leaf as u64),
        _ => Change::Told(row.leaf as u64),
    })))
}

pub fn epochs(rows: &[EpochRow]) -> Result<BTreeMap<ChainId, Vec<u64>>, ApiError> {
    let mut epochs: BTreeMap<ChainId, Vec<u64>> = BTreeMap::new();
    for row in rows {
        let chain = ChainId::from_slice(&row.chain).ok_or_else(|| damaged("entry.chain"))?;
        epochs.entry(chain).or_default().push(row.seq as u64);
    }
    Ok(epochs)
}

/// Verdicts on the changes the entries need and did not bring themselves.
async fn settled(
    conn: &mut Connection,
    document: &str,
    entries: impl Iterator<Item = &LoggedEntry>,
) -> Result<BTreeMap<ChangeHash, Settled>, ApiError> {
    let needed: BTreeSet<ChangeHash> = entries.flat_map(|entry| needs(entry).unwrap_or_default()).collect();
    let mut settled = BTreeMap::new();
    for need in needed {
        if let Some(row) = store::verdicts::settled(conn, document, need).await? {
            settled.insert(need, from_row(row)?);
        }
    }
    Ok(settled)
}

fn from_row(row: SettledRow) -> Result<Settled, ApiError> {
    match (Verdict::from_stored(row.verdict), row.admitted_leaf) {
        (Some(Verdict::Admitted), Some(leaf)) => Ok(Settled::Admitted { leaf: leaf as u64 }),
        (Some(Verdict::Quarantined), None) => Ok(Settled::Quarantined),
        (Some(Verdict::Held), None) => Ok(Settled::Held),
        _ => Err(damaged("entry.verdict")),
    }
}

fn logged_all(rows: &[EntryRow], people: &BTreeMap<ChainId, Author>) -> Result<Vec<LoggedEntry>, ApiError> {
    rows.iter().map(|row| logged(row, people)).collect()
}

/// An entry as judging sees it.
pub fn logged(row: &EntryRow, people: &BTreeMap<ChainId, Author>) -> Result<LoggedEntry, ApiError> {
    let open = row.open()?;
    let chain = ChainId::from_slice(&row.chain).ok_or_else(|| damaged("entry.chain"))?;
    let author = people.get(&chain).ok_or_else(|| damaged("entry.chain"))?;
    Ok(LoggedEntry {
        chain,
        seq: row.seq as u64,
        leaf: row.leaf as u64,
        kind: open.kind,
        account: author.account.clone(),
        desk: author.desk,
        checkpoint: open.body.checkpoint,
        change: open.body.change.zip(open.change),
        detail: open.body.detail,
    })
}

async fn signings(
    conn: &mut Connection,
    document: &str,
    people: &BTreeMap<ChainId, Author>,
) -> Result<Vec<Signing>, ApiError> {
    let mut signings = Vec::new();
    for kind in [EntryKind::Seal, EntryKind::Refusal] {
        for row in store::verdicts::admitted_of_kind(conn, document, kind as i64).await? {
            let body = Body::from_canonical(&row.body)?;
            let chain = ChainId::from_slice(&row.chain).ok_or_else(|| damaged("entry.chain"))?;
            signings.extend(signing(kind, chain, body.detail.as_deref(), people));
        }
    }
    Ok(signings)
}

/// A seal or a refusal to sign with its person; `None` for what is neither.
pub fn signing(
    kind: EntryKind,
    chain: ChainId,
    detail: Option<&[u8]>,
    people: &BTreeMap<ChainId, Author>,
) -> Option<Signing> {
    let author = people.get(&chain)?;
    let by = Writer { chain, account: author.account.as_str().into(), name: author.name.clone() };
    Signing::read(kind, detail?, by).ok().flatten()
}

impl ViewBasis {
    /// The row for a document as it stands after judging.
    pub fn visit_row(&self, case: &Case) -> Option<VisitRow> {
        let (document, checklist) = (case.document.as_ref()?, self.checklist.as_ref()?);
        let view = VisitView::of(checklist, document, &self.writers(case), &self.signings);
        let open = view.conflicts.iter().filter(|conflict| conflict.state == ConflictState::Open).count();
        Some(VisitRow {
            document: case.id.to_string(),
            saved: document.save(),
            heads: VisitRow::pack_heads(&document.heads()),
            view: serde_json::to_string(&view).expect("a view has string keys only"),
            conflicts: view.conflicts.len() as i64,
            open_conflicts: open as i64,
        })
    }

    /// Every actor a chain may have written as.
    fn writers(&self, case: &Case) -> Writers {
        let mut writers = Writers::new();
        for (chain, author) in &self.people {
            let epochs = case.epochs.get(chain).map_or(0, Vec::len) as u64;
            for epoch in 0..=epochs {
                let writer = Writer {
                    chain: *chain,
                    account: author.account.as_str().into(),
                    name: author.name.clone(),
                };
                writers.insert(ActorId::derive(*chain, case.id, epoch), writer);
            }
        }
        writers
    }
}
