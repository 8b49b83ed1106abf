//! What the tests of several crates share: servers of their own, and free ports.
//!
//! Nothing here is ever skipped: where a server can be neither reached nor started, the test that
//! wanted it fails with a sentence that says what is missing.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]

use std::net::TcpListener;

pub mod postgres;
pub mod redis;

/// A port of the loopback address on which nobody listens now.
///
/// # Panics
/// When the system has none left.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on the loopback address");
    listener.local_addr().expect("a listening socket has an address").port()
}
