//! A way to the server that breaks at the COMMIT.

use sekali_test_support::postgres::TestDatabase;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where the connection is cut: before, within or after the COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never reads it.
    Before,
    /// In the middle of the message.
    Within,
    /// The server has committed, and its answer is lost.
    After,
}

/// What a client sends for COMMIT: a simple query.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Passes everything on; once armed, it cuts the connection at the next COMMIT, and is then disarmed.
pub(crate) struct Proxy {
    /// The database's address through the proxy.
    pub(crate) url: String,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) async fn start(database: &TestDatabase, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (before, rest) = database.url.split_once('@').unwrap();
        let (server, path) = rest.split_once('/').unwrap();
        let url = format!("{before}@{}/{path}", listener.local_addr().unwrap());
        let (armed, server) = (Arc::new(AtomicBool::new(false)), server.to_owned());
        let arm = armed.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, arm.clone(), cut));
            }
        });
        Self { url, armed }
    }

    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Whether it has cut since it was armed.
    pub(crate) fn has_cut(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

/// Both sockets are closed when it returns.
async fn pass(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicBool>, cut: Cut) {
    let (mut asked, mut answered) = ([0; 8_192], [0; 8_192]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let chunk = &asked[..length];
                if chunk == COMMIT && armed.swap(false, Ordering::SeqCst) {
                    return at_commit(&mut server, cut).await;
                }
                server.write_all(chunk).await.unwrap();
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn at_commit(server: &mut TcpStream, cut: Cut) {
    match cut {
        Cut::Before => {}
        Cut::Within => server.write_all(&COMMIT[..COMMIT.len() / 2]).await.unwrap(),
        Cut::After => {
            server.write_all(COMMIT).await.unwrap();
            let mut answer = [0; 1_024];
            assert_ne!(server.read(&mut answer).await.unwrap(), 0, "the server has not answered");
        }
    }
}
