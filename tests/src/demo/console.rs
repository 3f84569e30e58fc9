//! Leaving the console open: who can sign in, with the codes of their second factors while somebody
//! looks, until the demo is told to end.

use super::{
    desk,
    desk::Account,
    facts::{columns, say},
    kept::Kept,
};
use crate::harness::{authenticator::Authenticator, server::Server};
use anyhow::{Result, ensure};
use std::{
    io::{IsTerminal as _, Write as _, stdout},
    time::Duration,
};
use tokio::{
    runtime::{self, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

/// The seconds left of a code are shown.
const TICK: Duration = Duration::from_secs(1);

/// Somebody who can sign in, and their codes.
struct Guest<'a> {
    account: &'a Account,
    codes: Option<Authenticator>,
}

/// Shows what there is to see and stays until a signal.
pub fn keep_open(server: &mut Server, kept: &Kept) -> Result<()> {
    // Before anybody reads how to end it.
    let mut end = End::listen()?;
    let url = server.url();
    say(format_args!("\n控制台 Console   {url}/console"));
    for (title, path) in &kept.pages {
        say(format_args!("  {url}{path}   {title}"));
    }
    say(format_args!("\n账号 Accounts    密码 password of all: {}", desk::PASSWORD));
    let mut guests = Vec::new();
    for account in &kept.accounts {
        let codes = account.secret.as_deref().map(Authenticator::new).transpose()?;
        guests.push(Guest { account, codes });
    }
    let is_watched = stdout().is_terminal();
    if !is_watched {
        print_lines(&guests, false)?;
        say("动态口令 Codes: oathtool --totp -b SECRET, or the secret in any authenticator app.");
    }
    say("按 Ctrl-C 结束 ends it.");
    let mut first = true;
    end.wait(|| {
        ensure!(server.is_running()?, "the server ended by itself; see server.log in its folder");
        if is_watched {
            if !first {
                // Back over the lines of the second before.
                drop(write!(stdout(), "\x1b[{}A", guests.len()));
            }
            first = false;
            print_lines(&guests, true)?;
        }
        Ok(())
    })
}

fn print_lines(guests: &[Guest], with_codes: bool) -> Result<()> {
    let width = guests.iter().map(|guest| columns(&guest.account.name)).max().unwrap_or(0);
    for Guest { account, codes } in guests {
        let second = match (codes, with_codes) {
            (None, _) => String::new(),
            (Some(codes), true) => {
                let (code, seconds) = codes.shown()?;
                format!("动态口令 code {code}  ({seconds:2} s)")
            }
            (Some(codes), false) => format!("动态口令密钥 secret {}", codes.secret()),
        };
        let pad = " ".repeat(width - columns(&account.name));
        let roles = account.roles.iter().map(|role| role_title(role)).collect::<Vec<_>>().join("、");
        let roles = format!("{roles}{}", " ".repeat(ROLE_COLUMNS.saturating_sub(columns(&roles))));
        // On a terminal the line stands where that of the second before stood.
        let clear = if with_codes { "\x1b[K" } else { "" };
        let line = format!("  {:6} {}{pad}  {roles}  {second}", account.login, account.name);
        say(format_args!("{clear}{}", line.trim_end()));
    }
    Ok(())
}

const ROLE_COLUMNS: usize = 22;

fn role_title(role: &str) -> &str {
    match role {
        "department_administrator" => "管理员 administrator",
        "supervisor" => "督察人员 supervisor",
        "auditor" => "审计人员 auditor",
        "inspector" => "检查人员 inspector",
        other => other,
    }
}

/// The terminal or the system asking to end.
struct End {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl End {
    fn listen() -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hangup = signal(SignalKind::hangup())?;
        drop(entered);
        Ok(Self { runtime, interrupt, terminate, hangup })
    }

    /// Calls `tick` every second until asked.
    fn wait(&mut self, mut tick: impl FnMut() -> Result<()>) -> Result<()> {
        let Self { runtime, interrupt, terminate, hangup } = self;
        runtime.block_on(async {
            loop {
                tick()?;
                tokio::select! {
                    _ = interrupt.recv() => return Ok(()),
                    _ = terminate.recv() => return Ok(()),
                    _ = hangup.recv() => return Ok(()),
                    () = tokio::time::sleep(TICK) => {}
                }
            }
        })
    }
}
