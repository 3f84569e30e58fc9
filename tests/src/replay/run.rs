//! One replay from the files to the report.

use super::{
    crew::{self, Job, Phone, Sight},
    dates,
    disaster::Site,
    office::{Issued, Office},
    photo::Photos,
    plan::{Choices, DayPlan, Plan, Save, undisputed},
    readback::{self, Expected},
    report::Report,
    sabotage,
    set::CitySet,
    typed::{self, Typed},
};
use crate::harness::{
    proxy::FaultProxy,
    server::{self, Server},
    server_program,
};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};
use time::Date;

/// Days between two lines of progress.
const DAYS_PER_LINE: usize = 20;
/// Lines of what is wrong that are shown; the counts are complete.
const WRONG_LINES_MAX: usize = 40;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Folder with establishments.csv, inspections.csv, violation_codes.csv and violations.csv
    pub set: PathBuf,
    /// First day, as 2018-01-31
    #[arg(long, value_parser = day)]
    pub from: Option<Date>,
    /// Last day
    #[arg(long, value_parser = day)]
    pub to: Option<Date>,
    /// Phones, each with a folder and a process of its own; the inspectors are spread over them
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=200))]
    pub phones: u64,
    /// Percent of the visits that two phones fill in, with a disagreement
    #[arg(long, default_value_t = 0, value_parser = percent())]
    pub pair: u64,
    /// A folder of files, one for each visit in rotation, or generated:N for N made-up ones a visit
    #[arg(long)]
    pub photos: Option<String>,
    /// Percent of the connections that are cut at a random byte
    #[arg(long, default_value_t = 0, value_parser = percent())]
    pub cut: u64,
    /// Percent of the visits and exchanges in which the phone's process is killed
    #[arg(long, default_value_t = 0, value_parser = percent())]
    pub kill: u64,
    /// Everything that is drawn is drawn from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Empty folder, which is kept: the server's data, the phones' folders in `phones`, and with
    /// `--restore` what was served in the end in `restored`
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// In the middle of the replay, take a backup while phones hand in, kill the server and restore it
    #[arg(long)]
    pub restore: bool,
    /// Alter this many of the server's rows behind its back before the comparison
    #[arg(long, default_value_t = 0, value_name = "ROWS")]
    pub sabotage: usize,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
}

fn percent() -> clap::builder::RangedU64ValueParser {
    clap::builder::RangedU64ValueParser::new().range(0..=100)
}

fn day(text: &str) -> Result<Date, String> {
    dates::parse(text).ok_or_else(|| format!("{text:?} is no day; write it as 2018-01-31"))
}

/// What has to be right before anything starts: the set, the photos, the folder.
pub struct Ready {
    plan: Plan,
    folder: PathBuf,
    /// Removes the folder in the end, unless it is to be kept.
    _temporary: Option<tempfile::TempDir>,
}

/// Reads and checks all input. An error here means that nothing was started.
pub fn prepare(options: &Options) -> Result<Ready> {
    let set = CitySet::read(&options.set)?;
    set.notices.iter().for_each(|notice| eprintln!("{notice}"));
    let set = set.between(options.from, options.to);
    ensure!(!set.inspections.is_empty(), "the set has no inspection between the days given");
    ensure!(options.pair == 0 || options.phones > 1, "--pair needs at least two phones");
    let photos = options.photos.as_deref().map_or(Ok(Photos::None), str::parse)?;
    let phones = usize::try_from(options.phones)?;
    let choices = Choices { phones, pair_percent: options.pair, photos, seed: options.seed };
    let plan = Plan::draw(&set, &choices);
    let visits = plan.visits().count();
    ensure!(options.sabotage <= visits, "--sabotage {} is more than the {visits} visits", options.sabotage);
    let (folder, temporary) = match &options.data {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            let is_empty = fs::read_dir(folder)?.next().is_none();
            ensure!(is_empty, "{} is not empty: a replay begins with new data", folder.display());
            (folder.clone(), None)
        }
        None => {
            let temporary = tempfile::tempdir()?;
            (temporary.path().to_path_buf(), Some(temporary))
        }
    };
    Ok(Ready { plan, folder, _temporary: temporary })
}

