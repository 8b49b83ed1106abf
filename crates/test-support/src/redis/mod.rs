//! Redis for tests: an empty one, or a server of its own that can be killed and frozen.

mod empty;
mod server;

pub use empty::{EmptyRedis, empty};
pub use server::{TestRedis, server};
