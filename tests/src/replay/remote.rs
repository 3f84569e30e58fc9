//! A phone as the driver holds it: a process that can be killed at any moment and started again on
//! the same folder.

use super::pipe::{Command, Reply};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{self, Child, ChildStdin, ChildStdout, Stdio},
    thread,
    time::Duration,
};

/// When a phone dies: after so many acknowledged saves, and a moment later.
#[derive(Debug, Clone, Copy)]
pub struct Death {
    pub after_saves: usize,
    pub then: Duration,
}

pub struct PhoneProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What came of a command.
#[derive(Debug, Default)]
pub struct Heard {
    /// Numbers of the saves that were acknowledged.
    pub saved: Vec<usize>,
    /// The reply that ended the command; none when the phone died first.
    pub end: Option<Reply>,
}

impl PhoneProcess {
    /// Opens the phone's folder in a process of its own.
    pub fn start(folder: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("the replay's own program")?;
        let mut child = process::Command::new(program)
            .arg("phone")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a phone did not start")?;
        let input = child.stdin.take().context("the phone's input is piped")?;
        let output = child.stdout.take().context("the phone's output is piped")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Sends a command and listens to its end, or until the phone dies.
    pub fn run(&mut self, command: &Command, death: Option<Death>) -> Result<Heard> {
        self.send(command)?;
        let mut heard = Heard::default();
        let mut ahead = death;
        loop {
            if let Some(death) = ahead.take_if(|death| heard.saved.len() >= death.after_saves) {
                self.die(death.then)?;
            }
            match self.hear()? {
                Some(Reply::Saved { n }) => heard.saved.push(n),
                Some(end) => {
                    heard.end = Some(end);
                    return Ok(heard);
                }
                None if death.is_some() => return Ok(heard),
                None => bail!("a phone ended by itself: {:?}", self.child.wait()?),
            }
        }
    }

    /// SIGKILL: nothing in the process can prepare for it.
    fn die(&mut self, moment: Duration) -> Result<()> {
        thread::sleep(moment);
        self.child.kill().context("a phone could not be killed")
    }

    fn send(&mut self, command: &Command) -> Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        self.input.write_all(&line).context("a phone does not listen")
    }

    /// A line without its end was cut by the death of the phone: it acknowledges nothing.
    fn hear(&mut self) -> Result<Option<Reply>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Ok(None);
        }
        serde_json::from_str(&line).map(Some).with_context(|| format!("a phone said {line:?}"))
    }
}

impl Drop for PhoneProcess {
    fn drop(&mut self) {
        // Nothing is left to do when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
