//! The cache, the status board, the lock and the rate limit: in memory for one server, on Redis
//! for several.
//!
//! Nothing here is needed for the guarantee, which is the database's. Whatever cannot be answered
//! for certain is answered "not known", and the flow asks the database.

mod bells;
mod expiring;
mod memory;
mod progress;
mod rate;
mod redis;

pub use memory::MemoryCoordination;
pub use redis::{RedisCoordination, RedisUrlError};
