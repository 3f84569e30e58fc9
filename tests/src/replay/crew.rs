//! The phones at work: each typed on by a thread of its own, dropped now and then, reopened, and
//! looked at before anything is typed again.

use super::{
    look::Look,
    pipe::{Command, Reply, Spot, Synchronised},
    plan::Save,
    remote::{Death, Heard, PhoneProcess},
    typed::Typed,
};
use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// A phone that still has something after this many synchronisations is stuck.
const SYNCHRONISATIONS_MAX: usize = 200;
/// Longer than a save takes, so that a phone dies before, in and after one.
const DEATH_IN_SAVE_MICROS_MAX: u64 = 12_000;
/// Longer than an exchange takes.
const DEATH_IN_EXCHANGE_MICROS_MAX: u64 = 150_000;
/// After a broken connection, when the phone asks for no longer: long enough to let others through.
const RETRY_DELAY: Duration = Duration::from_millis(5);
/// Between the synchronisations of a phone that nobody uses.
const POCKET_DELAY: Duration = Duration::from_millis(100);
/// A person who pulls to refresh waits no longer, whatever the phone asks for.
const RETRY_DELAY_MAX: Duration = Duration::from_millis(500);

/// One phone with its person.
pub struct Phone {
    pub number: usize,
    folder: PathBuf,
    process: Option<PhoneProcess>,
    random: Rng,
    kill_percent: u64,
    /// What was acknowledged or seen, in order, by visit document.
    pub typed: Vec<(String, Save)>,
    pub counted: Counted,
}

/// What a phone that died while it saved had when it was opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survived {
    /// Saves it had acknowledged, all of which were there.
    pub acknowledged: usize,
    /// Whether the save under way had become durable; otherwise nothing of it shows.
    pub under_way_is_there: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub kills: u64,
    pub exchanges: u64,
    pub upload_bytes_sent: u64,
    pub upload_bytes_resent: u64,
}

/// One thing to do on a phone in a round.
#[derive(Debug, Clone)]
pub enum Job {
    Type {
        visit: String,
        saves: Vec<Save>,
        spot: Option<Spot>,
    },
    Synchronise,
    /// Synchronise until this is there: the server gives out what others did once it has judged it,
    /// which may be a moment after it took it in.
    Await(Sight),
    /// Synchronise until the server has judged everything it took in.
    Settle,
}

/// What a person waits to see in a visit.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    pub visit: String,
    pub saves: Vec<Save>,
    /// An item on which two values stand beside each other.
    pub disagreement: Option<String>,
}