/// Does it all and reports.
pub fn replay(options: &Options, ready: &Ready) -> Result<Report> {
    let started = now();
    let plan = &ready.plan;
    let data = &ready.folder;
    let mut site = Site::new(Server::create(data)?, data);
    let proxy = FaultProxy::start(site.server.address, options.cut, options.seed)?;
    let mut office = Office::open(&site.server.url(), &site.server.admin()?, plan)?;
    let mut phones = phones(options, plan, &ready.folder)?;
    for (phone, inspector) in phones.iter_mut().zip(&office.inspectors) {
        phone.enrol(&proxy.url(), &inspector.login, &inspector.password)?;
    }
    let (subjects, days) = (plan.subjects.len(), plan.days.len());
    eprintln!("{} phones are enrolled; {subjects} subjects, {days} days", phones.len());
    let mut expected = Vec::new();
    for (number, day) in plan.days.iter().enumerate() {
        let disaster = options.restore && number == days / 2;
        let (issued, rounds) = planned(&office, phones.len(), day).with_context(|| dates::iso(day.date))?;
        site = work_day(site, &mut phones, rounds, disaster).with_context(|| dates::iso(day.date))?;
        if disaster {
            site.sign_in_again(&mut office)?;
            eprintln!(
                "{}: restored from a backup; {} leaves are lost",
                dates::iso(day.date),
                site.leaves_lost
            );
        }
        let visits = day.visits.iter().zip(issued);
        expected.extend(visits.map(|(visit, issued)| (visit.inspection.clone(), issued)));
        if number % DAYS_PER_LINE == DAYS_PER_LINE - 1 || number + 1 == days {
            eprintln!("{}: day {} of {days}, {} visits", dates::iso(day.date), number + 1, expected.len());
        }
    }
    // First everybody hands in, then everybody waits until all of it is judged.
    for last in [Job::Synchronise, Job::Settle] {
        crew::round(&mut phones, &vec![vec![last]; plan.accounts.len()])?;
    }
    let expected = with_what_was_typed(expected, &phones)?;
    let data = site.server.data.clone();
    if options.sabotage > 0 {
        sabotage::alter(&data, &expected, options.sabotage, options.seed)?;
    }
    eprintln!("reading everything back");
    let mut report = compared(&office, plan, &expected)?;
    for phone in &phones {
        report.kills += phone.counted.kills;
        report.exchanges += phone.counted.exchanges;
        report.upload_bytes_resent += phone.counted.upload_bytes_resent;
    }
    drop(phones);
    let passed = proxy.passed();
    (report.cuts, report.bytes_up, report.bytes_down) = (passed.cuts, passed.bytes_up, passed.bytes_down);
    report.leaves_lost = site.leaves_lost;
    let used = site.server.used()?;
    (report.server_cpu_seconds, report.server_peak_rss_bytes) = (used.cpu_seconds, used.peak_rss_bytes);
    site.server.stop()?;
    verify_ledger(&data, &mut report)?;
    if options.data.is_some() {
        eprintln!("kept: liuhen verify-ledger --data {} checks the ledger again", data.display());
    }
    report.seconds = (started.elapsed_seconds() * 10.0).round() / 10.0;
    Ok(report)
}

fn phones(options: &Options, plan: &Plan, folder: &Path) -> Result<Vec<Phone>> {
    let phone = |number: usize| {
        let folder = folder.join("phones").join(number.to_string());
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Phone::new(number, folder, options.kill, options.seed))
    };
    (0..plan.accounts.len()).map(phone).collect()
}

/// Jobs by phone.
type Jobs = Vec<Vec<Job>>;
/// Fetch, work in the field, resolve, seal.
type Rounds = [Jobs; 4];

