//! Whole histories of payments, simulated: the real flows of `sekali-core` on ports that fail in every way they may.
//!
//! A seed makes a world: patients who press twice, servers that die at any await, a database whose commits are
//! answered or not, a Redis that forgets, a Stripe that answers late, twice or never, clocks that jump. [`run`] lets
//! it happen, in virtual time and on one thread, and holds what became of it against the invariants. The same seed
//! gives the same history. [`Guards`] can be taken away, to see what they are good for.

mod check;
mod coordination;
mod db;
mod executor;
mod explore;
mod finish;
mod gateway;
mod host;
mod log;
mod many;
mod mutations;
mod operator;
mod patient;
mod plan;
mod press;
mod race;
mod rng;
mod run;
mod server;
mod setting;
mod shrink;
mod slot;
mod store;
mod world;

pub use explore::{Allowed, Explored, Scene, explore};
pub use log::{Broken, Line, Tally};
pub use many::{MOST_FAILURES, Many, run_many};
pub use mutations::{Found, MUTATIONS, Mutation, charging_twice};
pub use plan::{Fault, FaultId, Guard, Guards, Plan};
pub use race::{Lane, Race, Stretch, race};
pub use run::{History, run};
pub use shrink::shrink;

/// The simulated database alone, empty and without faults: for the suite that every store has to pass.
pub fn database() -> std::sync::Arc<dyn sekali_core::ports::Store> {
    world::Sim::new(0, Plan::default(), setting::Setting::calm(), None)
}

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
