//! What a run is at that takes long, for whoever waits for it.

use serde::Serialize;
use std::sync::{Mutex, PoisonError};

/// Something that takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// PostgreSQL makes its files and starts.
    Postgres,
    /// Redis starts.
    Redis,
    /// Two servers start.
    Servers,
    /// The requests are sent, paid for and counted.
    Requests,
}

/// The stage of the run that goes on.
#[derive(Default)]
pub(crate) struct Progress(Mutex<Option<Stage>>);

impl Progress {
    /// The run has come so far.
    pub(super) fn comes_to(&self, stage: Stage) {
        self.set(Some(stage));
    }

    /// It is over.
    pub(super) fn ends(&self) {
        self.set(None);
    }

    /// Where it stands; `None`: no run goes on, or it is one that takes no time.
    pub(crate) fn stage(&self) -> Option<Stage> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stage: Option<Stage>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}
