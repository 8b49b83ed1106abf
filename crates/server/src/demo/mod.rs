//! The demo: the contract's story, told in the terminal against a service of its own.

mod client;
mod costs;
mod folder;
mod story;

pub(crate) use folder::Folder;
pub(crate) use story::{Story, tell};
