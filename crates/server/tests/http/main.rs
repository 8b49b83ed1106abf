//! The service over HTTP, held to every row and sentence of its contract.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod golden;
