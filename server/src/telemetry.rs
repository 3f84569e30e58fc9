//! Logs and metrics.

use crate::config::LogFormat;
use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{
    io,
    sync::{Mutex, PoisonError},
};
use tracing_subscriber::{EnvFilter, fmt};

/// `RUST_LOG` overrides it. sqlx tells every slow statement; those are ours to find in metrics.
const FILTER_DEFAULT: &str = "info,sqlx=warn";
/// Bounds of the histograms of seconds: an indexed read up to a request that is given up.
const SECONDS_BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 55.0];

/// Logs go to standard error; standard output is for the line that says where the server listens.
pub fn log_to_stderr(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(FILTER_DEFAULT))?;
    // A line that cannot be written is lost. To complain of it would be a panic in whoever logs: on a
    // full disk, to which the log goes, the committer above all.
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))
}

/// The process's one recorder: a second server in the same process shares it.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut recorder = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if recorder.is_none() {
        let builder = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS).context("histogram buckets")?;
        *recorder = Some(builder.install_recorder().context("installing the metrics recorder")?);
    }
    recorder.clone().context("the recorder was just installed")
}
