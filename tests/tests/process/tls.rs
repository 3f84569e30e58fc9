//! TLS from files, with certificates that this test makes, and a client that trusts them only.

use liuhen_tests::harness::{server::Server, server_program};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

/// The signal is delivered and the files are read long before.
const TRIES_MAX: usize = 100;

struct Running {
    process: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Running {
    fn start(data: &Path, files: &[&str]) -> Self {
        let mut serve = Command::new(server_program().expect("built"));
        serve.args(["serve", "--address", "127.0.0.1:0", "--data"]).arg(data).args(files);
        let mut process = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { process, url }
    }

    fn signal(&self, name: &str) {
        let told = Command::new("sh")
            .args(["-c", r#"kill "$0" "$1""#, name, &self.process.id().to_string()])
            .status();
        assert!(told.expect("sh runs").success());
    }

    /// Whether a client that trusts this certificate is answered.
    fn answers_to(&self, certificate: &Path) -> bool {
        let root = Certificate::from_pem(&fs::read(certificate).expect("a file")).expect("a certificate");
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
        let agent: Agent = Agent::config_builder().tls_config(tls).build().into();
        agent.get(format!("{}/healthz", self.url)).call().is_ok_and(|answer| answer.status() == 200)
    }
}

/// Writes a key and a certificate signed with it, good for this machine only.
fn certify(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=liuhen", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..TRIES_MAX {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: never");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn a_certificate_is_served_and_its_successor_after_a_hangup() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    Server::create(&data).expect("a server").stop().expect("it stops");
    let ((first, first_key), (second, second_key)) =
        (certify(folder.path(), "first"), certify(folder.path(), "second"));
    let (shown, key) = (folder.path().join("shown.pem"), folder.path().join("shown.key"));
    let put = |certificate: &Path, with: &Path| {
        fs::copy(certificate, &shown).expect("copied");
        fs::copy(with, &key).expect("copied");
    };
    put(&first, &first_key);
    let mut server = Running::start(&data, &["--tls-cert", text(&shown), "--tls-key", text(&key)]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    assert!(server.answers_to(&first));
    assert!(!server.answers_to(&second));

    fs::write(&shown, "no certificate").expect("written");
    server.signal("-HUP");
    thread::sleep(Duration::from_millis(300));
    assert!(server.answers_to(&first), "a broken file leaves the old certificate");

    put(&second, &second_key);
    server.signal("-HUP");
    until("the new certificate", || server.answers_to(&second));
    assert!(!server.answers_to(&first));
    server.signal("-TERM");
    assert!(server.process.wait().expect("it ends").success());
}

#[test]
fn a_hangup_does_not_end_a_server_without_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    Server::create(folder.path()).expect("a server").stop().expect("it stops");
    let mut server = Running::start(folder.path(), &[]);
    server.signal("-HUP");
    thread::sleep(Duration::from_millis(300));
    assert!(server.process.try_wait().expect("a status").is_none(), "it goes on");
}

#[test]
fn a_missing_certificate_or_a_foreign_key_is_told_before_anything_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let ((certificate, _), (_, key)) = (certify(folder.path(), "one"), certify(folder.path(), "other"));
    let missing = folder.path().join("missing.pem");
    for (certificate, key) in [(&missing, &key), (&certificate, &missing), (&certificate, &key)] {
        let mut serve = Command::new(server_program().expect("built"));
        serve.args(["serve", "--address", "127.0.0.1:0", "--data"]).arg(&data);
        serve.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
        let output = serve.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("tls:"), "{said}");
        assert!(!data.exists(), "nothing was opened");
    }
}
