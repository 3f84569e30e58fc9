//! After a quarantine, or after a chain the server will not continue: the lost entries stay as they
//! are, the document is rebuilt without them, and their values are offered again as new edits, each
//! naming the entry it replaces.

use super::{
    desk::{Desk, NewEntry},
    visits::known_grants,
};
use crate::{
    Error, Result,
    store::{
        chains, documents,
        entries::{self, EntryRow, EntryState},
        events::NewEvent,
        progress, segments,
    },
};
use liuhen_engine::{
    document::{Document, Put},
    exchange::Quarantine,
    field::Scalar,
    limits::FRESH_PER_ENTRY_MAX,
    shape::{Path, fresh_id, is_fresh_id},
    wire::WaitingEntry,
};
use liuhen_trace::{ChainId, ChangeHash, DocumentId, EntryKind, Grant};
use std::collections::{BTreeMap, BTreeSet};

/// A decision from the console that the server has forgotten, and an entry that was built on it.
const DECISION_LOST_CODE: &str = "change.decision_lost";

/// What a lost change had written.
type LostValues = BTreeMap<ChangeHash, Vec<(Path, Scalar)>>;

impl Desk<'_> {
    /// The server quarantined an own entry, and with it everything that builds on it.
    pub fn quarantine(&mut self, verdict: &Quarantine) -> Result<()> {
        let Quarantine { leaf, chain, seq, ref code } = *verdict;
        let Some(row) = entries::find(&self.tx, chain, seq)? else {
            // It went with its visit once it was receipted. That it does not count is told all the same.
            if chains::find(&self.tx, chain)?.is_some_and(|own| seq < own.next_seq) {
                let detail = format!("{chain}/{seq}: {code}");
                self.event(NewEvent { kind: "entry.quarantined", detail, ..NewEvent::default() })?;
            }
            return Ok(());
        };
        if !row.own || row.state == EntryState::Quarantined {
            return Ok(());
        }
        let Some(document) = row.open.body.document else { return Ok(()) };
        self.event_of("entry.quarantined", document, format!("{chain}/{seq}: {code}"))?;
        let lost = self.with_descendants(document, vec![row])?;
        for row in lost.iter().filter(|row| row.own) {
            entries::set_verdict_leaf(&self.tx, row.chain, row.seq, leaf)?;
        }
        self.give_up(document, lost, code)
    }

    /// Own entries wait at the server for changes it lacks. A decision from the console is handed in by
    /// nobody: a restored server that lacks one will never have it, and whatever builds on it would wait
    /// for ever.
    pub fn give_up_lost_decisions(&mut self, waiting: &[WaitingEntry]) -> Result<()> {
        let wanted: BTreeSet<ChangeHash> = waiting.iter().flat_map(|entry| &entry.wants).copied().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let grants = known_grants(&self.tx)?;
        let mut visits = BTreeSet::new();
        for entry in waiting {
            let known = entries::find(&self.tx, entry.chain, entry.seq)?;
            visits.extend(known.and_then(|row| row.open.body.document));
        }
        for document in visits {
            let mut decisions = entries::of_document(&self.tx, document)?;
            decisions.retain(|row| {
                let is_wanted = row.open.body.change.is_some_and(|change| wanted.contains(&change));
                is_wanted
                    && row.state != EntryState::Quarantined
                    && grants.get(&row.device).is_some_and(Grant::is_desk)
            });
            if decisions.is_empty() {
                continue;
            }
            self.event_of("decision.lost", document, "the server was restored without it")?;
            let lost = self.with_descendants(document, decisions)?;
            let (own, others): (Vec<_>, Vec<_>) = lost.into_iter().partition(|row| row.own);
            for row in others {
                let (state, code) = (EntryState::Quarantined, Some(DECISION_LOST_CODE));
                entries::set_state(&self.tx, row.chain, row.seq, state, code)?;
            }
            self.give_up(document, own, DECISION_LOST_CODE)?;
        }
        Ok(())
    }

    /// The server will never log these entries: another entry stands at their place, or they break a
    /// rule of the log. The chain ends, and what it had not handed in goes into the next one.
    pub fn abandon(&mut self, chain: ChainId, first_seq: u64, code: &str, detail: &str) -> Result<()> {
        // Entries saved meanwhile stand in no segment yet; left so, they would be sent for ever.
        if let Some(row) = chains::find(&self.tx, chain)? {
            while self.cut(&row)? {}
        }
        let lost: Vec<EntryRow> = entries::run(&self.tx, chain, first_seq, u64::MAX)?
            .into_iter()
            .filter(|row| row.state == EntryState::Unsent)
            .collect();
        segments::refuse_from(&self.tx, chain, first_seq, code, detail)?;
        self.end_chain(chain, code, detail)?;
        let visits: BTreeSet<DocumentId> = lost.iter().filter_map(|row| row.open.body.document).collect();
        for document in visits {
            let of_visit =
                lost.iter().filter(|row| row.open.body.document == Some(document)).cloned().collect();
            self.event_of("segment.refused", document, format!("{chain}/{first_seq}: {code}: {detail}"))?;
            let lost = self.with_descendants(document, of_visit)?;
            self.give_up(document, lost, code)?;
        }
        Ok(())
    }

    /// Ends the open chain if it is this one; the next write begins another.
    pub fn end_chain(&mut self, chain: ChainId, code: &str, detail: &str) -> Result<()> {
        if chains::open_chain(&self.tx)?.is_some_and(|open| open.chain == chain) {
            chains::end(&self.tx, code)?;
            progress::owe_everything(&self.tx)?;
            let detail = format!("{code}: {detail}");
            self.event(NewEvent { kind: "chain.restarted", detail, ..NewEvent::default() })?;
        }
        Ok(())
    }

    /// The entries and all whose change builds on one of their changes, in the order in which they
    /// were stored.
    fn with_descendants(&mut self, document: DocumentId, roots: Vec<EntryRow>) -> Result<Vec<EntryRow>> {
        let places: BTreeSet<(ChainId, u64)> = roots.iter().map(|row| (row.chain, row.seq)).collect();
        let rows = entries::of_document(&self.tx, document)?;
        let Some(opened) = self.documents.find(&self.tx, document)? else { return Ok(roots) };
        let mut lost: BTreeSet<ChangeHash> = roots.iter().filter_map(|row| row.open.body.change).collect();
        loop {
            let before = lost.len();
            for change in rows.iter().filter_map(|row| row.open.body.change) {
                let deps = opened.document.deps(change).unwrap_or_default();
                if deps.iter().any(|dep| lost.contains(dep)) {
                    lost.insert(change);
                }
            }
            // Rows stand in the order of their dependencies, all but colleagues' that had to wait.
            if lost.len() == before {
                break;
            }
        }
        let is_lost = |row: &EntryRow| {
            let change = row.open.body.change.filter(|_| row.state != EntryState::Quarantined);
            places.contains(&(row.chain, row.seq)) || change.is_some_and(|change| lost.contains(&change))
        };
        Ok(rows.into_iter().filter(is_lost).collect())
    }

    fn give_up(&mut self, document: DocumentId, lost: Vec<EntryRow>, code: &str) -> Result<()> {
        let values = match self.documents.find(&self.tx, document)? {
            Some(opened) => written_by(&opened.document, &lost),
            None => LostValues::new(),
        };
        let (lost, others): (Vec<EntryRow>, Vec<EntryRow>) = lost.into_iter().partition(|row| row.own);
        for row in &others {
            // A colleague's work on top of it has nothing to stand on.
            entries::set_state(&self.tx, row.chain, row.seq, EntryState::Waiting, None)?;
        }
        for row in &lost {
            entries::set_state(&self.tx, row.chain, row.seq, EntryState::Quarantined, Some(code))?;
        }
        self.documents.forget(document);
        if documents::task_of(&self.tx, document)?.is_none_or(|task| task.departed) {
            return Ok(());
        }
        self.begin_epoch(document, &lost)?;
        let mut renamed = BTreeMap::new();
        for row in lost {
            let values = row.open.body.change.and_then(|change| values.get(&change));
            let again = code == DECISION_LOST_CODE;
            self.offer_again(document, &row, values, again, &mut renamed)?;
        }
        Ok(())
    }

    /// The lost changes used up sequence numbers of this chain's actor, so it goes on as another.
    fn begin_epoch(&mut self, document: DocumentId, lost: &[EntryRow]) -> Result<()> {
        let open = self.chain()?.chain;
        if lost.iter().any(|row| row.chain == open && row.open.change.is_some()) {
            self.append(NewEntry::new(EntryKind::Epoch, document))?;
        }
        Ok(())
    }

    /// One lost entry as a new one. An entry that was itself such an offer is not offered a third
    /// time, unless nothing was wrong with it: it stays in the status with its code. Signatures are given
    /// by people, not by a program.
    fn offer_again(
        &mut self,
        document: DocumentId,
        row: &EntryRow,
        values: Option<&Vec<(Path, Scalar)>>,
        is_sound: bool,
        renamed: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        let open = &row.open;
        let signed = matches!(open.kind, EntryKind::Seal | EntryKind::Refusal | EntryKind::Epoch);
        if signed || (open.body.replaces.is_some() && !is_sound) {
            return self.event_of("entry.not_offered_again", document, format!("{}/{}", row.chain, row.seq));
        }
        let entry = NewEntry {
            blobs: open.body.blobs.clone(),
            place: open.body.place,
            replaces: Some(row.hash),
            detail: open.body.detail.clone(),
            ..NewEntry::new(open.kind, document)
        };
        let Some(values) = values else {
            // A step of the task has no change; once its chain ended it must be told anew.
            let ended = chains::open_chain(&self.tx)?.is_none_or(|chain| chain.chain != row.chain);
            if ended && open.change.is_none() {
                self.append(entry)?;
            }
            return Ok(());
        };
        let puts = self.renamed_puts(row, values, renamed)?;
        match self.edit(&puts, entry) {
            Ok(_) => Ok(()),
            Err(Error::Refused(refusal)) => {
                self.documents.forget(document);
                self.event_of(
                    "entry.not_offered_again",
                    document,
                    format!("{}/{}: {refusal}", row.chain, row.seq),
                )
            }
            Err(error) => Err(error),
        }
    }

    /// The values under the fresh ids that the new entry may make. Ids of items made by the lost
    /// entry change, and with them whatever refers to those items.
    fn renamed_puts(
        &mut self,
        row: &EntryRow,
        values: &[(Path, Scalar)],
        renamed: &mut BTreeMap<String, String>,
    ) -> Result<Vec<Put>> {
        let chain = self.chain()?;
        for id in values.iter().filter_map(|(path, _)| path.item.as_ref()) {
            if is_fresh_id(id, row.chain, row.seq) {
                let made = (0..FRESH_PER_ENTRY_MAX).find(|n| fresh_id(row.chain, row.seq, *n) == *id);
                let fresh = fresh_id(chain.chain, chain.next_seq, made.unwrap_or_default());
                renamed.insert(id.clone(), fresh);
            }
        }
        let new_id = |id: &String| renamed.get(id).cloned();
        let puts = values.iter().map(|(path, value)| {
            let mut path = path.clone();
            if let Some(item) = path.item.as_ref().and_then(new_id) {
                path.item = Some(item);
            }
            let value = match value {
                Scalar::Text(text) => Scalar::Text(new_id(text).unwrap_or_else(|| text.clone())),
                Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) => value.clone(),
            };
            Put { path, value }
        });
        Ok(puts.collect())
    }
}

/// Everything the lost changes had written, whether or not it still showed.
fn written_by(document: &Document, lost: &[EntryRow]) -> LostValues {
    let changes: BTreeSet<ChangeHash> = lost.iter().filter_map(|row| row.open.body.change).collect();
    let mut values = LostValues::new();
    for (path, history) in document.fields() {
        let replaced = history.replaced.iter().map(|(written, _)| written);
        for written in history.current.iter().chain(replaced) {
            if changes.contains(&written.change) {
                values.entry(written.change).or_default().push((path.clone(), written.value.clone()));
            }
        }
    }
    values
}
