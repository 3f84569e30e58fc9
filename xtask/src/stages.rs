//! Stages of a long command: each announced, timed, and listed at the end.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// What ran so far.
#[derive(Default)]
pub struct Stages {
    done: Vec<(String, Duration)>,
}

impl Stages {
    /// Runs one stage; its error names it.
    pub fn run<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n── {name}");
        let started = now();
        let result = stage().with_context(|| format!("stage failed: {name}"));
        self.done.push((name.to_owned(), now() - started));
        result
    }

    /// The minutes of each stage.
    pub fn report(&self) {
        eprintln!("\nMinutes");
        let all = self.done.iter().map(|(_, duration)| *duration).sum();
        for (name, duration) in self.done.iter().map(|(name, duration)| (name.as_str(), *duration)) {
            eprintln!("{:>7}  {name}", minutes(duration));
        }
        eprintln!("{:>7}  together", minutes(all));
    }
}

fn minutes(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() / 60.0)
}

#[expect(clippy::disallowed_methods, reason = "how long something took is shown, nothing depends on it")]
pub fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_is_named_and_still_listed() {
        let mut stages = Stages::default();
        let error = stages.run("guards", || anyhow::bail!("broken")).map(|(): ()| ()).unwrap_err();
        assert_eq!(format!("{error:#}"), "stage failed: guards: broken");
        assert_eq!(stages.done.len(), 1);
        assert_eq!(minutes(Duration::from_secs(90)), "1.5");
    }
}
