//! Asking processes to end, and making sure that they end with whoever started them.

use anyhow::{Context, Result, ensure};
use std::process::{Child, Command, Stdio};

/// Asks a process to end. Each shell brings its own `kill`; not every machine has the program.
pub fn terminate(pid: u32) -> Result<()> {
    let told = Command::new("sh").args(["-c", r#"kill -TERM "$0""#, &pid.to_string()]).status();
    let told = told.context("sh did not start")?;
    ensure!(told.success(), "kill -TERM {pid} ended with {told}");
    Ok(())
}

/// Holds a process to the life of this one: when this one is gone, be it by SIGKILL, the other is
/// asked to end. A shell waits for its input to close, which the kernel does for the dead.
pub struct Leash(Child);

impl Leash {
    pub fn on(pid: u32) -> Result<Self> {
        const WAIT: &str = r#"trap "" HUP INT TERM; read -r _; kill -TERM "$0""#;
        let mut shell = Command::new("sh");
        shell.args(["-c", WAIT, &pid.to_string()]).stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(shell.spawn().context("sh did not start")?))
    }
}

impl Drop for Leash {
    /// The process it holds has ended by now, and its number may be another's.
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
