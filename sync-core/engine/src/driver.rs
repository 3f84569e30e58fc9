//! When a phone exchanges, uploads and waits: a state machine without clock, network or storage.
//! The shell does what [`Driver::step`] says and reports what came of it.
//!
//! ```text
//!  ┌──────────────┐  Asked, Saved, Elapsed ┌────────────┐ ◄── more to fetch ──┐
//!  │ Idle         │ ─────────────────────► │ Exchanging │ ────────────────────┘
//!  │  (until when │                        └────────────┘
//!  │  items put   │ ◄── nothing left ───────  │  ▲   ▲ │
//!  │  aside may   │                   uploads │  │   │ │ failed, or `more`
//!  │  be tried)   │                           ▼  │   │ ▼ without progress
//!  │              │ ◄── nothing left ── ┌───────────┐  ┌────────────┐
//!  └──────────────┘                     │ Uploading │  │ BackingOff │
//!          │                            └───────────┘  └────────────┘
//!          │ Elapsed                         ▲  │ saved meanwhile, or all uploaded ► Exchanging
//!          └─────────────────────────────────┘  BackingOff ── Elapsed, Asked ► Exchanging
//! ```
//!
//! Entries go before evidence: work that is saved during an upload is handed in after the chunk on
//! its way. After the last upload one more exchange fetches the receipts. An item that fails is put
//! aside with a time of its own and the next one is taken; it never blocks the rest.

use liuhen_trace::BlobHash;
use std::{cmp, collections::BTreeMap};

/// First delay after a failure; doubled with each further one.
pub const RETRY_DELAY_MS_MIN: u64 = 1_000;
/// Longest delay after failures that may pass by themselves: a person who walks back into coverage
/// should not have to wait longer.
pub const RETRY_DELAY_MS_MAX: u64 = 5 * 60 * 1_000;
/// Delay after a refusal, which needs a person first; still tried again, so that nothing stays stuck
/// once the cause is gone.
pub const REFUSED_DELAY_MS: u64 = 30 * 60 * 1_000;
/// One upload request. Gateways cap bodies at 1 MB; a cut connection loses at most this.
pub const UPLOAD_CHUNK_BYTES_MAX: u64 = 512 * 1024;

/// Evidence that still has to be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    pub blob: BlobHash,
    pub size_bytes: u64,
}

/// Why an exchange or an upload failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Offline, cut, timed out, or the server is busy: the same again may succeed soon.
    Transient,
    /// The server or the phone's own store refused: a person has to look, the next try is late.
    Refused,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A person asked, or the network came back: try now.
    Asked,
    /// There is something new to hand in. Waits for a running backoff.
    Saved,
    /// The time of [`Action::RestUntil`] has come.
    Elapsed,
    /// An answer was judged and stored. `uploads` is everything that still has to be uploaded, the
    /// most urgent first; it replaces what was known. `progressed`: something was receipted or received.
    Exchanged {
        more: bool,
        progressed: bool,
        uploads: Vec<Upload>,
    },
    ExchangeFailed(Failure),
    /// The server holds the blob up to `offset`.
    Acknowledged {
        blob: BlobHash,
        offset: u64,
    },
    UploadFailed {
        blob: BlobHash,
        failure: Failure,
    },
}

/// What the shell does next; it reports the outcome as an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing until `Asked` or `Saved`.
    Rest,
    /// Nothing until this time (`Elapsed`), `Asked` or `Saved`.
    RestUntil {
        at_ms: u64,
    },
    Exchange,
    /// Ask the server, creating the upload if need be, up to where it holds the blob.
    Locate(Upload),
    /// Send at most `bytes_max` bytes of the blob from `offset`.
    Send {
        blob: BlobHash,
        offset: u64,
        bytes_max: u64,
    },
    /// The request on its way goes on; report its outcome.
    Continue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing to do, until `wake_ms` at the earliest where items were put aside.
    Idle {
        wake_ms: Option<u64>,
    },
    Exchanging,
    Uploading(Upload),
    BackingOff {
        until_ms: u64,
    },
}

/// An upload that failed, and when it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Aside {
    failures: u32,
    not_before_ms: u64,
}

/// The machine. One for each phone; it starts idle and holds nothing that must survive a restart.
#[derive(Debug)]
pub struct Driver {
    state: State,
    /// Exchanges that failed in a row.
    failures: u32,
    /// Something was saved since the last exchange began.
    unsent: bool,
    /// Something was uploaded since the last exchange began.
    unreceipted: bool,
    uploads: Vec<Upload>,
    aside: BTreeMap<BlobHash, Aside>,
}

impl Default for Driver {
    fn default() -> Self {
        Self::new()
    }
}