/// Issue, fetch, work offline, exchange; then the pairs resolve and seal. Everybody has fetched
/// before anybody hands in, so that no phone has seen what it is to disagree with.
fn planned(office: &Office, phones: usize, day: &DayPlan) -> Result<(Vec<Issued>, Rounds)> {
    let issued = office.issue(&day.visits)?;
    let none = || -> Jobs { vec![Vec::new(); phones] };
    let (mut fetch, mut field, mut resolve, mut seal) = (none(), none(), none(), none());
    for (visit, issued) in day.visits.iter().zip(&issued) {
        let document = || issued.visit.clone();
        let typing = |saves: &[Save]| Job::Type { visit: document(), saves: saves.to_vec(), spot: None };
        let is_there = || Job::Await(Sight { visit: document(), ..Sight::default() });
        fetch[visit.lead].push(is_there());
        field[visit.lead].push(typing(&visit.lead_saves));
        let Some(pair) = &visit.pair else {
            field[visit.lead].push(typing(&visit.seal));
            continue;
        };
        fetch[pair.partner].push(is_there());
        field[pair.partner].push(typing(&pair.partner_saves));
        let path = typed::response_path(&pair.item);
        let decision = Save::Resolve { path, value: pair.resolved.clone() };
        let (resolver, others) = match pair.lead_resolves {
            true => (visit.lead, undisputed(&pair.partner_saves, &pair.item)),
            false => (pair.partner, undisputed(&visit.lead_saves, &pair.item)),
        };
        let disagreement = Some(pair.item.clone());
        resolve[resolver].push(Job::Await(Sight { visit: document(), saves: others, disagreement }));
        resolve[resolver].push(typing(std::slice::from_ref(&decision)));
        let saves = [undisputed(&pair.partner_saves, &pair.item), vec![decision]].concat();
        seal[visit.lead].push(Job::Await(Sight { visit: document(), saves, disagreement: None }));
        seal[visit.lead].push(typing(&visit.seal));
    }
    let mut rounds = [fetch, field, resolve, seal];
    for jobs in rounds.iter_mut().flatten().filter(|jobs| !jobs.is_empty()) {
        jobs.push(Job::Synchronise);
    }
    Ok((issued, rounds))
}

/// Works a day through; on the day of the disaster the backup is taken while everybody hands in the day's
/// work, and the server is lost while what came of it is sealed.
fn work_day(mut site: Site, phones: &mut [Phone], rounds: Rounds, disaster: bool) -> Result<Site> {
    let [fetch, field, resolve, seal] = rounds;
    crew::round(phones, &fetch)?;
    match disaster {
        true => site.back_up_during(phones, &field)?,
        false => crew::round(phones, &field)?,
    }
    crew::round(phones, &resolve)?;
    match disaster {
        true => site = site.restore_during(phones, &seal)?,
        false => crew::round(phones, &seal)?,
    }
    Ok(site)
}

fn with_what_was_typed(visits: Vec<(String, Issued)>, phones: &[Phone]) -> Result<Vec<Expected>> {
    let mut typed: BTreeMap<&str, Typed> = BTreeMap::new();
    for phone in phones {
        for (visit, save) in &phone.typed {
            typed.entry(visit).or_default().record(phone.number, save)?;
        }
    }
    let expected = visits.into_iter().map(|(name, issued)| {
        let typed = typed.remove(issued.visit.as_str()).unwrap_or_default();
        Expected { name, issued, typed }
    });
    Ok(expected.collect())
}

fn compared(office: &Office, plan: &Plan, expected: &[Expected]) -> Result<Report> {
    let counts = readback::counts(expected);
    let tally = readback::compare_all(office, plan, expected)?;
    let (conflicts_listed, unlisted) = readback::conflicts_listed(&office.conflicts()?, expected);
    let wrong: Vec<&String> = tally.lines.iter().chain(&unlisted).collect();
    wrong.iter().take(WRONG_LINES_MAX).for_each(|line| eprintln!("{line}"));
    if wrong.len() > WRONG_LINES_MAX {
        eprintln!("… and {} more", wrong.len() - WRONG_LINES_MAX);
    }
    Ok(Report {
        visits: counts.visits,
        responses: counts.responses,
        findings: counts.findings,
        evidence: counts.evidence,
        conflicts: counts.conflicts,
        conflicts_listed,
        missing: tally.missing,
        duplicated: tally.duplicated,
        differing: tally.differing,
        ..Report::default()
    })
}

fn verify_ledger(data: &Path, report: &mut Report) -> Result<()> {
    let output = server::run(&server_program()?, data, &["verify-ledger", "--json"])?;
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    report.ledger_leaves = result["leaves"].as_u64().unwrap_or(0);
    report.ledger_verified = output.status.success() && result["verified"] == true;
    if !report.ledger_verified {
        eprintln!("the ledger does not verify: {}", server::shown(&output));
    }
    Ok(())
}

/// Seconds are reported; nothing depends on them.
struct Started(Instant);

#[expect(clippy::disallowed_methods, reason = "how long a replay took is shown, nothing depends on it")]
fn now() -> Started {
    Started(Instant::now())
}

impl Started {
    #[expect(clippy::disallowed_methods, reason = "how long a replay took is shown, nothing depends on it")]
    fn elapsed_seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
