//! The one loop of a phone: it does what the engine's driver says, and tells it what came of it.
//!
//! No lock is held while the network is waited for. An answer is judged outside the store and then
//! applied in one transaction; one that is not believed changes nothing.

use super::{
    Client, Run,
    link::{Link, is_transient, problem},
    segments::outbox,
    visits::known_grants,
};
use crate::{
    Error, Result,
    clock::random,
    records::{Budget, Failure, SyncReport},
    store::{
        Connection, blobs, checkpoints, documents, entries,
        identity::{self, Identity},
        progress, segments,
    },
    transport::Method,
};
use liuhen_engine::{
    driver::{self, Action, Driver, Event, Upload},
    exchange::{Outbox, PlanLimits, Trust, judge, plan, unlinked_epoch},
    limits::{BODY_BYTES_MAX, REQUEST_SEGMENTS_MAX},
    wire::{Answer, CONTENT_TYPE, EXCHANGE_PATH, Request, pack, unpack},
};
use liuhen_trace::{DeviceId, EpochOpening, Grant, Hash, NoteKey};
use std::{collections::BTreeMap, sync::PoisonError};

/// Requests that fail in a row for want of a network before a run gives up: more are not going to
/// find one, and each may take until its timeout.
const NETWORK_FAILURES_MAX: u32 = 3;
/// Until the next run after that: what a person who walks back into coverage does not notice.
const NETWORK_PAUSE_MS: u64 = 10_000;
/// Evidence is uploaded and its receipt not in the feed yet: the server is about to write it.
const RECEIPT_DELAY_MS: u64 = 1_000;
/// Below this many bytes a request is not made smaller: a gateway that refuses it refuses everything.
const REQUEST_BYTES_MIN: usize = 4 * 1024;

impl Client {
    /// Hands in, receives, uploads, until nothing is left or the budget is used up. What fails is in
    /// the report and in the status and does not keep the rest back; an `Err` is the phone's own
    /// trouble (storage, key, not enrolled, suspended).
    pub fn synchronise(&self, budget: Budget) -> Result<SyncReport> {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let run = self.begin_run()?;
        let identity = self.read(|db, _| identity::read(db))?.ok_or(Error::NotEnrolled)?;
        let mut session = Session {
            link: Link::new(&self.shared, &identity)?,
            client: self,
            run,
            budget,
            identity: &identity,
            started_ms: self.monotonic_ms(),
            request_bytes_max: PlanLimits::default().request_bytes_max,
            network_failures: 0,
            report: SyncReport::default(),
        };
        let driven = session.drive(&mut driver);
        if driven != Ok(true) {
            // Stopped in the middle: the next run begins afresh from what is stored.
            *driver = Driver::new();
        }
        driven?;
        session.finish()
    }

    fn monotonic_ms(&self) -> u64 {
        self.shared.parts.clock.now().monotonic_ms
    }
}

/// One run of the loop.
pub(super) struct Session<'a> {
    pub client: &'a Client,
    pub run: Run,
    pub link: Link<'a>,
    pub budget: Budget,
    pub report: SyncReport,
    identity: &'a Identity,
    started_ms: u64,
    /// Halved when something on the way does not take larger bodies.
    request_bytes_max: usize,
    network_failures: u32,
}

/// A request with everything its answer is judged by.
struct Asked {
    request: Request,
    grants: BTreeMap<DeviceId, Grant>,
}

