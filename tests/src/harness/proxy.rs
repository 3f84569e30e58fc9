//! A TCP proxy that breaks connections. Which ones and where is drawn from a seed; everything that
//! passes is counted, so that byte counts do not come from the product.

use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// One read from a socket. Small enough that a cut inside a photo falls inside it.
const CHUNK_BYTES: usize = 16 * 1024;
/// Cuts fall between the first byte and this one, evenly over the orders of magnitude: as many in
/// the head of a small exchange as in the middle of a photo.
const CUT_AT_BYTES_MAX: f64 = 400_000.0;

/// What passed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    pub connections: u64,
    pub cuts: u64,
    /// From clients to the server.
    pub bytes_up: u64,
    /// From the server to clients.
    pub bytes_down: u64,
}

/// Runs until it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Mutex<SocketAddr>,
    cut_percent: u64,
    random: Mutex<fastrand::Rng>,
    stopped: AtomicBool,
    plugged: AtomicBool,
    /// Bytes up until the connection that carries the last of them is cut.
    armed: Mutex<Option<u64>>,
    /// The client's side of what is open, by the connection's number.
    open: Mutex<BTreeMap<u64, TcpStream>>,
    connections: AtomicU64,
    cuts: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

/// One connection: the bytes left until it breaks, in the direction that was drawn.
struct Link {
    client: TcpStream,
    server: TcpStream,
    cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    up: bool,
    at_bytes: u64,
}

impl FaultProxy {
    /// Listens on a free local port.
    pub fn start(upstream: SocketAddr, cut_percent: u64, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the proxy found no free port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            cut_percent,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            stopped: AtomicBool::new(false),
            plugged: AtomicBool::new(true),
            armed: Mutex::new(None),
            open: Mutex::new(BTreeMap::new()),
            connections: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// New connections go there: a server that was started again has another port.
    pub fn redirect(&self, upstream: SocketAddr) {
        *lock(&self.shared.upstream) = upstream;
    }

    /// Nobody gets through until [`FaultProxy::plug`]; connections that are open break.
    pub fn unplug(&self) {
        self.shared.plugged.store(false, Ordering::Relaxed);
        for client in lock(&self.shared.open).values() {
            // It may be closed already, which is what is wanted.
            drop(client.shutdown(Shutdown::Both));
        }
    }

    pub fn plug(&self) {
        self.shared.plugged.store(true, Ordering::Relaxed);
    }

    /// Cuts one connection when this many bytes more went up, on whichever connections they go.
    pub fn cut_after(&self, bytes_up: u64) {
        *lock(&self.shared.armed) = Some(bytes_up);
    }

    pub fn passed(&self) -> Passed {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Passed {
            connections: read(&self.shared.connections),
            cuts: read(&self.shared.cuts),
            bytes_up: read(&self.shared.bytes_up),
            bytes_down: read(&self.shared.bytes_down),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // The accepting thread waits for a connection; this one lets it see that it should end.
        drop(TcpStream::connect(self.address));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept() {
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        if !shared.plugged.load(Ordering::Relaxed) {
            continue;
        }
        // A server that is down looks to the client as it would without the proxy: closed.
        let Ok(server) = TcpStream::connect(shared.upstream()) else { continue };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let Ok(clone) = client.try_clone() else { continue };
        lock(&shared.open).insert(number, clone);
        let link = Link { client, server, cut: shared.draw() };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            run(link, &shared);
            lock(&shared.open).remove(&number);
        });
    }
}

fn run(link: Link, shared: &Shared) {
    let Link { client, server, cut } = link;
    // Small messages go out at once, as they would without a proxy between.
    let quick = [client.set_nodelay(true), server.set_nodelay(true)];
    debug_assert!(quick.iter().all(Result::is_ok));
    let cut_in = |up: bool| cut.filter(|cut| cut.up == up).map(|cut| cut.at_bytes);
    thread::scope(|scope| {
        scope.spawn(|| shared.pump(&client, &server, cut_in(true), true));
        scope.spawn(|| shared.pump(&server, &client, cut_in(false), false));
    });
}

impl Shared {
    fn upstream(&self) -> SocketAddr {
        *lock(&self.upstream)
    }

