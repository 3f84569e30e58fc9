//! The server as a process of its own, on a free port, with a folder of its own.

use super::{server_program, signals, signals::Leash, supervisor::Api};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    thread,
};

/// The first account, as `liuhen admin create` makes it here.
pub const ADMIN_LOGIN: &str = "admin";
pub const ADMIN_PASSWORD: &str = "a password of some length";

/// How a server is started; by default on a free port, and without second factors: a test signs in
/// hundreds of times, and a code is good for one of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Launch {
    /// 0 takes a free one.
    pub port: u16,
    /// Whether supervisors and administrators need a second factor.
    pub second_factor: bool,
}

/// A running server. Dropping it kills it.
pub struct Server {
    process: Child,
    pub data: PathBuf,
    pub address: SocketAddr,
    /// Should this process die without a word, the server does not stay behind.
    _leash: Leash,
}

/// Who `liuhen admin create` makes first.
#[derive(Debug, Clone)]
pub struct Founder<'a> {
    pub login: &'a str,
    pub password: &'a str,
    pub name: &'a str,
    pub department: &'a str,
}

impl Default for Founder<'_> {
    fn default() -> Self {
        let (name, department) = ("系统管理员", "市场监督管理局");
        Self { login: ADMIN_LOGIN, password: ADMIN_PASSWORD, name, department }
    }
}

/// What the kernel counted for the process so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    pub cpu_seconds: f64,
    pub peak_rss_bytes: u64,
}

impl Server {
    /// Makes the first account in an empty folder and starts.
    pub fn create(data: &Path) -> Result<Self> {
        Self::found(data, &Founder::default())?;
        Self::open(data)
    }

    /// Makes the first account in an empty folder.
    pub fn found(data: &Path, founder: &Founder) -> Result<()> {
        let mut create = program(&server_program()?);
        create
            .args(["admin", "create", "--login", founder.login])
            .args(["--name", founder.name, "--department", founder.department])
            .arg("--data")
            .arg(data);
        let created = with_input(&mut create, founder.password)?;
        ensure!(created.status.success(), "liuhen admin create: {}", shown(&created));
        Ok(())
    }

    /// Starts on a folder that has been served before.
    pub fn open(data: &Path) -> Result<Self> {
        Self::launch(data, Launch::default())
    }

    /// As [`Server::open`], with a port or a rule of its own.
    pub fn launch(data: &Path, how: Launch) -> Result<Self> {
        let path = server_program()?;
        fs::create_dir_all(data).with_context(|| data.display().to_string())?;
        let log = fs::File::options().create(true).append(true).open(log_of(data))?;
        let mut process = program(&path)
            .args(["serve", "--address", &format!("127.0.0.1:{}", how.port), "--data"])
            .arg(data)
            .env("LIUHEN_SECOND_FACTOR", if how.second_factor { "required" } else { "optional" })
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| path.display().to_string())?;
        let stdout = process.stdout.take().context("the server's output is piped")?;
        let leashed = Leash::on(process.id()).and_then(|leash| Ok((leash, listening(stdout, data)?)));
        match leashed {
            Ok((leash, address)) => Ok(Self { process, data: data.to_path_buf(), address, _leash: leash }),
            Err(error) => {
                // It may have ended by itself.
                drop(process.kill());
                process.wait()?;
                Err(error)
            }
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn admin(&self) -> Result<Api> {
        Api::signed_in(&self.url(), ADMIN_LOGIN, ADMIN_PASSWORD)
    }

    /// Ends it as a power cut would and starts it again on the same folder.
    pub fn kill_and_reopen(mut self) -> Result<Self> {
        self.process.kill()?;
        self.process.wait()?;
        Self::open(&self.data)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Asks it to end and waits until it has. It may have heard so already, from the terminal.
    pub fn stop(mut self) -> Result<()> {
        signals::terminate(self.process.id())?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the server ended with {status}: {}", last_of_log(&self.data));
        Ok(())
    }

    pub fn used(&self) -> Result<Used> {
        let folder = PathBuf::from(format!("/proc/{}", self.process.id()));
        let stat = fs::read_to_string(folder.join("stat"))?;
        let status = fs::read_to_string(folder.join("status"))?;
        Ok(Used { cpu_seconds: cpu_seconds(&stat)?, peak_rss_bytes: peak_rss_bytes(&status)? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to do when it has ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// `liuhen <arguments> --data <data>`.
pub fn run(path: &Path, data: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = program(path);
    command.args(arguments).arg("--data").arg(data);
    command.output().with_context(|| path.display().to_string())
}

/// The server's program without the settings of a server that somebody else runs on this machine.
fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LIUHEN_")) {
        command.env_remove(name);
    }
    command
}

/// Recomputes the ledger of a folder, served or not, and all it commits to. Returns the leaves.
pub fn verify_ledger(data: &Path) -> Result<u64> {
    let output = run(&server_program()?, data, &["verify-ledger", "--json"])?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let verified = output.status.success() && report["verified"] == true;
    ensure!(verified, "the ledger does not verify: {}", shown(&output));
    report["leaves"].as_u64().context("verify-ledger tells no leaves")
}

pub fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn with_input(command: &mut Command, line: &str) -> Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("the input is piped")?;
    writeln!(input, "{line}")?;
    drop(input);
    Ok(child.wait_with_output()?)
}

/// Reads up to the line that names the address; a thread takes what comes after it.
fn listening(stdout: ChildStdout, data: &Path) -> Result<SocketAddr> {
    const MARK: &str = "listening on ";
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next() {
        let line = line?;
        if let Some((_, rest)) = line.split_once(MARK) {
            let address = rest.split_whitespace().next().unwrap_or("").trim_start_matches("http://");
            let address = address.parse().with_context(|| format!("no address in {line:?}"))?;
            thread::spawn(move || lines.for_each(drop));
            return Ok(address);
        }
    }
    bail!("the server ended before it listened: {}", last_of_log(data))
}

fn log_of(data: &Path) -> PathBuf {
    data.join("server.log")
}

/// What the server said last.
pub fn last_of_log(data: &Path) -> String {
    let log = fs::read_to_string(log_of(data)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(10).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// User and system time, fields 14 and 15 of `/proc/PID/stat`, behind the name in parentheses.
fn cpu_seconds(stat: &str) -> Result<f64> {
    /// USER_HZ, which Linux shows to programs as 100 on every machine.
    const TICKS_PER_SECOND: f64 = 100.0;
    let behind_name = stat.rsplit_once(')').context("stat without a name")?.1;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("stat without times")?;
    Ok((user + system) / TICKS_PER_SECOND)
}

fn peak_rss_bytes(status: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("status without VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "7 (li (u) hen) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 99 0 0";
        assert_eq!(cpu_seconds(stat).unwrap(), 2.0);
        let status = "Name:\tliuhen\nVmHWM:\t   20480 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_rss_bytes(status).unwrap(), 20480 * 1024);
    }
}