impl Driver {
    pub fn new() -> Self {
        Self {
            state: State::Idle { wake_ms: None },
            failures: 0,
            unsent: false,
            unreceipted: false,
            uploads: Vec::new(),
            aside: BTreeMap::new(),
        }
    }

    /// One step. `now_ms` is a monotonic clock; `jitter` any number, fresh for each step. An event
    /// that does not belong to the request on its way (a late answer) changes nothing.
    pub fn step(&mut self, event: Event, now_ms: u64, jitter: u64) -> Action {
        match (self.state, event) {
            (State::Idle { .. } | State::BackingOff { .. }, Event::Asked) => {
                self.aside.values_mut().for_each(|aside| aside.not_before_ms = now_ms);
                self.exchange()
            }
            (State::Idle { .. }, Event::Saved) => self.exchange(),
            (State::Idle { wake_ms: Some(wake_ms) }, Event::Elapsed) if wake_ms <= now_ms => {
                self.next(now_ms)
            }
            (State::BackingOff { until_ms }, Event::Elapsed) if until_ms <= now_ms => self.exchange(),
            (State::BackingOff { .. } | State::Exchanging | State::Uploading(_), Event::Saved)
            | (State::Exchanging | State::Uploading(_), Event::Asked) => {
                self.unsent = true;
                self.pending()
            }
            (State::Exchanging, Event::Exchanged { more, progressed, uploads }) => {
                self.exchanged(more, progressed, uploads, now_ms, jitter)
            }
            (State::Exchanging, Event::ExchangeFailed(failure)) => self.back_off(failure, now_ms, jitter),
            (State::Uploading(upload), Event::Acknowledged { blob, offset }) if blob == upload.blob => {
                self.acknowledged(upload, offset, now_ms, jitter)
            }
            (State::Uploading(upload), Event::UploadFailed { blob, failure }) if blob == upload.blob => {
                self.put_aside(blob, failure, now_ms, jitter);
                self.next(now_ms)
            }
            (State::Exchanging, Event::Acknowledged { .. } | Event::UploadFailed { .. })
            | (State::Uploading(_), Event::Acknowledged { .. } | Event::UploadFailed { .. })
            | (State::Uploading(_), Event::Exchanged { .. } | Event::ExchangeFailed(_))
            | (
                State::Idle { .. } | State::BackingOff { .. },
                Event::Exchanged { .. } | Event::ExchangeFailed(_),
            )
            | (State::Idle { .. } | State::BackingOff { .. }, Event::Acknowledged { .. })
            | (State::Idle { .. } | State::BackingOff { .. }, Event::UploadFailed { .. })
            | (_, Event::Elapsed) => self.pending(),
        }
    }

    /// What is being waited for already.
    fn pending(&self) -> Action {
        match self.state {
            State::Idle { wake_ms: None } => Action::Rest,
            State::Idle { wake_ms: Some(at_ms) } | State::BackingOff { until_ms: at_ms } => {
                Action::RestUntil { at_ms }
            }
            State::Exchanging | State::Uploading(_) => Action::Continue,
        }
    }

    fn exchange(&mut self) -> Action {
        self.state = State::Exchanging;
        self.unsent = false;
        self.unreceipted = false;
        Action::Exchange
    }

    fn exchanged(
        &mut self,
        more: bool,
        progressed: bool,
        uploads: Vec<Upload>,
        now_ms: u64,
        jitter: u64,
    ) -> Action {
        self.aside.retain(|blob, _| uploads.iter().any(|upload| upload.blob == *blob));
        self.uploads = uploads;
        if more && !progressed {
            // Asking again at once would go round in circles.
            return self.back_off(Failure::Transient, now_ms, jitter);
        }
        self.failures = 0;
        self.unsent |= more;
        self.next(now_ms)
    }

    fn acknowledged(&mut self, upload: Upload, offset: u64, now_ms: u64, jitter: u64) -> Action {
        if offset >= upload.size_bytes {
            self.uploads.retain(|other| other.blob != upload.blob);
            self.unreceipted = true;
            // A server that wants the file again although it took all of it is not believed at once.
            self.put_aside(upload.blob, Failure::Transient, now_ms, jitter);
            return self.next(now_ms);
        }
        self.aside.remove(&upload.blob);
        if self.unsent {
            return self.exchange();
        }
        Action::Send { blob: upload.blob, offset, bytes_max: UPLOAD_CHUNK_BYTES_MAX }
    }

