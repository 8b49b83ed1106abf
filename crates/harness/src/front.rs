//! What stands before the servers: one address that stays, whoever is behind it at the moment.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A load balancer as plain as can be: each connection goes to the next server in turn, and is closed
/// when there is none.
pub struct Front {
    /// Where it listens.
    pub address: SocketAddr,
    behind: Arc<Mutex<Vec<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Front {
    /// Opens one, with nobody behind it.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let behind = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(pass_on(listener, Arc::clone(&behind)));
        Self { address, behind, task }
    }

    /// Sends new connections to these servers from now on.
    pub fn lead_to(&self, servers: impl IntoIterator<Item = SocketAddr>) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = servers.into_iter().collect();
    }

    /// Its address, for browsers and webhooks.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(listener: TcpListener, behind: Arc<Mutex<Vec<SocketAddr>>>) {
    let turn = AtomicUsize::new(0);
    while let Ok((client, _)) = listener.accept().await {
        let servers = behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if servers.is_empty() {
            continue;
        }
        let server = servers[turn.fetch_add(1, Ordering::Relaxed) % servers.len()];
        tokio::spawn(carry(client, server));
    }
}

/// Both ways until either side ends, however it ends.
async fn carry(mut client: TcpStream, server: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = client.set_nodelay(true).and(server.set_nodelay(true));
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
