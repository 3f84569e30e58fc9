//! The points of a save at which a phone can die, so that tests can let it die there.

/// In the order in which a save with evidence passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The evidence's bytes are in a temporary file, nothing is synced.
    BlobWritten,
    /// The evidence stands under its name; file and folder are synced.
    BlobDurable,
    /// All rows of the save are written and the transaction is open.
    RowsWritten,
    /// The transaction is committed; the caller has not been told.
    Committed,
}

/// The phone dies here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killed;

/// Told of every step. [`Killed`] ends the call at that point and cleans nothing up, and every later
/// call gets [`crate::Error::Closed`]: only opening the folder again goes on.
pub trait Probe: Send + Sync {
    fn reached(&self, step: Step) -> Result<(), Killed>;
}

/// Lets everything pass.
pub struct Unwatched;

impl Probe for Unwatched {
    fn reached(&self, _: Step) -> Result<(), Killed> {
        Ok(())
    }
}