    /// The most urgent thing: entries, then evidence that may be tried, then receipts.
    fn next(&mut self, now_ms: u64) -> Action {
        if self.unsent {
            return self.exchange();
        }
        let not_before =
            |upload: &Upload| self.aside.get(&upload.blob).map_or(0, |aside| aside.not_before_ms);
        if let Some(upload) = self.uploads.iter().find(|upload| not_before(upload) <= now_ms).copied() {
            self.state = State::Uploading(upload);
            return Action::Locate(upload);
        }
        if self.unreceipted {
            return self.exchange();
        }
        self.state = State::Idle { wake_ms: self.uploads.iter().map(not_before).min() };
        self.pending()
    }

    fn back_off(&mut self, failure: Failure, now_ms: u64, jitter: u64) -> Action {
        self.failures = self.failures.saturating_add(1);
        let until_ms = now_ms.saturating_add(delay_ms(self.failures, failure, jitter));
        self.state = State::BackingOff { until_ms };
        self.pending()
    }

    fn put_aside(&mut self, blob: BlobHash, failure: Failure, now_ms: u64, jitter: u64) {
        let failures = self.aside.get(&blob).map_or(0, |aside| aside.failures).saturating_add(1);
        let not_before_ms = now_ms.saturating_add(delay_ms(failures, failure, jitter));
        self.aside.insert(blob, Aside { failures, not_before_ms });
    }
}

