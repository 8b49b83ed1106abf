//! A way to a server that goes wrong at a chosen byte: the connection is closed or reset there, held up, or
//! swallows whatever comes after.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client, the service, to the server.
    ToServer,
    /// Back.
    ToClient,
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Both ends see it closed.
    Close,
    /// Both ends see it reset.
    Reset,
    /// It stays open, and nothing comes through any more: neither end sees the other go.
    Silence,
    /// What follows is late by this much.
    Delay(Duration),
}

/// One fault: after so many bytes of one direction, counted over all connections since it was set. The byte
/// after them is the first that does not come through in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which bytes count.
    pub direction: Direction,
    /// So many come through.
    pub after: u64,
    /// And then.
    pub manner: Manner,
}

/// A proxy that carries everything, but for the faults that are set.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

struct Way {
    server: Mutex<SocketAddr>,
    plan: Mutex<Plan>,
    weather: watch::Sender<Weather>,
}

#[derive(Default)]
struct Plan {
    to_server: u64,
    to_client: u64,
    fault: Option<Fault>,
}

/// A change ends every connection, or freezes it.
#[derive(Clone, Copy)]
enum Weather {
    Clear,
    Dark,
}

impl Proxy {
    /// Opens one that leads to `server`.
    pub async fn open(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let weather = watch::Sender::new(Weather::Clear);
        let way = Arc::new(Way { server: Mutex::new(server), plan: Mutex::default(), weather });
        let task = tokio::spawn(listen(listener, Arc::clone(&way)));
        Self { address, way, task }
    }

    /// `url` with this proxy in place of its host and port.
    pub fn in_place_of(&self, url: &str) -> String {
        let (before, _, after) = parts(url);
        format!("{before}{}{after}", self.address)
    }

    /// Counts from nothing, and lets this go wrong (or, with `None`, nothing).
    pub fn set(&self, fault: Option<Fault>) {
        *lock(&self.way.plan) = Plan { fault, ..Plan::default() };
    }

    /// Whether the fault that was set has struck.
    pub fn has_struck(&self) -> bool {
        lock(&self.way.plan).fault.is_none()
    }

    /// The bytes so far, to the server and back.
    pub fn carried(&self) -> (u64, u64) {
        let plan = lock(&self.way.plan);
        (plan.to_server, plan.to_client)
    }

    /// Sends new connections to another server, and ends the others.
    pub fn lead_to(&self, server: SocketAddr) {
        *lock(&self.way.server) = server;
        self.sever();
    }

    /// Ends every connection, also those that have fallen silent.
    pub fn sever(&self) {
        self.way.weather.send_replace(Weather::Clear);
    }

    /// Every connection falls silent, and so does each new one, until [`Self::sever`].
    pub fn go_dark(&self) {
        self.way.weather.send_replace(Weather::Dark);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its connections end with the last sender of the weather.
        self.task.abort();
    }
}

/// The host and port of an address.
pub fn host_of(url: &str) -> SocketAddr {
    let (_, host, _) = parts(url);
    host.parse().unwrap_or_else(|_| panic!("{url} has no numeric address with a port"))
}

/// What stands before the host and port, these, and what follows.
fn parts(url: &str) -> (&str, &str, &str) {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url[scheme..].find('/').map_or(url.len(), |at| scheme + at);
    let host = url[scheme..path].rfind('@').map_or(scheme, |at| scheme + at + 1);
    (&url[..host], &url[host..path], &url[path..])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, way: Arc<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        let weather = way.weather.subscribe();
        let (server, way) = (*lock(&way.server), Arc::downgrade(&way));
        tokio::spawn(async move {
            let Some(way) = way.upgrade() else { return };
            carry(client, server, &way, weather).await;
        });
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, way: &Way, mut weather: watch::Receiver<Weather>) {
    let dark = matches!(*weather.borrow_and_update(), Weather::Dark);
    // A server that is not there: the client sees its connection closed.
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = client.set_nodelay(true).and(server.set_nodelay(true));
    let end =
        if dark { Manner::Silence } else { both_ways(&mut client, &mut server, way, &mut weather).await };
    match end {
        Manner::Reset => drop(client.set_zero_linger().and(server.set_zero_linger())),
        // The next change is the end.
        Manner::Silence => drop(weather.changed().await),
        Manner::Close | Manner::Delay(_) => {}
    }
}

/// Carries until something ends it, and says how both sockets are to be left.
async fn both_ways(
    client: &mut TcpStream,
    server: &mut TcpStream,
    way: &Way,
    weather: &mut watch::Receiver<Weather>,
) -> Manner {
    let ((mut asked, mut to_client), (mut answered, mut to_server)) = (client.split(), server.split());
    tokio::select! {
        end = one_way(&mut asked, &mut to_server, Direction::ToServer, way) => end,
        end = one_way(&mut answered, &mut to_client, Direction::ToClient, way) => end,
        _ = weather.changed() => match *weather.borrow() {
            Weather::Clear => Manner::Close,
            Weather::Dark => Manner::Silence,
        },
    }
}

