//! `cargo xtask demo`: builds what the demo needs and becomes it.

use crate::{replay::Built, shell, stages::now};
use anyhow::{Context, Result};
use clap::Args;
use std::{
    ffi::OsString, os::unix::process::CommandExt as _, process::ExitCode, sync::mpsc, thread, time::Duration,
};

/// A build from nothing takes minutes; somebody who waits hears of each.
const LINE_EVERY: Duration = Duration::from_secs(60);

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// --once ends after verifying; --data DIR, --fresh, --port PORT; `cargo xtask demo --help` lists all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let built = build()?;
    // Becoming it leaves nobody between the terminal and the demo, which closes its folder when asked.
    let failed = built.demo().args(&options.arguments).exec();
    Err(failed).context("the demo did not start")
}

/// Server and demo and nothing else, unoptimised: the console is to be up soon.
fn build() -> Result<Built> {
    eprintln!("编译服务器和演示程序 Building the server (liuhen) and the demo (liuhen-demo)");
    let server = ["build", "--package", "liuhen-server", "--bin", "liuhen"];
    let demo = ["--package", "liuhen-tests", "--bin", "liuhen-demo"];
    told_every_minute(|| shell::run(shell::cargo().args(server).args(demo)))?;
    Built::of("debug")
}

/// Says every minute how long it has been working.
fn told_every_minute<T>(work: impl FnOnce() -> T) -> T {
    let started = now();
    let (done, waiting) = mpsc::channel::<()>();
    let teller = thread::spawn(move || {
        while let Err(mpsc::RecvTimeoutError::Timeout) = waiting.recv_timeout(LINE_EVERY) {
            eprintln!("[{:4.1} min] 编译中 still building", (now() - started).as_secs_f64() / 60.0);
        }
    });
    let result = work();
    drop(done);
    drop(teller.join());
    eprintln!("[{:4.1} min] 编译完成 built", (now() - started).as_secs_f64() / 60.0);
    result
}
