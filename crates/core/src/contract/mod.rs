//! The suites that every adapter of a port must pass. An adapter's tests call them with a way to
//! open a fresh adapter; whatever differs between two adapters fails here.

pub mod coordination;
pub mod store;
