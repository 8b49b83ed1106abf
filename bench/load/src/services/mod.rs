//! Everything that runs beside the load.

pub(crate) mod bare;
pub(crate) mod peer;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod sekali;

use std::net::SocketAddr;
use tokio::net::TcpStream;

/// What every service's tokens are signed with.
pub(crate) const SECRET: &str = "a secret of the benchmark, long enough for HS256";

async fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}
