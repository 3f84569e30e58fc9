//! What becomes of the entries of one document: **the decision whether an entry is admitted**.
//!
//! A pure function of the entries in leaf order and of who had the document when, so that
//! `verify-ledger` and a second server come to the same verdicts. It never depends on how many
//! entries were looked at together: that an entry waits depends on whether the changes it needs were
//! handed in before, and when it counts on the leaves they came in.
//!
//! ```text
//! pending ─┬─ author may not ──────────────→ quarantined | held
//!          ├─ needs a change not handed in → waiting ─┐ (released by that change)
//!          └─ everything is here ←────────────────────┘
//!               ├─ builds on a refused one → quarantined | held, as that one
//!               ├─ breaks a rule ──────────→ quarantined
//!               └─ else ───────────────────→ admitted
//! ```

use super::access::{Access, Scope};
use crate::ledger::Epochs;
use liuhen_engine::{
    document::{Admission, Author, Document, Pending},
    limits, scan,
};
use liuhen_inspection::{
    record::{self, RefusalDetail, SealDetail},
    task::Step,
};
use liuhen_trace::{ChainId, ChangeHash, CheckpointRef, DocumentId, EntryKind, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// Change bytes of one chain that may wait in one document: four times what the document may hold.
const WAITING_BYTES_PER_CHAIN_MAX: usize = 4 * limits::DOCUMENT_BYTES_MAX;

/// What became of an entry. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i64)]
pub enum Verdict {
    Pending = 0,
    Admitted = 1,
    /// A change it needs was not handed in yet.
    Waiting = 2,
    /// Breaks a rule, or builds on an entry that does.
    Quarantined = 3,
    /// Made while its author lost the document, as far as clocks of the ledger tell: kept, not counted.
    Held = 4,
}

impl Verdict {
    pub fn from_stored(verdict: i64) -> Option<Self> {
        use Verdict::{Admitted, Held, Pending, Quarantined, Waiting};
        [Pending, Admitted, Waiting, Quarantined, Held].into_iter().find(|known| *known as i64 == verdict)
    }
}

/// An entry of the document as it is logged.
#[derive(Debug, Clone)]
pub struct LoggedEntry {
    pub chain: ChainId,
    pub seq: u64,
    pub leaf: u64,
    pub kind: EntryKind,
    /// The account its device acts for.
    pub account: String,
    /// The server itself signed it, for somebody at the console.
    pub desk: bool,
    /// The newest checkpoint its device knew.
    pub checkpoint: Option<CheckpointRef>,
    pub change: Option<(ChangeHash, Vec<u8>)>,
    pub detail: Option<Vec<u8>>,
}

/// A verdict on an entry and what it had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub chain: ChainId,
    pub seq: u64,
    /// The leaf of its segment.
    pub leaf: u64,
    pub kind: EntryKind,
    pub account: String,
    pub before: Verdict,
    pub verdict: Verdict,
    /// Stable; for quarantined and held ones.
    pub code: Option<&'static str>,
    pub admitted_leaf: Option<u64>,
    /// The step of the task that an admitted receipt takes.
    pub step: Option<Step>,
}

/// What is known of a change that has a verdict which stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Admitted { leaf: u64 },
    Quarantined,
    Held,
}

/// One document, as far as it was judged.
pub struct Case {
    pub id: DocumentId,
    /// `None` when no task ever named the document; then nobody had access.
    pub document: Option<Document>,
    /// For each account that wrote: when it had the document.
    pub scopes: BTreeMap<String, Scope>,
    /// Sequence numbers of each chain's epoch entries for this document, ascending.
    pub epochs: BTreeMap<ChainId, Vec<u64>>,
    /// Changes judged before that the entries to come name.
    pub settled: BTreeMap<ChangeHash, Settled>,
    /// Entries that wait, in leaf order.
    pub waiting: Vec<LoggedEntry>,
    /// What a checkpoint of each epoch says of this log.
    pub log: Epochs,
}

/// An entry on its way through [`Case::judge`].
struct Candidate {
    entry: LoggedEntry,
    before: Verdict,
    needs: Vec<ChangeHash>,
}

