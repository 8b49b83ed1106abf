//! Proof that the harness finds bugs: programs with one bug each, of those that payment services have had, are put
//! to the same campaigns as the shipped one, which must find something, and say what.
#![allow(clippy::print_stdout, reason = "each test prints what was found")]

use futures_util::{StreamExt, stream};
use sekali_harness::chaos::{Plan, Scene, kill_a_server, play};
use sekali_harness::crowd::crowds;
use sekali_harness::program::Program;
use sekali_harness::site::Combination;
use sekali_harness::stage::Surroundings;
use sekali_harness::violation::{Violation, none};
use sekali_test_support::postgres;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// What is not in order after so long is not in order.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many kills at a time, until something is found, so many times at most: the bugs that are hit least often show in
/// four of ten attempts.
const BLOWS: u64 = 8;
const ATTEMPTS: u64 = 40;
/// Hunts at a time: most of their time is waiting.
const AT_ONCE: usize = 4;
/// Longer lives than in the campaign: more people come before each kill.
const LIFE: u64 = 150;
/// Attempts of one call to Stripe.
const WHOLE_CALL: u32 = 3;
const SEED: u64 = 0xb06_0001;

/// A bug, where it is looked for, and how.
struct Hunt {
    bug: &'static str,
    combination: Combination,
    /// How long a server lives at most, in milliseconds, before it is killed as in the campaign.
    life: u64,
    /// Sentences of invariants, one of which must be found broken.
    breaks: &'static [&'static str],
}

const HUNTS: [Hunt; 11] = [
    Hunt {
        bug: "answers-before-commit",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["what was answered 201 or 409 is there", "nobody sees another user's payment"],
    },
    Hunt {
        bug: "fresh-session-key",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["a call that is repeated makes one session"],
    },
    Hunt {
        bug: "fresh-refund-key",
        combination: Combination::SqliteMemory,
        // Money has to be there before it can go back.
        life: 4 * LIFE,
        breaks: &["a call that is repeated makes one refund"],
    },
    Hunt {
        bug: "webhook-not-kept",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["a webhook that was answered 200 is kept"],
    },
    Hunt {
        bug: "webhook-finished-first",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["an event is finished when it was dealt with"],
    },
    Hunt {
        bug: "stale-file",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["only the contract's answers are given"],
    },
    Hunt {
        bug: "noted-before-told",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["the host is told of every transition once, in order"],
    },
    Hunt {
        bug: "cancels-alone",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["a session that can be paid is the one of an active payment"],
    },
    Hunt {
        bug: "unclear-is-an-error",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["only the contract's answers are given"],
    },
    Hunt {
        bug: "keys-of-everybody",
        combination: Combination::SqliteMemory,
        life: LIFE,
        breaks: &["only the contract's answers are given", "nobody sees another user's payment"],
    },
    Hunt {
        bug: "board-not-told",
        combination: Combination::TwoServers,
        life: LIFE,
        breaks: &["a state that is an end never changes back"],
    },
];

impl Hunt {
    async fn finds(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for attempt in 0..ATTEMPTS {
            let plan = Plan {
                combination: self.combination,
                program: Program::Bugged(self.bug),
                blows: BLOWS,
                seed: SEED + attempt,
                patience: PATIENCE,
                real_expiries: false,
                surroundings: Surroundings::default(),
            };
            let fault = json!({ "kind": "answer_lost", "times": WHOLE_CALL, "method": "POST", "path": "/v1/refunds" });
            let blow = async |scene: &mut Scene| {
                scene.stage.stripe.fail(&fault).await;
                scene.moment(self.life).await;
                kill_a_server(scene).await;
            };
            found = play(&plan, blow).await.violations;
            if found.iter().any(|violation| self.breaks.contains(&violation.invariant)) {
                break;
            }
        }
        found
    }
}

fn report(bug: &str, found: &[Violation], breaks: &[&str], begun: Instant) {
    let invariants: BTreeSet<&str> = found.iter().map(|violation| violation.invariant).collect();
    let named: Vec<_> = invariants.iter().filter(|invariant| breaks.contains(*invariant)).collect();
    assert!(!named.is_empty(), "{bug} was not found; what was: {found:#?}");
    let first = found.iter().find(|violation| breaks.contains(&violation.invariant));
    let detail: String = first.map(|first| first.detail.chars().take(160).collect()).unwrap_or_default();
    println!("{bug}, after {:.1?}: {invariants:?}; for one: {detail}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_finds_every_seeded_bug() {
    let _kept = postgres::database();
    let hunts = stream::iter(&HUNTS).map(|hunt| async move {
        let begun = Instant::now();
        report(hunt.bug, &hunt.finds().await, hunt.breaks, begun);
    });
    hunts.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Presses for one consultation at once, with a key each, through two servers.
#[tokio::test(flavor = "multi_thread")]
async fn campaign_finds_a_missing_unique_index() {
    let begun = Instant::now();
    let _kept = postgres::database();
    let found = crowds(Combination::TwoServers, Program::Bugged("no-unique-index"), 1..=5, 20).await;
    report("no-unique-index", &found, &["of many presses at once one makes a payment"], begun);
    none(&crowds(Combination::TwoServers, Program::Shipped, 1..=5, 20).await, "the shipped program");
}
