//! What some test cards are for: what becomes of a payment after it succeeded.

use serde::{Deserialize, Serialize};

/// How refunds to a payment method go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refunding {
    #[default]
    AtOnce,
    /// `pending` first, `succeeded` later.
    Pending,
    /// `succeeded` first, `failed` later.
    Bouncing,
}

/// Why a payer disputes a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grounds {
    Fraudulent,
    ProductNotReceived,
    /// The bank asks first: no money moves.
    Inquiry,
}

/// What becomes of a payment after it succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aftermath {
    pub(crate) refunding: Refunding,
    pub(crate) dispute: Option<Grounds>,
}