/// A candidate with everything it needs, or with a refusal that needs no document.
struct Ready {
    candidate: Candidate,
    refused: Option<(Verdict, &'static str)>,
}

/// The changes an entry needs, or why it can never be admitted.
pub fn needs(entry: &LoggedEntry) -> Result<Vec<ChangeHash>, Refusal> {
    let mut needs = BTreeSet::new();
    if let Some((_, chunk)) = &entry.change {
        needs.extend(scan::scan(chunk)?.deps);
    }
    match (entry.kind, entry.detail.as_deref()) {
        (EntryKind::Seal, detail) => needs.extend(SealDetail::from_detail(detail.unwrap_or_default())?.heads),
        (EntryKind::Receipt, detail) => {
            Step::from_detail(detail.unwrap_or_default())?;
        }
        (EntryKind::Refusal, detail) => {
            RefusalDetail::from_detail(detail.unwrap_or_default())?;
        }
        (
            EntryKind::Edit
            | EntryKind::Capture
            | EntryKind::Gate
            | EntryKind::CheckIn
            | EntryKind::Resolution
            | EntryKind::Note
            | EntryKind::Epoch,
            _,
        ) => {}
    }
    if let Some((own, _)) = &entry.change {
        needs.remove(own);
    }
    Ok(needs.into_iter().collect())
}

impl Case {
    /// Judges entries that follow, in leaf order, on those judged before. Returns every verdict that
    /// is new, released entries included, in the order in which they were decided.
    pub fn judge(&mut self, pending: Vec<LoggedEntry>) -> Vec<Decision> {
        let mut order =
            Order { seen: self.settled.keys().copied().collect(), ready: Vec::new(), waiting: Vec::new() };
        for entry in std::mem::take(&mut self.waiting) {
            let needs = needs(&entry).unwrap_or_default();
            order.waiting.push(Candidate { entry, before: Verdict::Waiting, needs });
        }
        for entry in pending {
            self.take_in(&mut order, entry);
        }
        let mut decisions = self.decide(order.ready);
        for candidate in order.waiting {
            if candidate.before == Verdict::Pending {
                decisions.push(candidate.decision(Verdict::Waiting, None, None));
            }
            self.waiting.push(candidate.entry);
        }
        decisions
    }

    /// What can be said of an entry without the document, and whether it has to wait.
    fn take_in(&self, order: &mut Order, entry: LoggedEntry) {
        let refused = self.refused_access(&entry);
        let (needs, refused) = match (refused, needs(&entry)) {
            (Some(refused), _) => (Vec::new(), Some(refused)),
            (None, Ok(needs)) => (needs, None),
            (None, Err(refusal)) => (Vec::new(), Some((Verdict::Quarantined, refusal.code))),
        };
        let candidate = Candidate { entry, before: Verdict::Pending, needs };
        if refused.is_some() || order.has_all(self, &candidate) {
            order.accept(self, Ready { candidate, refused });
        } else if order.may_wait(&candidate.entry) {
            order.waiting.push(candidate);
        } else {
            order
                .accept(self, Ready { candidate, refused: Some((Verdict::Quarantined, "waiting.too_many")) });
        }
    }

    fn refused_access(&self, entry: &LoggedEntry) -> Option<(Verdict, &'static str)> {
        // What a restore may have lost says nothing against whoever relied on it.
        let reopened = self.log.reopened_before(entry.leaf);
        if self.document.is_none() {
            return Some(match reopened {
                Some(_) => (Verdict::Held, "document.not_restored"),
                None => (Verdict::Quarantined, "document.unknown"),
            });
        }
        // Nobody but the server signs with a desk's key, and it authorised the person in the commit that
        // logged the entry: the act behind the segment says so, and `verify-ledger` asks for it.
        if entry.desk {
            let decides = entry.kind == EntryKind::Resolution;
            return (!decides).then_some((Verdict::Quarantined, "desk.no_resolution"));
        }
        // It says nothing by itself, and whoever reads the chain's later changes must know of it.
        if entry.kind == EntryKind::Epoch {
            return None;
        }
        let known = self.log.known(entry.checkpoint, entry.leaf);
        let access =
            self.scopes.get(&entry.account).map_or(Access::Never, |scope| scope.at(entry.leaf, known));
        match access {
            Access::Assigned => None,
            Access::Never | Access::KnewOfLoss { .. } if access.is_older_than(reopened) => {
                Some((Verdict::Held, "access.not_restored"))
            }
            Access::Never => Some((Verdict::Quarantined, "access.never_assigned")),
            Access::KnewOfLoss { .. } => Some((Verdict::Quarantined, "access.left")),
            Access::Concurrent => Some((Verdict::Held, "access.concurrent")),
        }
    }

