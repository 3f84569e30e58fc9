//! Who had a document when, in leaves of the ledger.
//!
//! Time is an interval: an act came after the checkpoint its entry embeds and before the leaf that
//! holds it. So an entry was made *after* a loss of access at leaf L when its checkpoint includes L,
//! *before* it when its own leaf is below L, and otherwise nobody can tell.

/// Leaves at which an account got and lost a document, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub gained: u64,
    pub lost: Option<u64>,
}

/// What an author's right to write was when an entry was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Assigned,
    /// The document was never the account's.
    Never,
    /// The loss was known on the device when the entry was made.
    KnewOfLoss {
        lost: u64,
    },
    /// The entry came in after the loss, and may have been made before it.
    Concurrent,
}

/// One thing that happened to an account's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The matter was told to the account; the first time after a loss is an assignment.
    Told(u64),
    Lost(u64),
}

impl Scope {
    /// From what the account was told, in leaf order.
    pub fn of(changes: impl IntoIterator<Item = Change>) -> Self {
        let mut spans: Vec<Span> = Vec::new();
        for change in changes {
            let open = spans.last_mut().filter(|span| span.lost.is_none());
            match (change, open) {
                (Change::Told(leaf), None) => spans.push(Span { gained: leaf, lost: None }),
                (Change::Lost(leaf), Some(span)) => span.lost = Some(leaf),
                (Change::Told(_), Some(_)) | (Change::Lost(_), None) => {}
            }
        }
        Self { spans }
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub fn latest(&self) -> Option<Span> {
        self.spans.last().copied()
    }

    /// For an entry at `leaf` whose device knew the log up to `known`.
    pub fn at(&self, leaf: u64, known: u64) -> Access {
        let Some(span) = self.spans.iter().rev().find(|span| span.gained < leaf) else {
            return Access::Never;
        };
        match span.lost.filter(|lost| *lost < leaf) {
            None => Access::Assigned,
            Some(lost) if known > lost => Access::KnewOfLoss { lost },
            Some(_) => Access::Concurrent,
        }
    }
}

impl Access {
    /// Whether it was so already when the log's epoch began, at `reopened`: what changed it may have
    /// been lost.
    pub fn is_older_than(self, reopened: Option<u64>) -> bool {
        match self {
            Access::Never => reopened.is_some(),
            Access::KnewOfLoss { lost } => reopened.is_some_and(|reopened| lost < reopened),
            Access::Assigned | Access::Concurrent => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_follows_assignments_and_the_checkpoint_an_entry_knew() {
        let scope = Scope::of([Change::Told(3), Change::Told(5), Change::Lost(8), Change::Told(12)]);
        assert_eq!(scope.latest(), Some(Span { gained: 12, lost: None }));
        assert_eq!(scope.at(3, 0), Access::Never);
        assert_eq!(scope.at(7, 4), Access::Assigned);
        assert_eq!(scope.at(9, 8), Access::Concurrent);
        assert_eq!(scope.at(9, 9), Access::KnewOfLoss { lost: 8 });
        assert_eq!(scope.at(13, 0), Access::Assigned);
        assert_eq!(Scope::default().at(9, 0), Access::Never);
    }
}
