//! The service over HTTP, held to every row and sentence of its contract.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod amounts;
mod bodies;
mod browsers;
mod consultations;
mod duplicates;
mod errors;
mod golden;
mod keys;
mod machines;
mod order;
mod outage;
mod rate_limit;
mod read_payments;
mod secrets;
mod tokens;
mod two_servers;
mod way_to_pay;
