//! Serving until told to stop, and stopping without losing what is under way.

use crate::{AppState, config::Config, control, routes};
use anyhow::Context;
use std::{future::Future, io::Write as _, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, signal::unix::SignalKind};

/// Serves until SIGTERM or SIGINT. Prints the address once requests are answered.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let stop = signalled()?;
    let (state, background) = AppState::open(config).await?;
    let address = state.config.address;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let orders = tokio::spawn(control::take_orders(state.clone()));
    announce(listener.local_addr()?)?;
    serve(state.clone(), listener, stop).await?;
    tracing::info!("stopping");
    orders.abort();
    // Its hold on the ledger ends with it; that it was aborted is no error.
    let _ = orders.await;
    state.close(background).await
}

/// Serves on a listener until `stop` ends, then finishes what is under way, within its time.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let grace = state.config.stop_time_max;
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, routes::router(state)).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    tokio::select! {
        served = server => served.context("serving"),
        () = out_of_time(stopped, grace) => {
            tracing::warn!("requests were still under way and are given up");
            Ok(())
        }
    }
}

async fn out_of_time(stopped: tokio::sync::oneshot::Receiver<()>, grace: Duration) {
    match stopped.await {
        Ok(()) => tokio::time::sleep(grace).await,
        // The server ended by itself.
        Err(_) => std::future::pending().await,
    }
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

fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on http://{address}")?;
    Ok(stdout.flush()?)
}
