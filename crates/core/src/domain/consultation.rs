//! What is paid for.

use super::{ConsultationId, Money, UserId};

/// A consultation as the host application keeps it: who pays, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consultation {
    /// Its number.
    pub id: ConsultationId,
    /// The only user who may pay it.
    pub patient: UserId,
    /// What it costs.
    pub terms: Terms,
}

/// The price and what is levied on it. A payment is written only if these still are the terms of
/// the consultation at that moment, under the row's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The fee, with its currency.
    pub fee: Money,
    /// No tax is recorded.
    pub tax_exempt: bool,
}