    /// Verdicts on entries that have everything they need, in order. Runs of edits go to the engine
    /// together; a seal is tried on a copy, because it is checked only after it was applied.
    fn decide(&mut self, ready: Vec<Ready>) -> Vec<Decision> {
        let mut decisions = Vec::with_capacity(ready.len());
        let mut run: Vec<Ready> = Vec::new();
        for item in ready {
            if item.candidate.entry.kind == EntryKind::Seal && item.refused.is_none() {
                self.decide_run(std::mem::take(&mut run), &mut decisions);
                decisions.push(self.decide_seal(item.candidate));
            } else {
                run.push(item);
            }
        }
        self.decide_run(run, &mut decisions);
        decisions
    }

    fn decide_run(&mut self, run: Vec<Ready>, decisions: &mut Vec<Decision>) {
        let offered: Vec<bool> =
            run.iter().map(|item| item.refused.is_none() && item.candidate.entry.change.is_some()).collect();
        let pending: Vec<Pending> = run
            .iter()
            .zip(&offered)
            .filter(|(_, offered)| **offered)
            .filter_map(|(item, _)| self.pending(&item.candidate.entry))
            .collect();
        let mut admissions = match &mut self.document {
            Some(document) => document.admit_all(&pending).into_iter(),
            None => Vec::new().into_iter(),
        };
        for (item, offered) in run.into_iter().zip(offered) {
            let admission = if offered { admissions.next() } else { None };
            decisions.push(self.settle(item, admission));
        }
    }

    fn pending<'a>(&self, entry: &'a LoggedEntry) -> Option<Pending<'a>> {
        let (_, chunk) = entry.change.as_ref()?;
        Some(Pending { author: self.author(entry), chunk })
    }

    fn author(&self, entry: &LoggedEntry) -> Author {
        let epochs = self.epochs.get(&entry.chain);
        let epoch = epochs.map_or(0, |seqs| seqs.partition_point(|seq| *seq < entry.seq) as u64);
        Author { chain: entry.chain, seq: entry.seq, epoch }
    }

    fn decide_seal(&mut self, candidate: Candidate) -> Decision {
        let checked = self.inherited(&candidate).map_or_else(|| self.try_seal(&candidate.entry), Err);
        match checked {
            Ok(sealed) => {
                self.document = Some(sealed);
                self.settle(Ready { candidate, refused: None }, Some(Admission::Admitted))
            }
            Err(refused) => self.settle(Ready { candidate, refused: Some(refused) }, None),
        }
    }

    fn try_seal(&self, entry: &LoggedEntry) -> Result<Document, (Verdict, &'static str)> {
        let refused = |code| (Verdict::Quarantined, code);
        let mut scratch = self.document.clone().ok_or(refused("document.unknown"))?;
        if let Some(Pending { author, chunk }) = self.pending(entry) {
            match scratch.admit(author, chunk) {
                Admission::Admitted | Admission::Duplicate => {}
                Admission::Refused(refusal) => return Err(refused(refusal.code)),
                Admission::Waiting(_) => return Err(refused("change.dependency_missing")),
            }
        }
        let detail = entry.detail.as_deref().unwrap_or_default();
        let checked = SealDetail::from_detail(detail).and_then(|detail| record::check(&scratch, &detail));
        checked.map(|_| scratch).map_err(|_| refused("seal.mismatch"))
    }

    /// The refusal an entry takes over from one it builds on: a rule's before a loss of access.
    fn inherited(&self, candidate: &Candidate) -> Option<(Verdict, &'static str)> {
        let settled = |kind| candidate.needs.iter().any(|need| self.settled.get(need) == Some(&kind));
        if settled(Settled::Quarantined) {
            Some((Verdict::Quarantined, "change.builds_on_quarantined"))
        } else if settled(Settled::Held) {
            Some((Verdict::Held, "change.builds_on_held"))
        } else {
            None
        }
    }

    fn settle(&mut self, item: Ready, admission: Option<Admission>) -> Decision {
        let candidate = item.candidate;
        let refused = item.refused.or_else(|| self.inherited(&candidate)).or(match admission {
            None | Some(Admission::Admitted | Admission::Duplicate) => None,
            Some(Admission::Refused(refusal)) => Some((Verdict::Quarantined, refusal.code)),
            Some(Admission::Waiting(_)) => Some((Verdict::Quarantined, "change.dependency_missing")),
        });
        let (verdict, code) =
            refused.map_or((Verdict::Admitted, None), |(verdict, code)| (verdict, Some(code)));
        let admitted_leaf = (verdict == Verdict::Admitted).then(|| self.admitted_leaf(&candidate));
        let settled = match (admitted_leaf, verdict) {
            (Some(leaf), _) => Settled::Admitted { leaf },
            (None, Verdict::Held) => Settled::Held,
            (None, _) => Settled::Quarantined,
        };
        if let Some((hash, _)) = candidate.entry.change {
            let known = self.settled.entry(hash).or_insert(settled);
            *known = (*known).better(settled);
        }
        candidate.decision(verdict, code, admitted_leaf)
    }

    /// Its own leaf, or the last at which something it needs began to count.
    fn admitted_leaf(&self, candidate: &Candidate) -> u64 {
        let needed = candidate.needs.iter().filter_map(|need| match self.settled.get(need) {
            Some(Settled::Admitted { leaf }) => Some(*leaf),
            Some(Settled::Quarantined | Settled::Held) | None => None,
        });
        needed.fold(candidate.entry.leaf, u64::max)
    }
}

