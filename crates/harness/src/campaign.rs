//! A fault test that is played many times: a share of it in every run of the tests, the whole of it
//! when evidence is asked for.
//!
//! `SEKALI_EVIDENCE=docs/evidence` plays the whole, and appends what came of it to a file of the
//! campaign's name in that folder, which [`crate::evidence`] makes a page of. `SEKALI_ROUNDS` plays
//! another number (several runs add up), `SEKALI_SEED` another seed.

use crate::evidence::{Run, append};
use serde_json::Value;
use std::env;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Between two lines that tell how far a campaign has come.
const PROGRESS: Duration = Duration::from_secs(10);

/// Asks for evidence, and names the folder for it.
pub const EVIDENCE: &str = "SEKALI_EVIDENCE";
const ROUNDS: &str = "SEKALI_ROUNDS";
const SEED: &str = "SEKALI_SEED";

/// One that is being played. It leaves evidence only if it ends with [`Campaign::passed`].
pub struct Campaign {
    name: &'static str,
    what: &'static str,
    rounds: u64,
    seed: u64,
    begun: Instant,
    told: Instant,
    figures: Vec<(String, Value)>,
}

impl Campaign {
    /// Begins the campaign `name` (a word for a file), of which `what` says in one line what is done to
    /// whom: `share` rounds in every run of the tests, `whole` when evidence is asked for.
    pub fn begin(name: &'static str, what: &'static str, share: u64, whole: u64) -> Self {
        let rounds = number(ROUNDS).unwrap_or(if folder().is_some() { whole } else { share });
        let seed = number(SEED).unwrap_or(0x5eca_1100);
        println!("{name}: {rounds} rounds, seed {seed}");
        let begun = Instant::now();
        Self { name, what, rounds, seed, begun, told: begun, figures: Vec::new() }
    }

    /// So many are to be played.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// There are only so many: a campaign that goes through a list has an end, however much is asked for.
    pub fn at_most(&mut self, rounds: u64) {
        self.rounds = self.rounds.min(rounds);
    }

    /// What the randomness of this run begins with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Tells now and then how far it has come.
    pub fn progress(&mut self, done: u64) {
        if self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            println!("{}: {done} of {} rounds after {:.0?}", self.name, self.rounds, self.begun.elapsed());
        }
    }

    /// Something that this run has shown.
    pub fn figure(&mut self, name: &str, value: impl Display) {
        self.figures.push((name.to_owned(), value.to_string().into()));
    }

    /// Something that was counted: several runs add up.
    pub fn count(&mut self, name: &str, times: u64) {
        self.figures.push((name.to_owned(), times.into()));
    }

    /// All of it was played and nothing was broken.
    pub fn passed(self) {
        let run = Run {
            what: self.what.to_owned(),
            rounds: self.rounds,
            seed: self.seed,
            seconds: self.begun.elapsed().as_secs(),
            figures: self.figures,
        };
        println!("{}: {run}", self.name);
        if let Some(folder) = folder() {
            append(&folder, self.name, &run);
        }
    }
}

/// The folder for evidence. Tests run in their crate's folder, so a relative one begins at the
/// workspace's.
pub fn folder() -> Option<PathBuf> {
    let named = env::var(EVIDENCE).ok().filter(|name| !name.is_empty())?;
    Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(named))
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, and not a number")))
}
