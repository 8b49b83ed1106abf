//! What follows from how a payment stands, asked without a database: each rule at its edges.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancel;
mod checkout;
mod file;
mod refund_news;
mod refund_wishes;
mod settle;
mod support;
