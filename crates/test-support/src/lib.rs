//! What the tests of several crates share: servers of their own, and free ports.
//!
//! Nothing here is ever skipped: where a server can be neither reached nor started, the test that
//! wanted it fails with a sentence that says what is missing.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]

pub mod ports;
pub mod postgres;
pub mod redis;

pub use ports::free_port;
