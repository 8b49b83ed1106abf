//! Sekali's server: the HTTP API, the pages, the command line, and the wiring of ports to adapters.

pub mod capability;
pub mod cli;
pub mod demo;
#[cfg(test)]
mod documentation;
pub mod http;
pub mod jwt;
pub mod notes;
pub mod server;
pub mod session;
pub mod settings;
pub mod start_error;
pub mod system;
pub mod telemetry;
pub mod uncancelled;
pub mod wiring;
mod worker;
