//! The gateway: Stripe, or any server that speaks its API.
//!
//! A call answers definitely only on Stripe's own word. A time-out, a broken connection, an answer
//! that is not of Stripe's form, or a refusal after an attempt that may have succeeded: all of these
//! are [`GatewayError::Unknown`](sekali_core::ports::GatewayError::Unknown).

mod api;
mod call;
mod charge;
mod config;
mod dispute;
mod encode;
mod failure;
mod gateway;
mod intent;
mod list;
pub mod money;
mod object;
mod refund;
mod session;
mod webhook;

pub use config::{StripeConfig, StripeConfigError};
pub use gateway::StripeGateway;
pub use webhook::verify as verify_webhook;

/// The version of Stripe's API that requests and answers have. Pinned, so that Stripe's default for
/// an account changes nothing here.
pub const STRIPE_VERSION: &str = "2023-08-16";

/// Stripe's own address.
pub const STRIPE_API: &str = "https://api.stripe.com";
