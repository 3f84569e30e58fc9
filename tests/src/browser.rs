//! The other side of `tests/browser`: a real server with the demo's county, and phones that fetch and
//! work when the browser asks for it, a line of JSON each way.

use crate::{
    demo::{
        desk::PASSWORD,
        facts::Progress,
        run::today,
        story::{self, Story},
    },
    harness::supervisor::text,
    replay::crew::{self, Job, Sight},
};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Whose visit is typed again, for another inspected party.
const MODEL: &str = "canteen";
/// Reads everything.
const AUDITOR: &str = "gu";

/// What the browser asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// A code of somebody's second factor.
    Code { login: String },
    /// The phones of those who hold the task of this inspected party fetch it.
    Fetch { subject: String },
    /// They fill it in, disagree on an item, and hand in.
    Work { subject: String },
    /// The one who leads takes over what was decided, and everybody signs on that phone.
    Seal { subject: String },
}

/// A task that was dispatched in the browser.
struct Dispatched {
    visit: String,
    /// Phones of those who hold it; the first leads.
    phones: Vec<usize>,
}

/// Runs the command, which finds the console by its environment, and does what it asks for.
pub fn drive(screenshots: &Path, command: &[OsString]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut story = story::open(folder.path(), 0, today(), &Progress::start())?;
    let (program, arguments) = command.split_first().context("no command")?;
    let mut browser = Command::new(program)
        .args(arguments)
        .env("LIUHEN_URL", story.server.url())
        .env("LIUHEN_PASSWORD", PASSWORD)
        .env("LIUHEN_SCREENSHOTS", screenshots)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| program.to_string_lossy().into_owned())?;
    let answered = answer(&mut story, &mut browser);
    let status = browser.wait()?;
    answered?;
    ensure!(status.success(), "the walk through the console ended with {status}");
    story.server.stop()
}

fn answer(story: &mut Story, browser: &mut Child) -> Result<()> {
    let mut answers = browser.stdin.take().context("its input is piped")?;
    let requests = BufReader::new(browser.stdout.take().context("its output is piped")?);
    for line in requests.lines() {
        let line = line?;
        let request = serde_json::from_str(&line).with_context(|| line.clone())?;
        let answer =
            carry_out(story, request).unwrap_or_else(|error| json!({ "failed": format!("{error:#}") }));
        writeln!(answers, "{answer}")?;
    }
    Ok(())
}

fn carry_out(story: &mut Story, request: Request) -> Result<Json> {
    match request {
        Request::Code { login } => Ok(json!({ "code": story.desk.fresh_code(&login)? })),
        Request::Fetch { subject } => {
            let task = dispatched(story, &subject)?;
            let sight = Sight { visit: task.visit, ..Sight::default() };
            on_phones(story, &task.phones, |_| vec![Job::Await(sight.clone()), Job::Synchronise])
        }
        Request::Work { subject } => {
            let task = dispatched(story, &subject)?;
            let model = story.county.visits.iter().find(|visit| visit.key == MODEL);
            let model = model.context("no visit to type")?.clone();
            let spot = story.county.parties.get(&subject).map(|party| party.spot);
            on_phones(story, &task.phones, |place| {
                let saves = if place == 0 { &model.lead_saves } else { &model.partner_saves };
                vec![Job::Type { visit: task.visit.clone(), saves: saves.clone(), spot }]
            })?;
            on_phones(story, &task.phones, |_| vec![Job::Synchronise, Job::Settle])
        }
        Request::Seal { subject } => {
            let task = dispatched(story, &subject)?;
            let model = story.county.visits.iter().find(|visit| visit.key == MODEL);
            let saves = story.county.seal(model.context("no visit to seal")?, &story.places.pictures)?;
            let seal = Job::Type { visit: task.visit.clone(), saves, spot: None };
            let leads = task.phones.get(..1).context("nobody leads")?;
            on_phones(story, leads, |_| vec![Job::Synchronise, seal.clone(), Job::Synchronise, Job::Settle])
        }
    }
}

/// Each phone gets its jobs by its place among those who hold the task.
fn on_phones(story: &mut Story, phones: &[usize], jobs_of: impl Fn(usize) -> Vec<Job>) -> Result<Json> {
    let mut jobs = vec![Vec::new(); story.phones.len()];
    for (place, phone) in phones.iter().enumerate() {
        jobs[*phone] = jobs_of(place);
    }
    crew::round(&mut story.phones, &jobs)?;
    Ok(json!({ "done": true }))
}

fn dispatched(story: &Story, subject: &str) -> Result<Dispatched> {
    let tasks = story.desk.api(AUDITOR)?.list("/api/v1/tasks")?;
    let task = tasks.iter().find(|task| task["subject"]["name"] == subject);
    let task = task.with_context(|| format!("nothing was dispatched for {subject}"))?;
    let holders = task["assignees"].as_array().context("a task nobody holds")?;
    let mut phones = Vec::new();
    for holder in holders {
        let name = text(holder, "name")?;
        let person = story.county.people.accounts.iter().find(|person| person.name == name);
        let login = &person.with_context(|| format!("nobody is called {name}"))?.login;
        phones.push(story.phone(login).with_context(|| format!("{name} has no phone"))?);
    }
    Ok(Dispatched { visit: text(task, "visit")?.to_owned(), phones })
}
