//! The log's epochs as its leaves tell them: what a checkpoint of an earlier one still says.

use crate::{
    error::ApiError,
    store::{self, Connection},
};
use liuhen_trace::CheckpointRef;

/// The log's first epoch. A restore opens the next.
pub const FIRST_EPOCH: u64 = 1;

/// Every epoch with its first leaf, in order; the first begins with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs(Vec<(u64, u64)>);

impl Default for Epochs {
    fn default() -> Self {
        Self::of([])
    }
}

impl Epochs {
    /// From the epochs behind the first, each with the leaf of the act that opened it.
    pub fn of(opened: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self(std::iter::once((FIRST_EPOCH, 0)).chain(opened).collect())
    }

    pub async fn read(conn: &mut Connection) -> Result<Self, ApiError> {
        let rows = store::epochs::all(conn).await?;
        Ok(Self::of(rows.iter().map(|row| (row.epoch as u64, row.leaf as u64))))
    }

    /// Leaves of the acts that opened epochs later than this one.
    pub fn opened_after(&self, epoch: u64) -> impl Iterator<Item = u64> {
        self.0.iter().filter(move |(opened, _)| *opened > epoch).map(|(_, leaf)| *leaf)
    }

    /// How much of the log that `checkpoint` speaks of stands in this one; all of it within the newest
    /// epoch.
    pub fn shared(&self, checkpoint: CheckpointRef) -> u64 {
        self.opened_after(checkpoint.epoch).next().map_or(checkpoint.size, |leaf| leaf.min(checkpoint.size))
    }

    /// How far the author of an entry at `leaf` knew this log. It depends on the epochs opened below
    /// that leaf alone, so that it is the same in every later epoch.
    pub fn known(&self, checkpoint: Option<CheckpointRef>, leaf: u64) -> u64 {
        let below = Self(self.0.iter().filter(|(_, opened)| *opened <= leaf).copied().collect());
        let of_this_log = |known: &CheckpointRef| below.0.iter().any(|(epoch, _)| *epoch == known.epoch);
        checkpoint.filter(of_this_log).map_or(0, |known| below.shared(known))
    }

    /// Where the epoch that `leaf` belongs to begins; `None` in the first one.
    pub fn reopened_before(&self, leaf: u64) -> Option<u64> {
        self.0.iter().skip(1).map(|(_, opened)| *opened).rfind(|opened| *opened <= leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liuhen_trace::Hash;

    fn at(epoch: u64, size: u64) -> Option<CheckpointRef> {
        Some(CheckpointRef { epoch, size, root: Hash::default() })
    }

    #[test]
    fn a_checkpoint_of_an_earlier_epoch_says_what_of_it_was_restored() {
        let epochs = Epochs::of([(2, 15), (4, 30)]);
        assert_eq!(epochs.known(at(1, 9), 20), 9);
        assert_eq!(epochs.known(at(1, 99), 20), 15);
        assert_eq!(epochs.known(at(2, 18), 20), 18);
        assert_eq!(epochs.known(at(2, 99), 31), 30);
        assert_eq!(epochs.known(None, 31), 0);
    }

    #[test]
    fn what_an_entry_knew_does_not_change_with_epochs_opened_behind_it() {
        let (before, after) = (Epochs::of([(2, 15)]), Epochs::of([(2, 15), (4, 30)]));
        for leaf in [3, 16, 29] {
            for epoch in 0..6 {
                for size in [0, 3, 14, 15, 29] {
                    assert_eq!(before.known(at(epoch, size), leaf), after.known(at(epoch, size), leaf));
                }
            }
        }
        assert_eq!(after.known(at(4, 16), 16), 0, "an epoch nobody had opened");
        assert_eq!(after.known(at(3, 16), 40), 0, "an epoch of another restore");
    }

    #[test]
    fn an_epoch_begins_with_the_act_that_opens_it() {
        let epochs = Epochs::of([(2, 15), (4, 30)]);
        let starts: Vec<_> = [0, 14, 15, 29, 30].map(|leaf| epochs.reopened_before(leaf)).into();
        assert_eq!(starts, [None, None, Some(15), Some(15), Some(30)]);
        assert_eq!(epochs.opened_after(1).collect::<Vec<_>>(), [15, 30]);
        assert_eq!(epochs.opened_after(3).collect::<Vec<_>>(), [30]);
    }
}
