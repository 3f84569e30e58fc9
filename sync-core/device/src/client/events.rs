//! What the app shows and pulls.

use super::Client;
use crate::{
    Result,
    records::{Event, Failure, Status},
    store::{blobs, entries, events, progress, segments},
};

/// Events in one answer.
const EVENTS_PER_CALL_MAX: u32 = 1_000;

impl Client {
    /// Events behind the one with id `after`, oldest first, at most `count_max`.
    pub fn events(&self, after: u64, count_max: u32) -> Result<Vec<Event>> {
        self.read(|db, _| events::after(db, after, count_max.min(EVENTS_PER_CALL_MAX)))
    }

    pub fn status(&self) -> Result<Status> {
        self.read(|db, _| {
            let (unsent_entries, unsent_bytes, oldest_unsent_ms) = entries::unsent_totals(db)?;
            let (unsent_blobs, unsent_blob_bytes, recovered_blobs) = blobs::totals(db)?;
            let (waiting, quarantined) = entries::odd_totals(db)?;
            let progress = progress::read(db)?;
            let mut stuck = segments::refused(db)?;
            stuck.extend(blobs::failures(db)?);
            Ok(Status {
                unsent_entries,
                unsent_bytes,
                unsent_blobs,
                unsent_blob_bytes,
                oldest_unsent_ms,
                last_error: progress.error.map(|(code, detail)| Failure { code, detail, subject: None }),
                stuck,
                quarantined,
                waiting,
                recovered_blobs,
                cursor: progress.position.map(|position| position.cursor),
                ledger_size: progress.checkpoint.map(|checkpoint| checkpoint.size),
                last_exchange_ms: progress.last_exchange_ms,
                last_event: events::newest(db)?,
            })
        })
    }
}
