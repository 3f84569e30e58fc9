//! The demo as people run it: played once, looked at again, damaged, and left open.

use liuhen_tests::{
    demo::desk::PASSWORD,
    harness::{authenticator::Authenticator, server_program, signals, supervisor::Api},
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

fn demo(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liuhen-demo"));
    command.args(["--port", "0", "--data"]).arg(folder).args(options);
    command.env("LIUHEN_SERVER", server_program().expect("built"));
    // Of a server that somebody runs on the same machine: nothing to the demo.
    command.env("LIUHEN_ADMIN_PASSWORD", "another administrator's").env("LIUHEN_TLS_CERT", "/nowhere");
    command
}

fn once(folder: &Path) -> Output {
    demo(folder, &["--once"]).output().expect("the demo")
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Every file below the folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The largest file below each part of the folder, one small one, and the demo's own.
fn victims(folder: &Path) -> Vec<PathBuf> {
    let size = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    let largest = |part: &str| files_below(&folder.join(part)).into_iter().max_by_key(size);
    let parts = ["server", "server/blobs", "server/signer", "phones/lin", "phones/wu", "pictures"];
    let mut victims: Vec<PathBuf> = parts.iter().filter_map(|part| largest(part)).collect();
    assert!(victims.len() >= 5, "{victims:?}");
    victims.extend(["demo.json", "manifest.sha256", "server/liuhen.sqlite"].map(|name| folder.join(name)));
    victims
}

/// Changes one bit in the middle, runs the demo, and puts the bit back.
fn fails_when_damaged(folder: &Path, victim: &Path) {
    let kept = fs::read(victim).expect("a file");
    let mut damaged = kept.clone();
    damaged[kept.len() / 2] ^= 4;
    fs::write(victim, &damaged).expect("damage");
    let output = once(folder);
    let said = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{} was damaged: {said}", victim.display());
    let name = victim.strip_prefix(folder).expect("below it").display().to_string();
    assert!(said.contains(&name), "{name} is not named: {said}");
    fs::write(victim, &kept).expect("mended");
}

/// A demo with its console open.
struct Open {
    process: Child,
    url: String,
    /// The supervisor's second factor.
    secret: String,
}

impl Open {
    fn new(folder: &Path) -> Self {
        let mut process = demo(folder, &[]).stdout(Stdio::piped()).spawn().expect("the demo");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let (mut url, mut secret) = (None, None);
        for line in lines.by_ref().map(|line| line.expect("a line")) {
            let last = || line.split_whitespace().next_back().unwrap_or_default().to_owned();
            if line.contains("/console") && url.is_none() {
                url = Some(last());
            }
            if line.contains("  shen ") {
                secret = Some(last());
            }
            if line.contains("Ctrl-C") {
                break;
            }
        }
        // Somebody has to read what it says at its end.
        thread::spawn(move || lines.for_each(drop));
        let url = url.expect("an address").trim_end_matches("/console").to_owned();
        Self { process, url, secret: secret.expect("a secret") }
    }

    fn end(mut self) {
        self.tell_to_end();
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }

    fn tell_to_end(&self) {
        signals::terminate(self.process.id()).expect("it hears");
    }

    fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Open {
    /// A test that fails leaves no demo behind, nor its server.
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.tell_to_end();
            drop(self.process.wait());
        }
    }
}

#[test]
fn the_day_is_played_verified_and_shown_and_damage_to_each_kind_of_file_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("demo");
    let output = once(&folder);
    assert!(output.status.success(), "{}", shown(&output));
    assert!(shown(&output).contains("Ledger verified"), "{}", shown(&output));

    let output = once(&folder);
    assert!(output.status.success(), "untouched, and yet: {}", shown(&output));
    for victim in victims(&folder) {
        fails_when_damaged(&folder, &victim);
    }

    let open = Open::new(&folder);
    let page = Api::new(&open.url).send("GET", "/console/sign-in", &[], &[]).expect("a page");
    assert_eq!(page.status, 200, "{page}");
    let code = Authenticator::new(&open.secret).expect("a secret").fresh_code().expect("a code");
    let api = Api::signed_in_with_code(&open.url, "shen", PASSWORD, &code).expect("the supervisor signs in");
    assert_eq!(api.list("/api/v1/tasks").expect("tasks").len(), 12);
    let second = once(&folder);
    assert!(shown(&second).contains("another demo is using"), "{}", shown(&second));
    open.end();

    let output = once(&folder);
    assert!(output.status.success(), "closed cleanly, and yet: {}", shown(&output));
    fails_when_damaged(&folder, &folder.join("server/liuhen.sqlite"));
    a_demo_killed_with_its_console_open_leaves_no_server_and_damage_to_what_stood_still_is_named(&folder);
}

fn a_demo_killed_with_its_console_open_leaves_no_server_and_damage_to_what_stood_still_is_named(
    folder: &Path,
) {
    let open = Open::new(folder);
    let url = open.url.clone();
    open.kill();
    let still = ["demo.json", "phones/lin/core/device.key", "server/signer/session.key", "untouched.sha256"];
    for name in still {
        fails_when_damaged(folder, &folder.join(name));
    }
    let output = once(folder);
    assert!(output.status.success(), "killed, and yet: {}", shown(&output));
    assert!(Api::new(&url).send("GET", "/healthz", &[], &[]).is_err(), "its server still runs");
    let output = once(folder);
    assert!(output.status.success(), "looked at after it was killed, and yet: {}", shown(&output));
}

#[test]
fn a_demo_that_was_killed_while_it_played_is_played_anew() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("demo");
    let mut process = demo(&folder, &["--once"]).stderr(Stdio::piped()).spawn().expect("the demo");
    let lines = BufReader::new(process.stderr.take().expect("piped")).lines();
    let mut lines = lines.map(|line| line.expect("a line"));
    assert!(lines.any(|line| line.contains("Dispatch")), "it never came so far");
    process.kill().expect("it runs");
    process.wait().expect("it ends");
    let output = once(&folder);
    assert!(output.status.success(), "{}", shown(&output));
    assert!(shown(&output).contains("starting over"), "{}", shown(&output));
}

#[test]
fn somebody_elses_folder_is_not_touched() {
    // What stands beside the thesis: nothing, or what a demo's folder has, too.
    for (name, content) in [("", ""), ("demo.json", "{}"), ("manifest.sha256", "0"), ("playing", "")] {
        let place = tempfile::tempdir().expect("a folder");
        fs::write(place.path().join("thesis.txt"), "years of work").expect("a file");
        if !name.is_empty() {
            fs::write(place.path().join(name), content).expect("a file");
        }
        for options in [&["--once"][..], &["--once", "--fresh"]] {
            let output = demo(place.path(), options).output().expect("the demo");
            assert_eq!(output.status.code(), Some(1), "{name}: {}", shown(&output));
        }
        assert_eq!(fs::read_to_string(place.path().join("thesis.txt")).expect("a file"), "years of work");
        assert_eq!(files_below(place.path()).len(), 1 + usize::from(!name.is_empty()), "{name}");
    }
}