/// Between half and the whole of a delay that doubles, so that phones which lost the same server do
/// not come back together.
fn delay_ms(failures: u32, failure: Failure, jitter: u64) -> u64 {
    let whole = match failure {
        Failure::Refused => REFUSED_DELAY_MS,
        Failure::Transient => {
            let doublings = failures.saturating_sub(1).min(u64::BITS - 1);
            cmp::min(RETRY_DELAY_MS_MIN.saturating_mul(1 << doublings), RETRY_DELAY_MS_MAX)
        }
    };
    whole / 2 + jitter % (whole - whole / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Upload = Upload { blob: BlobHash([1; 32]), size_bytes: 1_000_000 };
    const TWO: Upload = Upload { blob: BlobHash([2; 32]), size_bytes: 10 };

    fn done(uploads: &[Upload]) -> Event {
        Event::Exchanged { more: false, progressed: true, uploads: uploads.to_vec() }
    }

    fn exchanging() -> Driver {
        let mut driver = Driver::new();
        assert_eq!(driver.step(Event::Saved, 0, 0), Action::Exchange);
        driver
    }

    #[test]
    fn an_exchange_that_has_more_goes_on_and_then_rests() {
        let mut driver = exchanging();
        let more = Event::Exchanged { more: true, progressed: true, uploads: vec![] };
        assert_eq!(driver.step(more, 1, 0), Action::Exchange);
        assert_eq!(driver.step(done(&[]), 2, 0), Action::Rest);
        assert_eq!(driver.step(Event::Elapsed, 3, 0), Action::Rest);
    }

    #[test]
    fn more_without_progress_backs_off_instead_of_going_in_circles() {
        let mut driver = exchanging();
        let more = Event::Exchanged { more: true, progressed: false, uploads: vec![] };
        assert_eq!(driver.step(more, 1, 0), Action::RestUntil { at_ms: 501 });
    }

    #[test]
    fn work_saved_during_an_exchange_is_handed_in_by_the_next() {
        let mut driver = exchanging();
        assert_eq!(driver.step(Event::Saved, 0, 0), Action::Continue);
        assert_eq!(driver.step(done(&[ONE]), 1, 0), Action::Exchange);
        assert_eq!(driver.step(done(&[ONE]), 2, 0), Action::Locate(ONE));
    }

    #[test]
    fn an_upload_goes_on_from_the_acknowledged_offset_and_ends_in_an_exchange() {
        let mut driver = exchanging();
        assert_eq!(driver.step(done(&[ONE]), 1, 0), Action::Locate(ONE));
        let at = |offset| Event::Acknowledged { blob: ONE.blob, offset };
        let send = |offset| Action::Send { blob: ONE.blob, offset, bytes_max: UPLOAD_CHUNK_BYTES_MAX };
        assert_eq!(driver.step(at(700), 2, 0), send(700));
        assert_eq!(driver.step(at(524_988), 3, 0), send(524_988));
        assert_eq!(driver.step(Event::Saved, 3, 0), Action::Continue);
        assert_eq!(driver.step(at(600_000), 4, 0), Action::Exchange, "entries go before evidence");
        assert_eq!(driver.step(done(&[ONE]), 5, 0), Action::Locate(ONE));
        assert_eq!(driver.step(at(1_000_000), 6, 0), Action::Exchange, "for the receipt");
        assert_eq!(driver.step(done(&[]), 7, 0), Action::Rest);
    }

    #[test]
    fn an_item_that_fails_blocks_neither_the_next_nor_new_work() {
        let mut driver = exchanging();
        driver.step(done(&[ONE, TWO]), 1, 0);
        let failed = Event::UploadFailed { blob: ONE.blob, failure: Failure::Refused };
        assert_eq!(driver.step(failed, 2, 0), Action::Locate(TWO));
        let whole = Event::Acknowledged { blob: TWO.blob, offset: TWO.size_bytes };
        assert_eq!(driver.step(whole, 3, 0), Action::Exchange);
        let at_ms = 2 + REFUSED_DELAY_MS / 2;
        assert_eq!(driver.step(done(&[ONE]), 4, 0), Action::RestUntil { at_ms });
        assert_eq!(driver.step(Event::Saved, 5, 0), Action::Exchange);
        assert_eq!(driver.step(done(&[ONE]), 6, 0), Action::RestUntil { at_ms });
        assert_eq!(driver.step(Event::Elapsed, at_ms, 0), Action::Locate(ONE));
    }

    #[test]
    fn a_file_that_is_wanted_again_after_it_was_whole_is_not_sent_in_circles() {
        let mut driver = exchanging();
        assert_eq!(driver.step(done(&[TWO]), 1, 0), Action::Locate(TWO));
        let whole = Event::Acknowledged { blob: TWO.blob, offset: TWO.size_bytes };
        assert_eq!(driver.step(whole.clone(), 2, 0), Action::Exchange);
        let at_ms = 2 + RETRY_DELAY_MS_MIN / 2;
        assert_eq!(driver.step(done(&[TWO]), 3, 0), Action::RestUntil { at_ms });
        assert_eq!(driver.step(Event::Elapsed, at_ms, 0), Action::Locate(TWO));
        assert_eq!(driver.step(whole, at_ms, 0), Action::Exchange);
        let later = Action::RestUntil { at_ms: at_ms + RETRY_DELAY_MS_MIN };
        assert_eq!(driver.step(done(&[TWO]), at_ms, 0), later, "the delay doubles");
    }

    #[test]
    fn a_person_who_asks_does_not_wait_for_any_delay() {
        let mut driver = exchanging();
        driver.step(done(&[ONE]), 1, 0);
        driver.step(Event::UploadFailed { blob: ONE.blob, failure: Failure::Refused }, 2, 0);
        assert_eq!(driver.step(Event::Asked, 3, 0), Action::Exchange);
        assert_eq!(
            driver.step(Event::ExchangeFailed(Failure::Refused), 4, 9),
            Action::RestUntil { at_ms: 4 + REFUSED_DELAY_MS / 2 + 9 }
        );
        assert_eq!(driver.step(Event::Asked, 5, 0), Action::Exchange);
        assert_eq!(driver.step(done(&[ONE]), 6, 0), Action::Locate(ONE));
    }

    #[test]
    fn delays_double_up_to_a_cap_and_spread_over_half_of_it() {
        let (mut driver, mut now_ms) = (exchanging(), 0);
        let mut delays = Vec::new();
        for _ in 0..12 {
            let Action::RestUntil { at_ms } =
                driver.step(Event::ExchangeFailed(Failure::Transient), now_ms, 0)
            else {
                panic!("a failed exchange backs off")
            };
            delays.push(at_ms - now_ms);
            assert_eq!(driver.step(Event::Saved, now_ms, 0), Action::RestUntil { at_ms });
            assert_eq!(driver.step(Event::Elapsed, at_ms - 1, 0), Action::RestUntil { at_ms });
            now_ms = at_ms;
            assert_eq!(driver.step(Event::Elapsed, now_ms, 0), Action::Exchange);
        }
        assert_eq!(delays[..4], [500, 1_000, 2_000, 4_000]);
        assert_eq!(delays[11], RETRY_DELAY_MS_MAX / 2);
        assert!(delay_ms(64, Failure::Transient, u64::MAX) <= RETRY_DELAY_MS_MAX);
        assert_eq!(delay_ms(1, Failure::Transient, 500), 1_000);
        assert_eq!(delay_ms(1, Failure::Transient, 501), 500);
    }

    #[test]
    fn late_answers_change_nothing() {
        let late = [
            done(&[ONE]),
            Event::ExchangeFailed(Failure::Transient),
            Event::Acknowledged { blob: TWO.blob, offset: 1 },
            Event::UploadFailed { blob: TWO.blob, failure: Failure::Transient },
        ];
        let mut idle = Driver::new();
        late.iter().for_each(|event| assert_eq!(idle.step(event.clone(), 0, 0), Action::Rest));
        let mut uploading = exchanging();
        uploading.step(done(&[ONE]), 0, 0);
        late.iter().for_each(|event| assert_eq!(uploading.step(event.clone(), 0, 0), Action::Continue));
    }
}
