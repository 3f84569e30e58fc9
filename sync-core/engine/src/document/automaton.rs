//! The automerge document behind a fence: what it refuses, panics at or saves unreadably never
//! reaches the copy that is kept.

use automerge::{Automerge, Change};
use liuhen_trace::{ChangeHash, Refusal};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone)]
pub(super) struct Automaton {
    document: Automerge,
    /// A change at which automerge is made to panic, half way through a batch.
    #[cfg(test)]
    pub panics_at: Option<ChangeHash>,
}

fn not_applicable(detail: impl std::fmt::Display) -> Refusal {
    Refusal::new("change.not_applicable", detail.to_string())
}

/// Runs automerge and turns a panic in it into a refusal. What `work` wrote to must be dropped then:
/// it may be half changed.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(not_applicable("automerge panicked")))
}

impl Automaton {
    /// A document of `changes`, which must lead to `heads`.
    pub fn build(changes: Vec<Change>, heads: &[ChangeHash]) -> Result<Self, Refusal> {
        let mut automaton = Self {
            document: Automerge::new(),
            #[cfg(test)]
            panics_at: None,
        };
        guarded(|| automaton.extend(changes, heads))?;
        Ok(automaton)
    }

    /// Applies changes to a scratch copy, saves it, loads it again, and compares heads. Only then is
    /// the copy kept.
    pub fn apply(&mut self, changes: Vec<Change>, heads: &[ChangeHash]) -> Result<(), Refusal> {
        let scratch = guarded(|| {
            let mut scratch = self.clone();
            scratch.extend(changes, heads)?;
            let loaded = Automerge::load(&scratch.document.save()).map_err(not_applicable)?;
            check_heads(&loaded, heads)?;
            Ok(scratch)
        })?;
        *self = scratch;
        Ok(())
    }

    fn extend(&mut self, changes: Vec<Change>, heads: &[ChangeHash]) -> Result<(), Refusal> {
        #[cfg(test)]
        let changes = self.panicking(changes);
        self.document.apply_changes(changes).map_err(not_applicable)?;
        check_heads(&self.document, heads)
    }

    #[cfg(test)]
    fn panicking(&mut self, changes: Vec<Change>) -> Vec<Change> {
        for change in &changes {
            let applied = self.document.apply_changes([change.clone()]);
            assert!(applied.is_ok() && self.panics_at != Some(ChangeHash(change.hash().0)));
        }
        changes
    }
}

fn check_heads(document: &Automerge, heads: &[ChangeHash]) -> Result<(), Refusal> {
    let mut found: Vec<ChangeHash> =
        document.get_heads().into_iter().map(|hash| ChangeHash(hash.0)).collect();
    found.sort_unstable();
    if found == heads { Ok(()) } else { Err(not_applicable("other heads than expected")) }
}
