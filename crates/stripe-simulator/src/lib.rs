//! A Stripe to pay against: the API of Checkout Sessions, payment intents, charges, refunds, disputes and
//! events with idempotency keys, a hosted page that takes Stripe's test cards and bank accounts, and signed
//! webhooks that are repeated until they are answered. Its clock can be moved, and faults can be had on
//! request. Its state is durable, and shared by every server that opens the same database.
//!
//! It shares no type with Sekali's Stripe client on purpose: if both were wrong together, no test would see
//! it.

// serde_json's macro recurses once for each token, and Stripe's objects have many fields.
#![recursion_limit = "256"]

mod api;
mod bank;
mod checkout;
mod control;
mod disputes;
mod due;
mod failure;
mod faults;
mod hosted;
mod model;
mod ports;
mod refunds;
mod serving;
mod simulator;
mod storage;
mod webhooks;
mod work;

// The tests inside use what the tests outside use, which names the crate as a stranger would.
#[cfg(test)]
extern crate self as sekali_stripe_simulator;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use ports::{Clock, Random, SystemClock, SystemRandom};
pub use serving::serve;
pub use simulator::{Config, Error, Simulator, Webhooks, open, open_with};
pub use storage::{Storage, StorageError};

/// The simulator's routes: `/v1/…` (Stripe's API), `/c/…` (the payment page) and `/simulator/…` (what tests
/// steer it by). Mount them where [`Config::public_base`] says.
pub fn router(simulator: Simulator) -> axum::Router {
    api::routes().merge(hosted::routes()).merge(control::routes()).with_state(simulator)
}
