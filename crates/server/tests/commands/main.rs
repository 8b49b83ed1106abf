//! The commands beside a running service, each as a process on its database.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod clinic;
mod outbox;
mod reconcile;
mod samples;
mod simulator;
mod verify;
