//! The service over HTTP, held to every row and sentence of its contract.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod amounts;
mod bank;
mod bodies;
mod browser_attacks;
mod browsers;
mod cancel;
mod cancel_page;
mod cases;
mod console_acts;
mod console_app;
mod console_export;
mod console_health;
mod console_list;
mod console_live;
mod console_page;
mod console_session;
mod consultations;
mod duplicates;
mod errors;
mod event_orders;
mod forged_tokens;
mod forged_webhooks;
mod golden;
mod host_webhooks;
mod inbox;
mod invoices;
mod keys;
mod machines;
mod order;
mod outage;
mod oversized;
mod races;
mod rate_limit;
mod read_payments;
mod reconciler;
mod reference;
mod refund_fates;
mod refund_keys;
mod refunds;
mod routes;
mod secrets;
mod slow_readers;
mod smuggling;
mod strangers;
mod timeline;
mod timeline_money;
mod tokens;
mod two_servers;
mod way_to_pay;
