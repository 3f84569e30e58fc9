//! Orders of whoever holds the data folder: at the command line, over the socket `DIR/control.sock`
//! while a server has the folder, otherwise in the folder itself.
//!
//! Each side sends one line of JSON. The socket is the owner's alone, and the server asks the kernel
//! who is at the other end.

use crate::{
    ApiError, AppState,
    acts::access::{accounts::NewAccount, recovery},
    config::Config,
    founding,
};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};

const SOCKET: &str = "control.sock";
/// A login, a name, a password of the longest kind.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// An order is one line that is sent at once.
const ORDER_TIME_MAX: Duration = Duration::from_secs(5);
/// A commit behind a full queue, and then some.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const ROOT: u32 = 0;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// An account in the department at the top, which is founded where it is not there.
    Create { department: String, account: NewAccount },
    /// A new password, or no second factor any more, or both.
    Reset { login: String, password: Option<String>, second_factor: bool },
    /// Failed sign-ins are forgotten.
    Unlock { login: String },
}

/// The id of the account, or what was wrong.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(String),
    Refused(String),
}

/// Has an order carried out, by the server that runs on the folder or else here. Returns the id of the
/// account.
pub async fn order(data: PathBuf, order: Order) -> anyhow::Result<String> {
    let socket = socket_of(&data);
    if let Ok(stream) = UnixStream::connect(&socket) {
        return ask(&stream, &order).with_context(|| format!("asking the server at {}", socket.display()));
    }
    check_owner(&data)?;
    let (state, background) = AppState::open(Config::new(data)).await?;
    let outcome = carry_out(&state, order).await;
    state.close(background).await?;
    match outcome {
        Ok(id) => Ok(id),
        Err(error) => bail!("{error}"),
    }
}

/// What root writes is root's: the server, which is not, could not read its own signer any more.
fn check_owner(data: &Path) -> anyhow::Result<()> {
    let Ok(folder) = fs::metadata(data) else { return Ok(()) };
    let own = tokio::net::UnixStream::pair()?.0.peer_cred()?.uid();
    if own == ROOT && folder.uid() != ROOT {
        bail!(
            "{} is of user {}: give the order as that user, or start the server",
            data.display(),
            folder.uid()
        );
    }
    Ok(())
}

fn ask(mut stream: &UnixStream, order: &Order) -> anyhow::Result<String> {
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    let mut line = serde_json::to_string(order)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    anyhow::ensure!(!answer.is_empty(), "it hung up: it is stopping, or you are not the user it runs as");
    match serde_json::from_str(&answer)? {
        Answer::Done(id) => Ok(id),
        Answer::Refused(why) => bail!("{why}"),
    }
}

async fn carry_out(state: &AppState, order: Order) -> Result<String, ApiError> {
    match order {
        Order::Create { department, account } => founding::create(state, department, account).await,
        Order::Reset { login, password, second_factor } => {
            Ok(recovery::reset(state, &login, password, second_factor).await?.id)
        }
        Order::Unlock { login } => Ok(recovery::unlock(state, &login).await?.id),
    }
}

/// Where orders come in.
pub struct Orders {
    listener: UnixListener,
    owner: u32,
}

/// Opens the socket in a folder whose lock is held. Without one the server does its other work; who
/// needs to give an order stops it.
pub fn listen(data: &Path) -> Option<Orders> {
    let socket = socket_of(data);
    bind(&socket)
        .inspect_err(|error| tracing::warn!(%error, "no orders are taken at {}", socket.display()))
        .ok()
}

/// Takes orders, one after another, until it is dropped.
pub async fn take(orders: Orders, state: AppState) {
    loop {
        let taken = match orders.listener.accept().await {
            Ok((stream, _)) => answer(&state, stream, orders.owner).await,
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            tracing::warn!(%error, "an order was not taken");
            // Out of file descriptors, the next try would fail at once as well.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A socket that is there already is a dead server's.
fn bind(socket: &Path) -> io::Result<Orders> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    Ok(Orders { listener, owner: fs::metadata(socket)?.uid() })
}

async fn answer(state: &AppState, mut stream: tokio::net::UnixStream, owner: u32) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    // Root may become the owner whenever it likes.
    if peer != owner && peer != ROOT {
        return Err(io::Error::other(format!("from user {peer}, who does not own the folder")));
    }
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(read.take(LINE_BYTES_MAX));
    tokio::time::timeout(ORDER_TIME_MAX, lines.read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Ok(order) => match carry_out(state, order).await {
            Ok(id) => Answer::Done(id),
            Err(error) => Answer::Refused(error.to_string()),
        },
        Err(error) => Answer::Refused(format!("not an order: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}

fn socket_of(data: &Path) -> PathBuf {
    data.join(SOCKET)
}
