//! Attacks on a service that takes payments, to see whether a patient is charged once.
//!
//! A [`RequestFile`] describes the service: what is sent, how its answers are read, what it promises. A
//! [`Target`] is whom the attacks may go to. [`torture`] makes the attacks (`checks/`, one subject a
//! file) within [`Bounds`] and returns a [`Report`]. Nothing here knows Sekali but the example of a
//! request file; any service can be attacked that takes a request with a key and names a payment.

mod checks;
mod client;
mod reading;
mod report;
mod request_file;
mod rule;
mod scene;
mod target;
mod template;
mod text;
mod trial;
mod wire;

pub use client::{Bounds, Halt};
pub use report::{Finding, Report, Totals, Verdict};
pub use request_file::{FileError, RequestFile, SEKALI};
pub use rule::{Rule, Source};
pub use scene::{Mint, Strength};
pub use target::{Refusal, Target};
pub use trial::{Harm, Problem};

use checks::{Check, Early};
use client::Client;
use scene::Scene;
use trial::Trial;

/// A run, before it begins.
pub struct Plan {
    /// Whom it goes to.
    pub target: Target,
    /// What is sent there.
    pub file: RequestFile,
    /// Signs tokens, where the file gives none.
    pub mint: Option<Mint>,
    /// How hard each attack goes.
    pub strength: Strength,
    /// How many requests, and how long.
    pub bounds: Bounds,
    /// Only attacks whose name holds one of these; all, if there are none.
    pub only: Vec<String>,
}

/// Hears how a run goes on.
pub trait Progress {
    /// This attack begins, the `number`th of `all`.
    fn begins(&self, number: usize, all: usize, id: &str);
    /// It ended.
    fn ends(&self, finding: &Finding);
}

/// Makes the attacks. An error is a run that could not be made at all, in one sentence.
pub async fn torture(plan: Plan, progress: &dyn Progress) -> Result<Report, Halt> {
    let chosen: Vec<&Check> = checks::all().chain([checks::LATE]).filter(|check| plan.wants(check)).collect();
    if chosen.is_empty() {
        return Err(Halt::SetUp("--only names no attack; `sekali torture --list` lists them".into()));
    }
    let run = random()?;
    let base = plan.target.base().to_owned();
    let shown = plan.target.shown();
    let client = Client::new(plan.target, plan.bounds);
    let scene = Scene::new(client, &base, plan.file, plan.strength, plan.mint, run);
    let early = in_time(&scene, Early::pay(&scene)).await?;
    let (mut findings, mut halted) = (Vec::new(), None);
    for (index, check) in chosen.iter().enumerate() {
        progress.begins(index + 1, chosen.len(), check.id);
        let before = scene.client.sent();
        let mut trial = Trial::default();
        let outcome = match &halted {
            Some(halt) => Err(Halt::clone(halt)),
            None => in_time(&scene, attack(&scene, check, &early, &mut trial)).await,
        };
        let sent = scene.client.sent() - before;
        let finding = match outcome {
            Ok(()) => Finding::of(check, trial, sent),
            Err(halt) => {
                let finding = Finding::cut_off(check, trial, &halt, sent);
                halted = halted.or(Some(halt));
                finding
            }
        };
        progress.ends(&finding);
        findings.push(finding);
    }
    Ok(Report {
        version: 1,
        target: shown,
        counted_by: counted_by(&scene),
        run: format!("{run:016x}"),
        requests: scene.client.sent(),
        took_ms: u64::try_from(scene.client.elapsed().as_millis()).unwrap_or(u64::MAX),
        totals: Totals::of(&findings),
        halted: halted.map(|halt| halt.to_string()),
        findings,
    })
}

/// Every attack's name and what it tries.
pub fn attacks() -> impl Iterator<Item = (&'static str, &'static str)> {
    checks::all().chain([checks::LATE]).map(|check| (check.id, check.title))
}

impl Plan {
    fn wants(&self, check: &Check) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| check.id.contains(part.as_str()))
    }
}

async fn attack(scene: &Scene, check: &Check, early: &Early, trial: &mut Trial) -> Result<(), Halt> {
    let late = check.id == checks::LATE.id;
    if late { early.replay(scene, trial).await } else { (check.run)(scene, trial).await }
}

/// Ends with the run's time, whatever it waits for.
async fn in_time<T>(scene: &Scene, work: impl Future<Output = Result<T, Halt>>) -> Result<T, Halt> {
    let deadline = scene.client.deadline();
    tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| Err(scene.client.out_of_time()))
}

fn counted_by(scene: &Scene) -> &'static str {
    match scene.file.count {
        Some(_) => "asking the service for the payments of each consultation",
        None => "the different ids in the answers: a payment that no answer names is not seen",
    }
}

fn random() -> Result<u64, Halt> {
    getrandom::u64().map_err(|error| Halt::SetUp(format!("there is no randomness: {error}")))
}
