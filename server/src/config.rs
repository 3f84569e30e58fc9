//! Settings: a flag, else the environment, else the TOML file, else the default.

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::Deserialize;
use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

/// Reachable from this machine only, until somebody decides otherwise.
const ADDRESS_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));
/// A phone on a slow line needs half a minute for a 1 MB body; gateways cut at 60 seconds.
const REQUEST_SECONDS_DEFAULT: u64 = 55;
/// Longer than a request may take, so that a stop loses none.
const STOP_SECONDS_DEFAULT: u64 = 60;
/// Two weeks: a phone that was in the field for ten days still signs in by itself.
const REFRESH_DAYS_DEFAULT: u32 = 14;
/// A client on a slow line sends its headers in a second or two.
const HEADER_SECONDS: u64 = 30;
/// Three days in the field and a weekend.
const OFFLINE_HOURS_DEFAULT: u32 = 24 * 7;
/// Somebody may wait 25 seconds for changes; an hour is longer than any line takes.
const REQUEST_SECONDS_RANGE: RangeInclusive<u64> = 30..=3_600;
const STOP_SECONDS_RANGE: RangeInclusive<u64> = 0..=3_600;
const REFRESH_DAYS_RANGE: RangeInclusive<u64> = 1..=366;
const OFFLINE_HOURS_RANGE: RangeInclusive<u64> = 1..=24 * 366;

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything the server keeps lies below this folder.
    pub data: PathBuf,
    pub address: SocketAddr,
    /// Plain HTTP without them.
    pub tls: Option<TlsFiles>,
    pub log: LogFormat,
    /// A connection that has not sent its headers by then is closed; lowered by tests only.
    pub header_time_max: Duration,
    /// A request that takes longer is given up.
    pub request_time_max: Duration,
    /// How long a stop waits for requests under way.
    pub stop_time_max: Duration,
    /// How long a sign-in lasts without being used.
    pub refresh_days: u32,
    /// How long a device may record without having met the server; written into its grant.
    pub offline_hours: u32,
    /// Whether those who can read or change what others did have to sign in with a second factor.
    pub second_factor: SecondFactorRule,
    /// Cost of a password hash in KiB of memory; lowered by tests only.
    pub password_memory_kib: u32,
}

/// What the server shows of itself over TLS. Read at the start, and again at SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that lead to a root.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// A factor that was set up is asked for at every sign-in, whatever the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorRule {
    /// Of supervisors, administrators and auditors.
    #[default]
    Required,
    /// Of nobody.
    Optional,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings as flags, environment variables and keys of the TOML file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Folder of the server's data
    #[arg(long, env = "LIUHEN_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, env = "LIUHEN_ADDRESS")]
    pub address: Option<SocketAddr>,
    /// PEM file with the certificate and those that lead to its root; with it the server speaks TLS only
    #[arg(long, env = "LIUHEN_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's key
    #[arg(long, env = "LIUHEN_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Log as text or as JSON [default: text]
    #[arg(long, env = "LIUHEN_LOG")]
    pub log: Option<LogFormat>,
    /// Seconds after which a request is given up [default: 55]
    #[arg(long, env = "LIUHEN_REQUEST_SECONDS")]
    pub request_seconds: Option<u64>,
    /// Seconds a stop waits for requests under way [default: 60]
    #[arg(long, env = "LIUHEN_STOP_SECONDS")]
    pub stop_seconds: Option<u64>,
    /// Days a sign-in lasts without being used [default: 14]
    #[arg(long, env = "LIUHEN_REFRESH_DAYS")]
    pub refresh_days: Option<u32>,
    /// Hours a device may record without having met the server [default: 168]
    #[arg(long, env = "LIUHEN_OFFLINE_HOURS")]
    pub offline_hours: Option<u32>,
    /// Whether supervisors, administrators and auditors must have a second factor [default: required]
    #[arg(long, env = "LIUHEN_SECOND_FACTOR")]
    pub second_factor: Option<SecondFactorRule>,
}

impl Settings {
    /// Fills from the file what flags and environment left open.
    pub fn resolve(self, file: Option<&Path>) -> anyhow::Result<Config> {
        let file = file.map_or_else(|| Ok(Settings::default()), read_file)?;
        let data = self
            .data
            .or(file.data)
            .context("no data folder: give --data, LIUHEN_DATA or data in the file")?;
        let request_seconds =
            self.request_seconds.or(file.request_seconds).unwrap_or(REQUEST_SECONDS_DEFAULT);
        let stop_seconds = self.stop_seconds.or(file.stop_seconds).unwrap_or(STOP_SECONDS_DEFAULT);
        let refresh_days = self.refresh_days.or(file.refresh_days).unwrap_or(REFRESH_DAYS_DEFAULT);
        let offline_hours = self.offline_hours.or(file.offline_hours).unwrap_or(OFFLINE_HOURS_DEFAULT);
        within("request_seconds", request_seconds, REQUEST_SECONDS_RANGE)?;
        within("stop_seconds", stop_seconds, STOP_SECONDS_RANGE)?;
        within("refresh_days", refresh_days.into(), REFRESH_DAYS_RANGE)?;
        within("offline_hours", offline_hours.into(), OFFLINE_HOURS_RANGE)?;
        Ok(Config {
            address: self.address.or(file.address).unwrap_or(ADDRESS_DEFAULT),
            tls: tls_files(self.tls_cert.or(file.tls_cert), self.tls_key.or(file.tls_key))?,
            log: self.log.or(file.log).unwrap_or_default(),
            request_time_max: Duration::from_secs(request_seconds),
            stop_time_max: Duration::from_secs(stop_seconds),
            refresh_days,
            offline_hours,
            second_factor: self.second_factor.or(file.second_factor).unwrap_or_default(),
            ..Config::new(data)
        })
    }
}

