//! Ports for services that have to be told theirs before they start.
//!
//! Whoever binds port 0 and lets go again has a port that the next connection of anybody may be given meanwhile. These
//! lie below the range from which the system gives ports by itself, and each stays with the process that asked first.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// Below the first port that Linux gives by itself (32768, `ip_local_port_range`), above those of well-known services.
const RANGE: std::ops::Range<u16> = 10_240..32_000;

/// The locks of the ports that this process was given: they end with the process, however it ends.
static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of the loopback address on which nobody listens now, and which no other test on this machine is given as
/// long as this process lives.
///
/// # Panics
/// When there is none left.
pub fn free_port() -> u16 {
    let ports = RANGE.len() as u64;
    // By chance, so that processes that begin together do not all ask for the same one first.
    let first = RandomState::new().hash_one(std::process::id());
    let tried =
        (0..ports).map(|step| RANGE.start + u16::try_from((first.wrapping_add(step)) % ports).unwrap_or(0));
    let found = tried.into_iter().find_map(|port| Some((port, reserve(port)?)));
    let (port, lock) = found.expect("a free port on the loopback address");
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
    port
}

fn reserve(port: u16) -> Option<File> {
    let folder = std::env::temp_dir().join("sekali-test-ports");
    std::fs::create_dir_all(&folder).expect("a folder of the ports that tests use");
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(port.to_string()));
    let lock = file.expect("a file for a port that a test uses");
    lock.try_lock().ok()?;
    TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_nor_one_that_is_in_use() {
        let ports = (0..50).map(|_| free_port()).collect::<Vec<_>>();
        let different = ports.iter().collect::<std::collections::HashSet<_>>();
        assert_eq!(different.len(), ports.len(), "{ports:?}");
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
        assert!(ports.iter().all(|port| reserve(*port).is_none()), "a port that was given can be had again");

        let busy =
            RANGE.clone().find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).expect("a port");
        let port = busy.local_addr().expect("its address").port();
        assert!(reserve(port).is_none(), "a port is given though somebody listens there");
    }
}
