//! A campaign of chaos: batches, each on an installation of its own.

use super::{Landed, Outcome, Plan, Scene, play};
use crate::campaign::Campaign;
use crate::violation::none;
use std::time::Duration;

/// Plays a campaign in batches of at most `batch` blows, checks everything after each, and writes down what there
/// was. `plan` says what a batch of so many blows and of this seed is.
pub async fn run(
    mut campaign: Campaign,
    batch: u64,
    plan: impl Fn(u64, u64) -> Plan,
    mut blow: impl AsyncFnMut(&mut Scene),
) {
    let (mut done, mut sums) = (0, Sums::default());
    while done < campaign.rounds() {
        let plan = plan(batch.min(campaign.rounds() - done), campaign.seed() + done);
        let outcome = play(&plan, &mut blow).await;
        none(&outcome.violations, &format!("after {} blows, seed {}", plan.blows, plan.seed));
        sums.add(outcome);
        done += plan.blows;
        campaign.progress(done);
    }
    sums.tell(&mut campaign);
    campaign.passed();
}

#[derive(Default)]
struct Sums {
    landed: Landed,
    answers: u64,
    payments: u64,
    charges: u64,
    starts: Vec<Duration>,
}

impl Sums {
    fn add(&mut self, outcome: Outcome) {
        self.landed.add(&outcome.landed);
        self.answers += outcome.answers;
        self.payments += outcome.payments;
        self.charges += outcome.charges;
        self.starts.extend(outcome.starts);
    }

    fn tell(mut self, campaign: &mut Campaign) {
        self.starts.sort();
        if let (Some(middle), Some(longest)) = (self.starts.get(self.starts.len() / 2), self.starts.last()) {
            let took = format!("{middle:.0?}, at most {longest:.0?}");
            campaign.figure("a server that was started listened after", took);
        }
        campaign.count("answers", self.answers);
        campaign.count("payments, all checked", self.payments);
        campaign.count("charges at the gateway, all checked", self.charges);
        for (step, times) in self.landed.figures() {
            campaign.count(&format!("landed at: {step}"), times);
        }
    }
}