impl Phone {
    pub fn new(number: usize, folder: PathBuf, kill_percent: u64, seed: u64) -> Self {
        let random = Rng::with_seed(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let counted = Counted::default();
        Self { number, folder, process: None, random, kill_percent, typed: Vec::new(), counted }
    }

    pub fn enrol(&mut self, server: &str, login: &str, password: &str) -> Result<()> {
        let [server, login, password] = [server, login, password].map(str::to_owned);
        let name = format!("phone {}", self.number);
        // Connections are cut while phones are enrolled, too, and a person tries again.
        for _ in 0..SYNCHRONISATIONS_MAX {
            let (server, login, password, name) =
                (server.clone(), login.clone(), password.clone(), name.clone());
            match self.ask(&Command::Enrol { server, login, password, name })? {
                Reply::Done => return Ok(()),
                Reply::Failed { code, .. } if is_passing(&code) => thread::sleep(RETRY_DELAY),
                other => bail!("phone {} was not enrolled: {other:?}", self.number),
            }
        }
        bail!("phone {} was not enrolled in {SYNCHRONISATIONS_MAX} attempts", self.number)
    }

    fn take_part(&mut self, jobs: &[Job], left: &AtomicUsize) -> Result<()> {
        let at_work = AtWork(left);
        self.work(jobs)?;
        drop(at_work);
        let is_offline = jobs.iter().all(|job| matches!(job, Job::Type { .. }));
        while !is_offline && left.load(Ordering::Relaxed) > 0 {
            thread::sleep(POCKET_DELAY);
            self.synchronise()?;
        }
        Ok(())
    }

    fn work(&mut self, jobs: &[Job]) -> Result<()> {
        for job in jobs {
            match job {
                Job::Type { visit, saves, spot } => {
                    self.type_in(visit, saves, *spot).with_context(|| format!("visit {visit}"))?;
                }
                Job::Synchronise => drop(self.synchronise()?),
                Job::Settle => self.settle()?,
                Job::Await(sight) => {
                    self.wait_for(sight).with_context(|| format!("visit {}", sight.visit))?;
                }
            }
        }
        Ok(())
    }

    /// Types everything, whatever happens to the phone meanwhile. What was acknowledged is never
    /// typed again: if it is gone, the comparison finds it missing.
    fn type_in(&mut self, visit: &str, saves: &[Save], spot: Option<Spot>) -> Result<()> {
        let mut left = saves.to_vec();
        let mut dies = self.random.u64(0..100) < self.kill_percent;
        while !left.is_empty() {
            let death = dies.then(|| Death {
                after_saves: self.random.usize(0..left.len()),
                then: Duration::from_micros(self.random.u64(0..DEATH_IN_SAVE_MICROS_MAX)),
            });
            dies = false;
            let heard = self.save(visit, &mut left, spot, death)?;
            match heard.end {
                Some(Reply::Done) if left.is_empty() => {}
                None => self.look_after(visit, &mut left)?,
                other => bail!("{:?} was answered by {other:?}", left.first()),
            }
        }
        Ok(())
    }

    /// Saves what is left, or as much of it as the phone acknowledges before it dies.
    fn save(
        &mut self,
        visit: &str,
        left: &mut Vec<Save>,
        spot: Option<Spot>,
        death: Option<Death>,
    ) -> Result<Heard> {
        let command = Command::Save { visit: visit.to_owned(), saves: left.clone(), spot };
        let heard = self.run(&command, death)?;
        let done = heard.saved.len();
        self.typed.extend(left.drain(..done).map(|save| (visit.to_owned(), save)));
        Ok(heard)
    }

    /// Types until the phone is killed, opens it again and looks whether everything it had
    /// acknowledged is there. What is left to type stays in `left`.
    pub fn die_while_typing(
        &mut self,
        visit: &str,
        left: &mut Vec<Save>,
        spot: Option<Spot>,
        death: Death,
    ) -> Result<Survived> {
        let before = left.len();
        let heard = self.save(visit, left, spot, Some(death))?;
        ensure!(heard.end.is_none(), "the phone answered {:?} before it was killed", heard.end);
        let acknowledged = heard.saved.len();
        self.look_after(visit, left)?;
        let Reply::View(view) = self.ask(&Command::View { visit: visit.to_owned() })? else {
            bail!("the phone shows no visit {visit} after it was opened again");
        };
        let look = Look::at_view(&view);
        for (_, save) in self.typed.iter().filter(|(of, _)| of == visit) {
            let is_step = matches!(save, Save::Claim);
            ensure!(is_step || look.times(save)? > 0, "acknowledged and gone: {save:?}");
        }
        Ok(Survived { acknowledged, under_way_is_there: before - left.len() > acknowledged })
    }

    /// After a reopening: the save that was under way is either there or not, and the person looks.
    fn look_after(&mut self, visit: &str, left: &mut Vec<Save>) -> Result<()> {
        let Some(under_way) = left.first().cloned() else { return Ok(()) };
        let view = match self.ask(&Command::View { visit: visit.to_owned() })? {
            Reply::View(view) => view,
            other => bail!("looking at visit {visit}: {other:?}"),
        };
        let mut typed = Typed::default();
        for (_, save) in self.typed.iter().filter(|(of, _)| of == visit) {
            typed.record(self.number, save)?;
        }
        if Look::at_view(&view).times(&under_way)? > Look::at_typed(&typed).times(&under_way)? {
            self.typed.push((visit.to_owned(), left.remove(0)));
        }
        Ok(())
    }

    fn wait_for(&mut self, sight: &Sight) -> Result<()> {
        for _ in 0..SYNCHRONISATIONS_MAX {
            if self.sees(sight)? {
                return Ok(());
            }
            thread::sleep(RETRY_DELAY);
            drop(self.synchronise()?);
        }
        bail!("not seen after {SYNCHRONISATIONS_MAX} synchronisations: {sight:?}")
    }

    fn sees(&mut self, sight: &Sight) -> Result<bool> {
        let look = match self.ask(&Command::View { visit: sight.visit.clone() })? {
            Reply::View(view) => Look::at_view(&view),
            Reply::Failed { code, .. } if code.starts_with("visit.") => return Ok(false),
            other => bail!("looking at the visit: {other:?}"),
        };
        let disagrees = sight.disagreement.as_ref().is_none_or(|item| look.is_open(item));
        let mut there = sight.saves.iter().map(|save| look.times(save));
        let all = there.try_fold(true, |all, times| times.map(|times| all && times > 0))?;
        Ok(disagrees && all)
    }

    fn settle(&mut self) -> Result<()> {
        for _ in 0..SYNCHRONISATIONS_MAX {
            if self.synchronise()?.behind == 0 {
                return Ok(());
            }
            thread::sleep(RETRY_DELAY);
        }
        bail!("the server has not judged everything after {SYNCHRONISATIONS_MAX} synchronisations")
    }

    fn synchronise(&mut self) -> Result<Synchronised> {
        let mut dies = self.random.u64(0..100) < self.kill_percent;
        let mut failures = Vec::new();
        let mut delay = RETRY_DELAY;
        for _ in 0..SYNCHRONISATIONS_MAX {
            let death = dies.then(|| Death {
                after_saves: 0,
                then: Duration::from_micros(self.random.u64(0..DEATH_IN_EXCHANGE_MICROS_MAX)),
            });
            dies = false;
            match self.run(&Command::Synchronise, death)?.end {
                None => {}
                Some(Reply::Synchronised(report)) => {
                    self.count(&report);
                    if report.complete {
                        return Ok(report);
                    }
                    failures = report.failures;
                    delay = Duration::from_millis(report.retry_in_ms).clamp(RETRY_DELAY, RETRY_DELAY_MAX);
                }
                Some(Reply::Failed { code, .. }) if is_passing(&code) => failures = vec![code],
                Some(other) => bail!("phone {} does not synchronise: {other:?}", self.number),
            }
            thread::sleep(delay);
        }
        bail!(
            "phone {} has something left after {SYNCHRONISATIONS_MAX} synchronisations: {failures:?}",
            self.number
        )
    }

    fn count(&mut self, report: &Synchronised) {
        self.counted.exchanges += report.exchanges;
        self.counted.upload_bytes_sent += report.upload_bytes_sent;
        self.counted.upload_bytes_resent += report.upload_bytes_resent;
    }

    fn ask(&mut self, command: &Command) -> Result<Reply> {
        self.run(command, None)?.end.context("a phone that was not killed died")
    }

    fn run(&mut self, command: &Command, death: Option<Death>) -> Result<Heard> {
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(PhoneProcess::start(&self.folder)?),
        };
        let heard = process.run(command, death)?;
        if death.is_some() {
            // It may have answered everything before it died; it died all the same.
            self.process = None;
            self.counted.kills += 1;
        }
        Ok(heard)
    }
}

/// Every phone with something to do does it at the same time. All of them end before the round does; who
/// is through goes on synchronising like a phone in a pocket, because a restored server may have
/// forgotten what a colleague still waits for. Who only types is out of reach of any network.
pub fn round(phones: &mut [Phone], jobs: &[Vec<Job>]) -> Result<()> {
    let at_work: Vec<_> = phones.iter_mut().zip(jobs).filter(|(_, jobs)| !jobs.is_empty()).collect();
    let left = AtomicUsize::new(at_work.len());
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let threads: Vec<_> = at_work
            .into_iter()
            .map(|(phone, jobs)| {
                let left = &left;
                scope.spawn(move || {
                    phone.take_part(jobs, left).with_context(|| format!("phone {}", phone.number))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a phone's thread panicked"))))
            .collect()
    });
    results.into_iter().collect()
}

/// Counts one phone less when it is through, however it came to be.
struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A failure of the line or a busy server, after which a person tries again.
fn is_passing(code: &str) -> bool {
    code.starts_with("network.") || code.starts_with("transport.") || code.starts_with("server.unavailable")
}