/// A number that would shut everybody out, or nobody ever, is told at the start.
fn within(name: &str, number: u64, range: RangeInclusive<u64>) -> anyhow::Result<()> {
    ensure!(range.contains(&number), "{name} is {number}: {} to {}", range.start(), range.end());
    Ok(())
}

fn tls_files(certificate: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Option<TlsFiles>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        // Plain HTTP would be a surprise to whoever gave one of them.
        _ => bail!("TLS needs a certificate and its key: give tls_cert and tls_key, or neither"),
    }
}

fn read_file(path: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("in {}", path.display()))
}

impl Config {
    /// Defaults for everything but the folder.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            address: ADDRESS_DEFAULT,
            tls: None,
            log: LogFormat::default(),
            header_time_max: Duration::from_secs(HEADER_SECONDS),
            request_time_max: Duration::from_secs(REQUEST_SECONDS_DEFAULT),
            stop_time_max: Duration::from_secs(STOP_SECONDS_DEFAULT),
            refresh_days: REFRESH_DAYS_DEFAULT,
            offline_hours: OFFLINE_HOURS_DEFAULT,
            second_factor: SecondFactorRule::default(),
            password_memory_kib: argon2::Params::DEFAULT_M_COST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("liuhen.toml");
        std::fs::write(&path, "data = \"/srv/liuhen\"\naddress = \"0.0.0.0:80\"\nlog = \"json\"\n")
            .expect("a file");
        let flags = Settings { address: Some(([127, 0, 0, 1], 0).into()), ..Settings::default() };
        let config = flags.resolve(Some(&path)).expect("complete settings");
        assert_eq!(config.address, ([127, 0, 0, 1], 0).into());
        assert_eq!(config.data, Path::new("/srv/liuhen"));
        assert_eq!(config.log, LogFormat::Json);
        assert_eq!(config.refresh_days, REFRESH_DAYS_DEFAULT);
    }

    #[test]
    fn a_misspelt_key_and_a_missing_folder_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("liuhen.toml");
        std::fs::write(&path, "adress = \"0.0.0.0:80\"\n").expect("a file");
        let error = Settings::default().resolve(Some(&path)).expect_err("a misspelt key");
        assert!(format!("{error:#}").contains("adress"), "{error:#}");
        let error = Settings::default().resolve(None).expect_err("no folder");
        assert!(error.to_string().contains("--data"));
    }

    #[test]
    fn a_number_that_nobody_can_work_with_is_told_at_the_start() {
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings { data: Some("/srv/liuhen".into()), ..Settings::default() };
            change(&mut settings);
            settings.resolve(None).map(drop).map_err(|error| error.to_string())
        };
        let refused = [
            ("request_seconds", with(|settings| settings.request_seconds = Some(0))),
            ("stop_seconds", with(|settings| settings.stop_seconds = Some(u64::MAX))),
            ("refresh_days", with(|settings| settings.refresh_days = Some(0))),
            ("offline_hours", with(|settings| settings.offline_hours = Some(u32::MAX))),
        ];
        for (name, outcome) in refused {
            let error = outcome.expect_err(name);
            assert!(error.starts_with(name), "{error}");
        }
        with(|settings| settings.stop_seconds = Some(0)).expect("a stop that waits for nobody");
    }

    #[test]
    fn a_certificate_without_its_key_is_no_reason_to_serve_without_tls() {
        let settings = |cert: Option<&str>, key: Option<&str>| Settings {
            data: Some("/srv/liuhen".into()),
            tls_cert: cert.map(PathBuf::from),
            tls_key: key.map(PathBuf::from),
            ..Settings::default()
        };
        assert!(settings(Some("cert.pem"), None).resolve(None).is_err());
        assert!(settings(None, Some("key.pem")).resolve(None).is_err());
        assert_eq!(settings(None, None).resolve(None).expect("settings").tls, None);
        let both = settings(Some("cert.pem"), Some("key.pem")).resolve(None).expect("settings");
        assert_eq!(both.tls.expect("files").key, Path::new("key.pem"));
    }
}
