//! What the demo says: stages while it works, a table of what happened in the end.

use anyhow::{Context, Result};
use std::{
    fmt::Display,
    io::{self, Write as _},
    time::Instant,
};

/// Facts in the order they were found out. A fact is told after it was looked at.
#[derive(Debug, Clone, Default)]
pub struct Facts(Vec<(String, String)>);

impl Facts {
    pub fn tell(&mut self, what: &str, how: impl Into<String>) {
        self.0.push((what.to_owned(), how.into()));
    }

    pub fn table(&self) -> String {
        let width = self.0.iter().map(|(what, _)| columns(what)).max().unwrap_or(0);
        let line =
            |(what, how): &(String, String)| format!("  {what}{}  {how}", " ".repeat(width - columns(what)));
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Says a line on standard output. Somebody who stops reading (`| head`) does not end the demo.
pub fn say(line: impl Display) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// As [`say`], for what is no result: on standard error.
pub fn remark(line: impl Display) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// Columns on a terminal: Chinese characters take two.
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| if u32::from(c) >= 0x2E80 { 2 } else { 1 }).sum()
}

/// Stages, each with the minutes that had passed when it began.
pub struct Progress {
    started: Instant,
}

impl Progress {
    pub fn start() -> Self {
        Self { started: now() }
    }

    /// Its error names the stage.
    pub fn stage<T>(&self, name: &str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        remark(format_args!("[{:4.1} min] {name}", self.minutes()));
        stage().with_context(|| name.to_owned())
    }

    pub fn minutes(&self) -> f64 {
        (now() - self.started).as_secs_f64() / 60.0
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a stage took is shown, nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}