impl Settled {
    /// The same change may stand in two entries: that it was admitted once is what counts.
    fn better(self, other: Self) -> Self {
        match (self, other) {
            (Settled::Admitted { leaf: a }, Settled::Admitted { leaf: b }) => {
                Settled::Admitted { leaf: a.min(b) }
            }
            (Settled::Admitted { .. }, _) => self,
            (_, Settled::Admitted { .. }) => other,
            (Settled::Quarantined, _) | (_, Settled::Quarantined) => Settled::Quarantined,
            (Settled::Held, Settled::Held) => Settled::Held,
        }
    }
}

impl Candidate {
    fn decision(&self, verdict: Verdict, code: Option<&'static str>, admitted_leaf: Option<u64>) -> Decision {
        let entry = &self.entry;
        let step = match (entry.kind, verdict, &entry.detail) {
            (EntryKind::Receipt, Verdict::Admitted, Some(detail)) => Step::from_detail(detail).ok(),
            _ => None,
        };
        Decision {
            chain: entry.chain,
            seq: entry.seq,
            leaf: entry.leaf,
            kind: entry.kind,
            account: entry.account.clone(),
            before: self.before,
            verdict,
            code,
            admitted_leaf,
            step,
        }
    }
}

/// The order in which entries have everything they need.
struct Order {
    /// Changes that were handed in, themselves with everything they need.
    seen: BTreeSet<ChangeHash>,
    ready: Vec<Ready>,
    waiting: Vec<Candidate>,
}

impl Order {
    fn has_all(&self, case: &Case, candidate: &Candidate) -> bool {
        // The skeleton above all, which nobody hands in.
        let in_document =
            |need: &ChangeHash| case.document.as_ref().is_some_and(|document| document.contains(*need));
        candidate.needs.iter().all(|need| self.seen.contains(need) || in_document(need))
    }

    /// Takes an entry that has everything, and then all that waited for it, the first first.
    fn accept(&mut self, case: &Case, item: Ready) {
        let mut news = item.candidate.entry.change.as_ref().is_some_and(|(hash, _)| self.seen.insert(*hash));
        self.ready.push(item);
        while news {
            news = false;
            if let Some(at) = (0..self.waiting.len()).find(|at| self.has_all(case, &self.waiting[*at])) {
                let candidate = self.waiting.remove(at);
                news = true;
                if let Some((hash, _)) = &candidate.entry.change {
                    self.seen.insert(*hash);
                }
                self.ready.push(Ready { candidate, refused: None });
            }
        }
    }

    fn may_wait(&self, entry: &LoggedEntry) -> bool {
        let size = |entry: &LoggedEntry| entry.change.as_ref().map_or(0, |(_, chunk)| chunk.len());
        let of_chain = || self.waiting.iter().filter(|waiting| waiting.entry.chain == entry.chain);
        let bytes: usize = of_chain().map(|waiting| size(&waiting.entry)).sum();
        of_chain().count() < limits::WAITING_PER_CHAIN_MAX
            && bytes + size(entry) <= WAITING_BYTES_PER_CHAIN_MAX
    }
}