    fn draw(&self) -> Option<Cut> {
        let mut random = lock(&self.random);
        let cut = random.u64(0..100) < self.cut_percent;
        let (up, exponent) = (random.bool(), random.f64());
        cut.then(|| Cut { up, at_bytes: CUT_AT_BYTES_MAX.powf(exponent) as u64 })
    }

    /// How many of these bytes may pass before the armed cut, and all that follow where there is none.
    fn fuse(&self, bytes: u64) -> u64 {
        let mut armed = lock(&self.armed);
        match *armed {
            Some(left) if left <= bytes => armed.take().unwrap_or(left),
            Some(left) => {
                *armed = Some(left - bytes);
                u64::MAX
            }
            None => u64::MAX,
        }
    }

    /// Copies until one side ends or the cut is reached; then both sides hear of it.
    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, cut_at: Option<u64>, up: bool) {
        let counter = if up { &self.bytes_up } else { &self.bytes_down };
        let mut left = cut_at.unwrap_or(u64::MAX);
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            if up {
                left = left.min(self.fuse(read as u64));
            }
            let passing = usize::try_from(left).unwrap_or(usize::MAX).min(read);
            // Counted first, so that whoever has the bytes finds them counted.
            counter.fetch_add(passing as u64, Ordering::Relaxed);
            if to.write_all(&chunk[..passing]).is_err() {
                break;
            }
            left = left.saturating_sub(passing as u64);
            if left == 0 {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        // Either may be closed already, which is what is wanted.
        drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Echoes until the client closes.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut reader = stream.try_clone().unwrap();
                    drop(std::io::copy(&mut reader, &mut stream));
                });
            }
        });
        address
    }

    fn send(proxy: &FaultProxy, bytes: usize) -> usize {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        let mut back = Vec::new();
        let mut reader = stream.try_clone().unwrap();
        let reading = thread::spawn(move || {
            drop(reader.read_to_end(&mut back));
            back.len()
        });
        // A cut connection refuses the rest, which is the point.
        drop(stream.write_all(&vec![7; bytes]));
        reading.join().unwrap()
    }

    #[test]
    fn without_cuts_every_byte_passes_and_is_counted() {
        let proxy = FaultProxy::start(echo(), 0, 1).unwrap();
        exchange(&proxy, 50_000);
        let passed = proxy.passed();
        assert_eq!((passed.bytes_up, passed.bytes_down, passed.cuts), (50_000, 50_000, 0));
    }

    /// Sends on a connection of its own and hears all of it back.
    fn exchange(proxy: &FaultProxy, bytes: usize) {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        stream.write_all(&vec![7; bytes]).unwrap();
        stream.read_exact(&mut vec![0; bytes]).unwrap();
    }

    #[test]
    fn an_armed_cut_breaks_one_connection_at_its_byte_and_no_other() {
        let proxy = FaultProxy::start(echo(), 0, 1).unwrap();
        proxy.cut_after(70_000);
        exchange(&proxy, 60_000);
        assert!(send(&proxy, 60_000) <= 10_000);
        let passed = proxy.passed();
        assert_eq!((passed.bytes_up, passed.cuts), (70_000, 1));
        exchange(&proxy, 1_000);
        assert_eq!(proxy.passed().bytes_up, 71_000);
    }

    #[test]
    fn nobody_gets_through_while_it_is_unplugged() {
        let proxy = FaultProxy::start(echo(), 0, 1).unwrap();
        let mut open = TcpStream::connect(proxy.address).unwrap();
        open.write_all(&[7; 10]).unwrap();
        open.read_exact(&mut [0; 10]).unwrap();
        proxy.unplug();
        assert!(matches!(open.read(&mut [0; 1]), Ok(0) | Err(_)));
        assert_eq!(send(&proxy, 1_000), 0);
        assert_eq!(proxy.passed().bytes_up, 10);
        proxy.plug();
        exchange(&proxy, 10);
    }

    #[test]
    fn with_cuts_every_connection_breaks_at_a_byte_of_its_own() {
        let proxy = FaultProxy::start(echo(), 100, 1).unwrap();
        let back: Vec<_> = (0..8).map(|_| send(&proxy, 2 * CUT_AT_BYTES_MAX as usize)).collect();
        assert!(back.iter().all(|&bytes| bytes < 2 * CUT_AT_BYTES_MAX as usize), "{back:?}");
        assert_eq!(proxy.passed().cuts, 8);
    }
}
