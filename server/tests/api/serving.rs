//! The server on a socket: who says nothing is hung up on, and who has asked is answered though it stops.
//! Who waits for changes is answered at once then.

use crate::deployment::Deployment;
use liuhen_server::{config::Config, serve};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn serving(
    deployment: &Deployment,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<anyhow::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move {
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve::serve(deployment.state.clone(), listener, None, stopped));
    (address, stop, served)
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.expect("the server hangs up").expect("it does so in good order");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_connection_that_does_not_finish_its_headers_is_closed() {
    let soon = |config| Config { header_time_max: Duration::from_millis(200), ..config };
    let deployment = Deployment::found_with(soon).await;
    let (address, stop, served) = serving(&deployment).await;
    for head in ["", "GET /healthz HTTP/1.1\r\nhost: here\r\nx-slow: "] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        assert!(!rest(&mut stream).await.contains("200 OK"), "{head:?}");
    }
    stop.send(()).expect("it serves");
    served.await.expect("no panic").expect("a stop in good order");
}

/// Many clients send all they have before they read anything.
#[tokio::test]
async fn who_sends_far_too_much_hears_the_refusal() {
    let deployment = Deployment::found().await;
    let (address, stop, served) = serving(&deployment).await;
    for (path, status) in [("sessions", "413"), ("subjects", "401")] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let body = vec![b'['; 20_000_000];
        let head = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&body).await.expect("all of it is taken");
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    stop.send(()).expect("it serves");
    served.await.expect("no panic").expect("a stop in good order");
}

#[tokio::test]
async fn a_request_under_way_is_answered_though_the_server_stops() {
    let deployment = Deployment::found().await;
    let (address, stop, served) = serving(&deployment).await;
    let mut idle = TcpStream::connect(address).await.expect("a connection");
    let mut busy = TcpStream::connect(address).await.expect("a connection");
    let body = r#"{"login":"nobody","password":"correct horse battery"}"#;
    let head = format!(
        "POST /api/v1/sessions HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await.expect("sent");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("sent");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("an answer");
    stop.send(()).expect("it serves");
    rest(&mut idle).await;
    busy.write_all(body.as_bytes()).await.expect("sent");
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    served.await.expect("no panic").expect("a stop in good order");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_who_wait_for_changes() {
    let deployment = Deployment::found().await;
    let (address, stop, served) = serving(&deployment).await;
    let mut waiting = TcpStream::connect(address).await.expect("a connection");
    let ask = format!(
        "GET /api/v1/changes?after=1000000&wait_seconds=5 HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {}\r\n\r\n",
        deployment.token("admin")
    );
    waiting.write_all(ask.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.send(()).expect("it serves");
    let ended = tokio::time::timeout(Duration::from_secs(3), served).await;
    ended.expect("before the 5 seconds are over").expect("no panic").expect("a stop in good order");
    let answer = rest(&mut waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"at\""), "{answer}");
}
