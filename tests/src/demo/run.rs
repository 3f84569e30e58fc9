//! `liuhen-demo`: the day played once in its folder; afterwards the folder is checked and shown again.

use super::{
    afterwards, console,
    facts::{Progress, remark, say},
    kept::{self, Found, Kept},
    manifest::Part,
    story::{self, Places, Story},
};
use crate::harness::{
    server::{self, Launch, Server},
    workspace,
};
use anyhow::{Result, bail};
use clap::Args;
use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};
use time::{Date, OffsetDateTime, UtcOffset};

/// The server's own default.
const PORT: u16 = 8080;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// End after everything was verified; the exit code says whether it was
    #[arg(long)]
    pub once: bool,
    /// The demo's folder [default: target/demo]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Remove what an earlier run left and play the day again
    #[arg(long)]
    pub fresh: bool,
    /// Port of the console [default: 8080, or a free one where that is taken]
    #[arg(long)]
    pub port: Option<u16>,
}

/// Plays the day in an empty folder, or checks and shows the one that was played.
pub fn run(options: &Options) -> Result<()> {
    let progress = Progress::start();
    let folder = options.data.clone().unwrap_or_else(|| workspace().join("target/demo"));
    let folder = std::path::absolute(folder)?;
    let _claim = kept::claim(&folder)?;
    if options.fresh {
        kept::remove(&folder)?;
    }
    match kept::find(&folder)? {
        Found::Nothing => first_time(options, &folder, &progress),
        Found::Unfinished => {
            remark("上次未演完，重新开始 The last run did not finish; starting over.");
            kept::remove(&folder)?;
            first_time(options, &folder, &progress)
        }
        Found::Played(kept) => again(options, &folder, &kept, &progress),
    }
}

fn first_time(options: &Options, folder: &Path, progress: &Progress) -> Result<()> {
    let port = port(options)?;
    kept::begin(folder)?;
    let played = play(folder, port, progress);
    let (server, kept) = played.inspect_err(|_| explain(folder))?;
    say(format_args!("\n发生了什么 What happened ({:.1} min)\n{}", progress.minutes(), kept.table));
    if !options.once {
        kept.write(folder, Part::Untouched)?;
    }
    leave_or_show(options, folder, server, &kept, progress)
}

/// What may lie behind a day that failed: a full disk, or something the server says.
fn explain(folder: &Path) {
    const PROBE_BYTES: usize = 1024 * 1024;
    let probe = folder.join("server/probe");
    if let Err(full) = fs::write(&probe, vec![0; PROBE_BYTES]) {
        remark(format_args!("\n{} 无法再写入 takes nothing more: {full}", folder.display()));
    }
    // Where it could not be written it may not be there.
    drop(fs::remove_file(&probe));
    let log = server::last_of_log(&Places::below(folder).server);
    if !log.is_empty() {
        remark(format_args!("\n服务器日志末尾 The last of server/server.log:\n{log}"));
    }
}

/// The day, read back and verified, with the server that goes on running.
fn play(folder: &Path, port: u16, progress: &Progress) -> Result<(Server, Kept)> {
    let mut story = story::play(folder, port, today(), progress)?;
    progress.stage("逐项读回，核验账本 Reading back, verifying the ledger", || {
        afterwards::check(&mut story)
    })?;
    let mut pages = Vec::new();
    for (key, why) in [
        ("canteen", "两人检查，分歧已处理 two phones, decided"),
        ("mall", "分歧待处理 a disagreement for you to decide"),
        ("lift", "退回后补充 returned and supplemented"),
        ("ktv", "拒绝签字 refused to sign"),
    ] {
        let (subject, path) = story.page(key)?;
        pages.push((format!("{subject}：{why}"), path));
    }
    let kept = Kept { accounts: story.desk.accounts.clone(), pages, table: story.facts.table() };
    let Story { server, .. } = story;
    Ok((server, kept))
}

/// The folder was played before: it has to be as it was left.
fn again(options: &Options, folder: &Path, kept: &Kept, progress: &Progress) -> Result<()> {
    progress
        .stage("逐字节比对 Comparing every byte with what was left", || kept::check_bytes(folder))?;
    let leaves =
        progress.stage("核验数据库和账本 Verifying database and ledger", || kept::verify(folder))?;
    say(format_args!("\n与上次离开时一致 As it was left; {leaves} leaves verified.\n{}", kept.table));
    if options.once {
        return kept.write(folder, Part::Everything);
    }
    let launch = Launch { port: port(options)?, second_factor: true };
    // Before the server changes a byte.
    kept.write(folder, Part::Untouched)?;
    let server = Server::launch(&Places::below(folder).server, launch)?;
    leave_or_show(options, folder, server, kept, progress)
}

fn leave_or_show(
    options: &Options,
    folder: &Path,
    mut server: Server,
    kept: &Kept,
    progress: &Progress,
) -> Result<()> {
    if !options.once {
        console::keep_open(&mut server, kept)?;
    }
    server.stop()?;
    progress.stage("停止后再次核验 Verified again after the stop", || kept::verify(folder))?;
    kept.write(folder, Part::Everything)?;
    let folder = folder.display();
    say(format_args!("\n保存在 kept in {folder}；再次运行会逐字节检查 the next run compares every byte."));
    Ok(())
}

/// The one asked for has to be free; otherwise any will do.
fn port(options: &Options) -> Result<u16> {
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match options.port {
        Some(port) if is_free(port) => Ok(port),
        Some(port) => bail!("port {port} is taken"),
        None if is_free(PORT) => Ok(PORT),
        None => Ok(0),
    }
}

/// In China, where the county would be.
#[expect(clippy::disallowed_methods, reason = "the demo plays today")]
pub fn today() -> Date {
    const CHINA_HOURS: i8 = 8;
    let zone = UtcOffset::from_hms(CHINA_HOURS, 0, 0).unwrap_or(UtcOffset::UTC);
    OffsetDateTime::now_utc().to_offset(zone).date()
}