impl Session<'_> {
    /// False when the run was stopped before the driver came to rest.
    fn drive(&mut self, driver: &mut Driver) -> Result<bool> {
        let mut event = Event::Asked;
        loop {
            let jitter = u64::from_be_bytes(random(self.client.shared.parts.entropy.as_ref())?);
            let now_ms = self.client.monotonic_ms();
            event = match driver.step(event, now_ms, jitter) {
                Action::Rest | Action::Continue => return Ok(true),
                Action::RestUntil { at_ms } => {
                    self.report.more = true;
                    self.report.retry_in_ms = Some(at_ms.saturating_sub(now_ms));
                    return Ok(true);
                }
                _ if self.is_spent() => {
                    self.report.more = true;
                    let gave_up = self.network_failures >= NETWORK_FAILURES_MAX;
                    self.report.retry_in_ms = gave_up.then_some(NETWORK_PAUSE_MS);
                    return Ok(false);
                }
                Action::Exchange if self.report.exchanges >= self.budget.exchanges_max => {
                    self.report.more = true;
                    return Ok(false);
                }
                Action::Exchange => self.exchange()?,
                Action::Locate(upload) => self.locate(upload)?,
                Action::Send { blob, offset, bytes_max } => {
                    let left = self.budget.upload_bytes_max.saturating_sub(self.report.upload_bytes_sent);
                    if left == 0 {
                        self.report.more = true;
                        return Ok(false);
                    }
                    self.send(blob, offset, bytes_max.min(left))?
                }
            };
        }
    }

    fn is_spent(&self) -> bool {
        let spent_ms = self.client.monotonic_ms().saturating_sub(self.started_ms);
        spent_ms >= u64::from(self.budget.seconds_max) * 1000 || self.network_failures >= NETWORK_FAILURES_MAX
    }

    fn finish(mut self) -> Result<SyncReport> {
        let (uploaded, announced) =
            self.client.read(|db, _| Ok((blobs::any_uploaded(db)?, !blobs::uploadable(db)?.is_empty())))?;
        if uploaded && !self.report.more {
            self.report.retry_in_ms = Some(RECEIPT_DELAY_MS);
        }
        self.report.more |= uploaded || (announced && self.budget.upload_bytes_max == 0);
        self.report.bytes_up = self.link.traffic.bytes_up;
        self.report.bytes_down = self.link.traffic.bytes_down;
        Ok(self.report)
    }

    fn exchange(&mut self) -> Result<Event> {
        self.report.exchanges += 1;
        match self.exchanged() {
            Ok(event) => {
                self.network_failures = 0;
                Ok(event)
            }
            Err(error) => {
                let failure = self.survive(&error, None)?;
                self.client.write_during(Some(self.run), |desk| desk.record_failure(&error))?;
                Ok(Event::ExchangeFailed(failure))
            }
        }
    }

    fn exchanged(&mut self) -> Result<Event> {
        self.client.sign(Some(self.run))?;
        let trust = Trust {
            note_key: NoteKey { origin: self.identity.origin.clone(), key: self.identity.log_key.clone() },
            deployment_key: self.identity.deployment_key.clone(),
        };
        let (mut asked, mut answer) = self.ask(None)?;
        let held = asked.request.checkpoint;
        if let Some(opening) = unlinked_epoch(&trust, held, &answer).map_err(Error::Untrusted)? {
            self.report.exchanges += 1;
            (asked, answer) = self.ask(Some(&opening))?;
        }
        let effects = judge(&trust, held, &asked.request, &asked.grants, answer).map_err(Error::Untrusted)?;
        let more = effects.more;
        let applied = self.client.write_during(Some(self.run), |desk| desk.apply(effects))?;
        for hash in applied.released {
            // A file that stays behind is found at the next opening and kept as recovered.
            let _ = self.client.shared.blobs.remove(hash);
        }
        self.report.failures.extend(applied.failures);
        let (outstanding, uploads) = self.client.read(|db, _| {
            Ok((outstanding(db, &asked.request.wants)?, uploads(db, self.budget.upload_bytes_max)?))
        })?;
        Ok(Event::Exchanged { more: more || outstanding, progressed: applied.progressed, uploads })
    }

    /// Sends what is planned and reads the answer; makes the request smaller when it does not pass.
    /// Where the log lost leaves, `reopened` says from which state it goes on.
    fn ask(&mut self, reopened: Option<&EpochOpening>) -> Result<(Asked, Answer)> {
        loop {
            let asked = self.plan(reopened)?;
            let body = pack(&asked.request);
            let smaller = self.request_bytes_max / 2;
            let can_shrink = asked.request.segments.len() > 1 && smaller >= REQUEST_BYTES_MIN;
            if body.len() > BODY_BYTES_MAX && can_shrink {
                self.request_bytes_max = smaller;
                continue;
            }
            let path = self.link.server.path(EXCHANGE_PATH);
            let headers = vec![("content-type", CONTENT_TYPE.to_owned())];
            let answer = self.link.send(Method::Post, &path, headers, body)?;
            if answer.status == 413 && can_shrink {
                self.request_bytes_max = smaller;
                continue;
            }
            if answer.status != 200 {
                return Err(problem(&answer));
            }
            // A page of a captive portal is no lie of the server; it is no answer at all.
            let is_ours = answer.header("content-type").is_some_and(|kind| kind.starts_with(CONTENT_TYPE));
            if !is_ours {
                let detail = "HTTP 200 without an exchange answer".to_owned();
                return Err(Error::Network { code: "network.unexpected_answer", detail });
            }
            return Ok((asked, unpack(&answer.body).map_err(Error::Untrusted)?));
        }
    }

    /// From before what the log lost, a phone asks as one that begins: everything in its scope as it
    /// stands now.
    fn plan(&self, reopened: Option<&EpochOpening>) -> Result<Asked> {
        let limits = PlanLimits { request_bytes_max: self.request_bytes_max, ..PlanLimits::default() };
        self.client.read(|db, _| {
            let progress = progress::read(db)?;
            let (position, checkpoint) = match reopened.map(|opening| opening.after) {
                Some(after) => (None, checkpoints::newest_within(db, after.epoch, after.size)?),
                None => (progress.position, progress.checkpoint),
            };
            let outbox = Outbox {
                position,
                checkpoint,
                unsent: outbox(db, limits.request_bytes_max, REQUEST_SEGMENTS_MAX)?,
                wants: documents::checklists_wanted(db)?,
            };
            Ok(Asked { request: plan(outbox, limits), grants: known_grants(db)? })
        })
    }

    /// What a failure means for the loop. The phone's own troubles end the run.
    pub fn survive(&mut self, error: &Error, subject: Option<String>) -> Result<driver::Failure> {
        match error {
            Error::Network { .. } => self.network_failures += 1,
            Error::Server { .. } | Error::Untrusted(_) => self.network_failures = 0,
            Error::Storage { .. }
            | Error::Refused(_)
            | Error::Signer(_)
            | Error::NotFound { .. }
            | Error::NotEnrolled
            | Error::InUse
            | Error::Suspended
            | Error::Closed => return Err(error.clone()),
        }
        let (code, detail) = (error.code().to_owned(), error.to_string());
        self.report.failures.push(Failure { code, detail, subject });
        Ok(if is_transient(error) { driver::Failure::Transient } else { driver::Failure::Refused })
    }

    pub fn answered(&mut self) {
        self.network_failures = 0;
    }
}

/// Whether another exchange has something to do that this one had not.
fn outstanding(db: &Connection, wanted: &[Hash]) -> Result<bool> {
    let new_wants = documents::checklists_wanted(db)?.iter().any(|hash| !wanted.contains(hash));
    Ok(new_wants || segments::any_unsent(db)? || entries::any_uncut(db)?)
}

fn uploads(db: &Connection, bytes_max: u64) -> Result<Vec<Upload>> {
    if bytes_max == 0 {
        return Ok(Vec::new());
    }
    let rows = blobs::uploadable(db)?.into_iter();
    Ok(rows.map(|row| Upload { blob: row.blob.hash, size_bytes: row.blob.size_bytes }).collect())
}