async fn one_way(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, direction: Direction, way: &Way) -> Manner {
    let mut buffer = vec![0; 16_384];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return Manner::Close };
        let (first, manner) = lock(&way.plan).carries(direction, length);
        let (before, after) = buffer[..length].split_at(first);
        if to.write_all(before).await.is_err() {
            return Manner::Close;
        }
        match manner {
            None => continue,
            Some(Manner::Delay(late)) => sleep(late).await,
            Some(end) => return end,
        }
        if to.write_all(after).await.is_err() {
            return Manner::Close;
        }
    }
}

impl Plan {
    /// How many of these bytes come through, and what happens then.
    fn carries(&mut self, direction: Direction, length: usize) -> (usize, Option<Manner>) {
        let carried = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let before = *carried;
        *carried += length as u64;
        let strikes = self.fault.filter(|fault| fault.direction == direction && *carried > fault.after);
        let Some(fault) = strikes else { return (length, None) };
        self.fault = None;
        let first = usize::try_from(fault.after.saturating_sub(before)).expect("within the buffer");
        (first, Some(fault.manner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use tokio::time::timeout;

    /// A server that says back what it hears, through a proxy.
    async fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    let _ = tokio::io::copy(&mut reads, &mut writes).await;
                });
            }
        });
        let proxy = Proxy::open(server).await;
        let stream = TcpStream::connect(proxy.address).await.expect("a connection");
        (proxy, stream)
    }

    async fn comes_back(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
        let mut all = Vec::new();
        let mut buffer = [0; 64];
        loop {
            match timeout(Duration::from_millis(300), stream.read(&mut buffer)).await {
                Ok(Ok(0)) => return (all, None),
                Ok(Ok(length)) => all.extend_from_slice(&buffer[..length]),
                Ok(Err(error)) => return (all, Some(error.kind())),
                Err(_) => return (all, Some(ErrorKind::TimedOut)),
            }
        }
    }

    async fn heard(direction: Direction, manner: Manner) -> (Vec<u8>, Option<ErrorKind>, Proxy) {
        let (proxy, mut stream) = echo().await;
        proxy.set(Some(Fault { direction, after: 7, manner }));
        for part in [&b"sekali"[..], b"dua kali"] {
            let _ = stream.write_all(part).await;
            sleep(Duration::from_millis(20)).await;
        }
        let (all, end) = comes_back(&mut stream).await;
        assert!(proxy.has_struck());
        (all, end, proxy)
    }

    #[tokio::test]
    async fn it_goes_wrong_at_the_chosen_byte() {
        let (all, end, _proxy) = heard(Direction::ToClient, Manner::Close).await;
        assert_eq!((all.as_slice(), end), (&b"sekalid"[..], None));
        let (all, end, _proxy) = heard(Direction::ToClient, Manner::Reset).await;
        assert!(b"sekalid".starts_with(&all), "{all:?}");
        assert_eq!(end, Some(ErrorKind::ConnectionReset));
        let (all, end, _proxy) = heard(Direction::ToClient, Manner::Silence).await;
        assert_eq!((all.as_slice(), end), (&b"sekalid"[..], Some(ErrorKind::TimedOut)));
        let (all, _, proxy) = heard(Direction::ToServer, Manner::Delay(Duration::from_millis(50))).await;
        assert_eq!(all, b"sekalidua kali");
        assert_eq!(proxy.carried(), (14, 14));
    }

    #[tokio::test]
    async fn in_the_dark_nothing_comes_through_until_it_ends() {
        let (proxy, mut old) = echo().await;
        old.write_all(b"a").await.expect("a connection");
        assert_eq!(comes_back(&mut old).await, (b"a".to_vec(), Some(ErrorKind::TimedOut)));
        proxy.go_dark();
        let mut new = TcpStream::connect(proxy.address).await.expect("a connection");
        for stream in [&mut old, &mut new] {
            stream.write_all(b"b").await.expect("an open connection");
            assert_eq!(comes_back(stream).await, (Vec::new(), Some(ErrorKind::TimedOut)));
        }
        proxy.sever();
        for stream in [&mut old, &mut new] {
            let (all, end) = comes_back(stream).await;
            assert!(all.is_empty() && end != Some(ErrorKind::TimedOut), "{end:?}");
        }
        let mut again = TcpStream::connect(proxy.address).await.expect("a connection");
        again.write_all(b"c").await.expect("a connection");
        assert_eq!(comes_back(&mut again).await.0, b"c");
    }

    #[tokio::test]
    async fn it_stands_in_an_address() {
        let proxy = Proxy::open(SocketAddr::from(([127, 0, 0, 1], 9))).await;
        let here = proxy.address;
        for (url, expected) in [
            ("postgres://a:b@127.0.0.1:9/x?y=z", format!("postgres://a:b@{here}/x?y=z")),
            ("redis://127.0.0.1:9/4", format!("redis://{here}/4")),
            ("http://127.0.0.1:9", format!("http://{here}")),
        ] {
            assert_eq!(proxy.in_place_of(url), expected);
            assert_eq!(host_of(url), SocketAddr::from(([127, 0, 0, 1], 9)));
        }
    }
}
