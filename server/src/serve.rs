//! Serving until told to stop, and stopping without losing what is under way.

use crate::{AppState, config::Config, control, routes, tls};
use anyhow::Context;
use axum_server::{
    Handle, Server,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use std::{future::Future, io::Write as _, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, signal::unix::SignalKind};

/// Serves until SIGTERM or SIGINT. Prints the address once requests are answered.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let (stop, hangups) = (signalled()?, tls::hangups()?);
    let tls = match config.tls.clone() {
        Some(files) => Some((tls::load(&files).await?, files)),
        None => None,
    };
    let (state, background) = AppState::open(config).await?;
    let address = state.config.address;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let orders = control::listen(&state.config.data);
    let orders = orders.map(|orders| tokio::spawn(control::take(orders, state.clone())));
    let shown = tls.as_ref().map(|(config, _)| config.clone());
    let reload = tokio::spawn(tls::reload(hangups, tls));
    announce(listener.local_addr()?, shown.is_some())?;
    let working = state.clone();
    let stop = async move {
        tokio::select! {
            () = stop => {}
            () = working.broken() => tracing::error!("the server cannot go on; what is committed is safe"),
        }
    };
    serve(state.clone(), listener, shown, stop).await?;
    reload.abort();
    if let Some(orders) = orders {
        orders.abort();
        // Its hold on the ledger ends with it; that it was aborted is no error.
        let _ = orders.await;
    }
    state.close(background).await
}

/// Serves on a listener until `stop` ends, then finishes what is under way, within its time.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (grace, header_time) = (state.config.stop_time_max, state.config.header_time_max);
    let handle = Handle::<SocketAddr>::new();
    let (stopped, told) = (handle.clone(), state.stopping.clone());
    let stop = tokio::spawn(async move {
        stop.await;
        tracing::info!("stopping");
        told.send_replace(true);
        stopped.graceful_shutdown(Some(grace));
    });
    let server = Server::<SocketAddr>::from_listener(listener).handle(handle.clone());
    let service = routes::router(state).into_make_service();
    let plain = NoDelayAcceptor::new();
    let served = match tls {
        Some(tls) => {
            let server = server.acceptor(RustlsAcceptor::new(tls).acceptor(plain));
            hurried(server, header_time).serve(service).await
        }
        None => hurried(server.acceptor(plain), header_time).serve(service).await,
    };
    stop.abort();
    if handle.connection_count() > 0 {
        tracing::warn!("requests were still under way and are given up");
    }
    served.context("serving")
}

/// Hangs up on whoever connects and says nothing. For that it speaks HTTP/1.1 alone: to tell it from
/// HTTP/2 the first bytes are waited for, without any limit.
fn hurried<A>(server: Server<SocketAddr, A>, header_time_max: Duration) -> Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(header_time_max);
    server
}

/// Ends at the first signal to stop.
fn signalled() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn announce(address: SocketAddr, tls: bool) -> anyhow::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on {scheme}://{address}")?;
    Ok(stdout.flush()?)
}
