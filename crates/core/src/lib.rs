//! What Sekali knows about payments, without any I/O.
//!
//! [`domain`] holds the values and their rules, [`decision`] what follows from how a payment stands, [`ports`] the traits through which the outside is
//! reached, [`flow`] what happens: `flow::pay` is the five steps of one press of BAYAR. The crate
//! depends on no database, cache or HTTP library, so that nothing in it can reach for one.

pub mod audit;
#[cfg(feature = "contract")]
pub mod contract;
pub mod decision;
pub mod domain;
pub mod flow;
pub mod ports;
