//! Leaving the console open: who can sign in, with the codes of their second factors while somebody
//! looks, until the demo is told to end.

use super::{desk, desk::Account, facts::columns, kept::Kept};
use crate::harness::{authenticator::Authenticator, server::Server};
use anyhow::{Result, ensure};
use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// The seconds left of a code are shown.
const TICK: Duration = Duration::from_secs(1);

/// Somebody who can sign in, and their codes.
struct Guest<'a> {
    account: &'a Account,
    codes: Option<Authenticator>,
}

/// Shows what there is to see and stays until a signal.
pub fn keep_open(server: &mut Server, kept: &Kept) -> Result<()> {
    let url = server.url();
    println!("\n控制台 Console   {url}/console");
    for (title, path) in &kept.pages {
        println!("  {url}{path}   {title}");
    }
    println!("\n账号 Accounts    密码 password of all: {}", desk::PASSWORD);
    let mut guests = Vec::new();
    for account in &kept.accounts {
        let codes = account.secret.as_deref().map(Authenticator::new).transpose()?;
        guests.push(Guest { account, codes });
    }
    let is_watched = std::io::stdout().is_terminal();
    if !is_watched {
        print_lines(&guests, false)?;
        println!("动态口令 Codes: oathtool --totp -b SECRET, or the secret in any authenticator app.");
    }
    println!("按 Ctrl-C 结束 ends it.");
    std::io::stdout().flush()?;
    let mut first = true;
    until_told(|| {
        ensure!(server.is_running()?, "the server ended by itself; see server.log in its folder");
        if is_watched {
            if !first {
                // Back over the lines of the second before.
                print!("\x1b[{}A", guests.len());
            }
            first = false;
            print_lines(&guests, true)?;
            std::io::stdout().flush()?;
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
        println!("{clear}  {:6} {}{pad}  {roles}  {second}", account.login, account.name);
    }
    Ok(())
}

const ROLE_COLUMNS: usize = 22;

fn role_title(role: &str) -> &str {
    match role {
        "department_administrator" => "管理员 administrator",
        "supervisor" => "督察 supervisor",
        "auditor" => "审计 auditor",
        "inspector" => "检查员 inspector",
        other => other,
    }
}

/// Calls `tick` every second until the terminal or the system asks to end.
fn until_told(mut tick: impl FnMut() -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
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
