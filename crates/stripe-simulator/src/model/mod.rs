//! Stripe's objects: what is stored of each, and how it is shown in API version 2023-08-16.

pub(crate) mod aftermath;
pub(crate) mod bank;
pub(crate) mod card;
pub(crate) mod charge;
pub(crate) mod dispute;
pub(crate) mod event;
pub(crate) mod method;
pub(crate) mod money;
pub(crate) mod payment_intent;
pub(crate) mod refund;
pub(crate) mod session;

use std::collections::BTreeMap;

/// The API version whose objects are shown.
pub(crate) const API_VERSION: &str = "2023-08-16";

/// The caller's own notes on an object.
pub(crate) type Metadata = BTreeMap<String, String>;
