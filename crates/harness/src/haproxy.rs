//! HAProxy: in front of two servers, set up to send a request again where an answer is missing, also a POST; or in
//! front of Redis servers, of which it leads to the primary.

use crate::database::Folder;
use sekali_test_support::free_port;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Names the program.
const GIVEN: &str = "HAPROXY";
/// How often, and how long apart, it is asked whether it is there: ten seconds.
const ASKED: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// One that runs; it is killed with this value.
pub struct Haproxy {
    /// Where it listens.
    pub address: SocketAddr,
    process: Child,
    _folder: Folder,
}

impl Haproxy {
    /// Starts one before these servers.
    pub fn start(servers: &[SocketAddr]) -> Self {
        Self::run(|address| configuration(address, servers))
    }

    /// Starts one that leads to whichever of these Redis servers says that it is the primary.
    pub fn to_the_primary(servers: &[SocketAddr]) -> Self {
        Self::run(|address| leading_to_the_primary(address, servers))
    }

    fn run(configuration: impl Fn(SocketAddr) -> String) -> Self {
        let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration(address)).expect("a file of the test's own");
        let mut command = Command::new(program());
        command.arg("-f").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("HAProxy can be started");
        let mut haproxy = Self { address, process, _folder: folder };
        for _ in 0..ASKED {
            let ended = haproxy.process.try_wait().expect("our own process");
            assert!(ended.is_none(), "HAProxy ended at once: {ended:?}");
            if TcpStream::connect(address).is_ok() {
                return haproxy;
            }
            sleep(PAUSE);
        }
        panic!("HAProxy does not listen");
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // Either fails only because it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `all-retryable-errors` and `redispatch` send a request again, to the other server, when a connection fails, an
/// answer is empty, broken or late, or is a 5xx; HAProxy makes no difference between GET and POST there.
fn configuration(address: SocketAddr, servers: &[SocketAddr]) -> String {
    let servers = servers.iter().enumerate();
    let servers = servers.map(|(number, server)| format!("  server s{number} {server}\n"));
    let servers: String = servers.collect();
    format!(
        "global\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 40s\n  timeout server 20s\n  \
         option redispatch 1\n  retries 3\n  retry-on all-retryable-errors\n\
         frontend front\n  bind {address}\n  default_backend sekali\n\
         backend sekali\n  balance roundrobin\n{servers}"
    )
}

/// Each is asked for its role ten times a second; connections to one that is not the primary any more are closed.
fn leading_to_the_primary(address: SocketAddr, servers: &[SocketAddr]) -> String {
    let servers = servers.iter().enumerate();
    let servers = servers.map(|(number, server)| format!("  server r{number} {server} check\n"));
    let servers: String = servers.collect();
    format!(
        "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1h\n  timeout server 1h\n  \
         timeout check 1s\n\
         listen redis\n  bind {address}\n  option tcp-check\n  \
         tcp-check send info\\ replication\\r\\n\n  tcp-check expect string role:master\n  \
         default-server inter 100ms fastinter 100ms downinter 100ms fall 1 rise 1 on-marked-down shutdown-sessions\n{servers}"
    )
}

/// What `HAPROXY` names, or where Debian puts it: not everybody has that folder in the path.
fn program() -> PathBuf {
    let given = std::env::var_os(GIVEN).filter(|given| !given.is_empty()).map(PathBuf::from);
    let program = given.unwrap_or_else(|| "/usr/sbin/haproxy".into());
    assert!(
        program.is_file(),
        "this test needs HAProxy, and {} is not there: install Debian's package haproxy, or name it in {GIVEN}",
        program.display()
    );
    program
}
