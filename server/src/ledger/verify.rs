//! `liuhen verify-ledger`: recomputes everything a leaf commits to and names what does not fit.
//!
//! - [`tree`]: leaves, subtrees, head row, the signer's checkpoint.
//! - [`acts`]: every act opens, and every committed row is the one its latest act lists.
//! - [`epochs`]: later epochs of the log were opened, and by whom it is said what they go on from.
//! - [`segments`]: signatures by granted keys, entries hashed and chained again, announcements.
//! - [`visits`]: every verdict judged again, every document and view made again.
//! - [`feed`]: everybody is told what became true for them, and nothing else.
//! - [`evidence`]: every held file hashed again.
//!
//! It reads one snapshot of the database and writes nothing. A row that cannot be read is a misfit,
//! not a reason to stop.

mod acts;
mod epochs;
mod evidence;
mod feed;
mod segments;
mod tree;
mod visits;

use crate::{
    ledger::signer::{ORIGIN_FILE, Signer},
    state::SIGNER_FOLDER,
    store::{
        self, Connection, Store,
        schema::{self, Schema},
    },
};
use futures::FutureExt as _;
use serde::Serialize;
use sqlx::Connection as _;
use std::{fmt, io::Write as _, panic::AssertUnwindSafe, path::Path, process::ExitCode};

/// Misfits kept; a damaged tree can have as many as leaves, and the first ones say where to look.
const MISFITS_MAX: usize = 1_000;

/// What the check found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    pub leaves: u64,
    pub entries: u64,
    pub blobs: u64,
    /// By leaf; those that no leaf can be named for come last.
    pub misfits: Vec<Misfit>,
    /// Beyond the misfits listed.
    pub misfits_unlisted: u64,
    /// Odd, but nothing that a leaf commits to.
    pub warnings: Vec<String>,
    pub verified: bool,
}

/// Something that is not as a leaf says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Misfit {
    /// The leaf that commits to it.
    pub leaf: Option<u64>,
    /// Table and key, or file.
    pub place: String,
    pub what: String,
}

/// Checks a data folder and prints the report. Fails unless everything fits.
pub async fn run(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let report = check(data).await?;
    let mut stdout = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut stdout, &report)?;
        writeln!(stdout)?;
    } else {
        write!(stdout, "{report}")?;
    }
    Ok(if report.verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks a data folder. An error only says that there is nothing to check.
pub async fn check(data: &Path) -> anyhow::Result<Report> {
    let mut findings = Findings::default();
    // Before the snapshot: the database is committed first and signed afterwards.
    let signer = signer(data, &mut findings);
    let store = Store::open_read_only(data).await?;
    let checked = AssertUnwindSafe(check_store(&store, signer.as_ref(), data, &mut findings));
    // Rows that were made to be misread must not end the check without a word.
    match checked.catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => findings.add(None, "database", format!("cannot be read: {error:#}")),
        Err(_) => findings.add(None, "database", "the check ended over what it read"),
    }
    store.close().await;
    Ok(findings.finish())
}

async fn check_store(
    store: &Store,
    signer: Option<&Signer>,
    data: &Path,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let mut conn = store.read().await?;
    match schema::look(&mut conn).await {
        Ok(Schema::Older { newest }) => {
            let what = format!("store.older_schema: migration {newest}; this program has to serve it once");
            findings.add(None, "database", what);
        }
        Ok(Schema::Empty | Schema::Current { .. }) => {}
        Err(error) => findings.add(None, "database", error.to_string()),
    }
    match store::audit::integrity(&mut conn).await {
        Ok(lines) => lines.into_iter().for_each(|line| findings.add(None, "database", line)),
        Err(error) => findings.add(None, "database", error.to_string()),
    }
    let mut snapshot = conn.begin().await?;
    let conn: &mut Connection = &mut snapshot;
    let leaves = tree::check(conn, signer, findings).await?;
    let expected = acts::check(conn, &leaves, findings).await?;
    epochs::check(conn, &leaves, &expected.openings, signer, findings).await;
    segments::check(conn, &leaves, &expected, signer, findings).await?;
    visits::check(conn, &expected.quarantines, findings).await?;
    feed::check(conn, &expected, findings).await;
    evidence::check(conn, data, findings).await?;
    Ok(())
}

/// The deployment's keys, unless they cannot be read.
fn signer(data: &Path, findings: &mut Findings) -> Option<Signer> {
    let folder = data.join(SIGNER_FOLDER);
    // Opening would make new keys.
    if !folder.join(ORIGIN_FILE).is_file() {
        findings.add(None, "signer", "the keys are not there");
        return None;
    }
    match Signer::open(&folder) {
        Ok(signer) => Some(signer),
        Err(error) => {
            findings.add(None, "signer", format!("{error:#}"));
            None
        }
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Findings {
    report: Report,
}

impl Findings {
    pub fn add(&mut self, leaf: Option<u64>, place: impl Into<String>, what: impl Into<String>) {
        if self.report.misfits.len() < MISFITS_MAX {
            self.report.misfits.push(Misfit { leaf, place: place.into(), what: what.into() });
        } else {
            self.report.misfits_unlisted += 1;
        }
    }

    /// What was read, or `None` with a misfit.
    pub fn read<T, E: fmt::Display>(
        &mut self,
        leaf: Option<u64>,
        place: impl Into<String>,
        read: Result<T, E>,
    ) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(leaf, place, format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// What to read behind: the last row of a full page, as long as the pages ascend. Those of a
    /// damaged index may lead back, and the check would never end.
    pub fn behind<K: PartialOrd>(
        &mut self,
        table: &str,
        page_is_full: bool,
        before: &K,
        last: Option<K>,
    ) -> Option<K> {
        let last = last.filter(|_| page_is_full)?;
        if last > *before {
            return Some(last);
        }
        self.add(None, table, "the rows are not in order");
        None
    }

    /// Says that two numbers of rows differ.
    pub fn count(&mut self, table: &str, found: Option<i64>, expected: u64) {
        if let Some(found) = found.filter(|found| u64::try_from(*found) != Ok(expected)) {
            self.add(None, table, format!("{found} rows instead of {expected}"));
        }
    }

    fn finish(mut self) -> Report {
        self.report.misfits.sort_by_key(|misfit| (misfit.leaf.is_none(), misfit.leaf));
        self.report.verified = self.report.misfits.is_empty();
        self.report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} leaves, {} entries, {} files", self.leaves, self.entries, self.blobs)?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        if let Some(first) = self.misfits.iter().find_map(|misfit| misfit.leaf) {
            writeln!(f, "the first leaf that does not fit is {first}")?;
        }
        for misfit in &self.misfits {
            writeln!(f, "{misfit}")?;
        }
        if self.misfits_unlisted > 0 {
            writeln!(f, "and {} more", self.misfits_unlisted)?;
        }
        let verdict =
            if self.verified { "verified 账本核验通过" } else { "NOT VERIFIED 账本核验未通过" };
        writeln!(f, "{verdict}")
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leaf {
            Some(leaf) => write!(f, "leaf {leaf}: {}: {}", self.place, self.what),
            None => write!(f, "{}: {}", self.place, self.what),
        }
    }
}
