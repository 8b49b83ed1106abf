//! The harness for whole services: it starts the release binary as a process of its own, presses
//! BAYAR over TCP, and counts afterwards in the database and at the gateway.
//!
//! The tests are beside it: `rounds_*` press many times at once on each combination of database and
//! coordination, `faults_*` break something meanwhile. Everything random comes from a seed that the
//! test prints, and every wait is for a condition, with a deadline.
//!
//! ```text
//! cargo build --release -p sekali -p sekali-failpoints
//! cargo nextest run -p sekali-harness
//! ```
//!
//! A test that is played many times is a [`campaign`]: a share of it is played by default, the whole by
//! `./dev evidence`, which writes down what it has shown.
//!
//! `SEKALI_BIN` and `SEKALI_FAILPOINTS_BIN` name other programs than those. PostgreSQL and Redis are
//! found, or started, as [`sekali_test_support`] says.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::missing_panics_doc, reason = "everything here panics when the test has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

pub mod actor;
pub mod answered;
pub mod campaign;
pub mod chaos;
pub mod clock;
pub mod crowd;
pub mod database;
pub mod death;
pub mod evidence;
pub mod eye;
pub mod front;
pub mod gateway;
pub mod haproxy;
pub mod host;
pub mod http;
pub mod invariants;
pub mod lanes;
pub mod links;
pub mod mailbox;
pub mod patient;
pub mod press;
pub mod program;
pub mod proxy;
pub mod rounds;
pub mod seed;
pub mod sentinel;
pub mod server;
pub mod site;
pub mod small_disk;
pub mod stage;
pub mod story;
pub mod stripe;
pub mod sweep;
pub mod violation;
pub mod wait;
