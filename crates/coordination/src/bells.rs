//! Wakes whoever waits for a lock.

use sekali_core::ports::{GivenBack, LockName};
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::watch;

/// Locks share a bell with some others: who is woken for nothing looks once and waits on.
const BELLS: usize = 64;

pub(crate) struct Bells([watch::Sender<()>; BELLS]);

impl Bells {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| watch::Sender::new(())))
    }

    /// Ends with the next ring from now on.
    pub(crate) fn listen(&self, name: LockName) -> GivenBack {
        let mut bell = self.bell(&name.to_string()).subscribe();
        // An error is the end of all bells: there is nobody left to wait for.
        Box::pin(async move { drop(bell.changed().await) })
    }

    /// `name` is the lock's, as Redis has it.
    pub(crate) fn ring(&self, name: &str) {
        self.bell(name).send_replace(());
    }

    /// For whoever waits for anything.
    pub(crate) fn ring_all(&self) {
        for bell in &self.0 {
            bell.send_replace(());
        }
    }

    fn bell(&self, name: &str) -> &watch::Sender<()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % (BELLS as u64)).unwrap_or(0);
        &self.0[at]
    }
}
