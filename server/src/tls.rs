//! TLS from a certificate and its key in files, read again when the operator says so.

use crate::config::TlsFiles;
use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The one protocol that is spoken (see [`crate::serve`]).
const PROTOCOL: &[u8] = b"http/1.1";

/// What the files say now. One that is missing or is something else is told by its name.
pub async fn load(files: &TlsFiles) -> anyhow::Result<RustlsConfig> {
    // Another provider in the build would make rustls panic at the first connection; that this one was
    // installed before is no error.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(RustlsConfig::from_config(read(files).await?))
}

/// When somebody wants the files read again. Registered at the start, with TLS or without: otherwise
/// the signal would end the process.
pub fn hangups() -> anyhow::Result<Signal> {
    Ok(signal(SignalKind::hangup())?)
}

/// Reads the files again at each hang-up, for connections that are made after it. Files that cannot be
/// read leave everything as it is.
pub async fn reload(mut hangups: Signal, tls: Option<(RustlsConfig, TlsFiles)>) {
    while hangups.recv().await.is_some() {
        let Some((config, files)) = &tls else { continue };
        match read(files).await {
            Ok(new) => {
                config.reload_from_config(new);
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!("the old certificate stays: {error:#}"),
        }
    }
}

async fn read(files: &TlsFiles) -> anyhow::Result<Arc<ServerConfig>> {
    let read = RustlsConfig::from_pem_file(&files.certificate, &files.key).await;
    let read =
        read.with_context(|| format!("tls: {} with {}", files.certificate.display(), files.key.display()))?;
    let mut config = ServerConfig::clone(&read.get_inner());
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}
