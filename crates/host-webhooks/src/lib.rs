//! The host application, told by Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! Only an answer 2xx is a receipt. Everything else is a failure and the message is sent again, by the
//! outbox's schedule: redirects, which are not followed; `410 Gone`, although the specification suggests to
//! stop then, because what is told is money, and an address that is gone by mistake must not end it; and
//! `Retry-After`, whose wish the outbox's growing pauses stand for.

mod answer;
mod config;
mod secret;
mod webhooks;

pub use config::{HostConfig, HostConfigError};
pub use webhooks::HostWebhooks;
