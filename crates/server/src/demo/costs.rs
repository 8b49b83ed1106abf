//! What one click costs here, beside what it cost the original (contract, part 9).

use super::Told;
use super::story::Story;
use crate::cli::say;
use reqwest::Method;
use sekali_core::domain::{ConsultationId, Currency, Money, Role, UserId};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Enough for a median that two runs agree on, few enough that nobody waits.
const CLICKS: i64 = 200;
/// Numbers of consultations and patients that the story does not use.
const FROM: i64 = 1_000_000;

/// The steps with the original's milliseconds for each.
const STEPS: [(&str, &str, f64); 5] = [
    ("idempotency", "1 idempotency", 5.0),
    ("lock", "2 lock", 15.0),
    ("transaction", "3 transaction", 25.0),
    ("cache", "4 cache", 5.0),
    ("unlock", "5 unlock", 5.0),
];
const ORIGINAL_FIRST: f64 = 65.0;
const ORIGINAL_DUPLICATE: f64 = 8.0;

/// Presses BAYAR for many consultations, each twice, and prints the medians; each patient presses
/// one, so that nobody meets the rate limit.
pub(super) async fn measure(story: &mut Story) -> Told<()> {
    let before = steps(story).await?;
    let (mut first, mut duplicate) = (Vec::new(), Vec::new());
    for number in FROM..FROM + CLICKS {
        let (id, patient) = (ConsultationId(number), UserId(number));
        let fee = Money::new(500_000, Currency::PHP);
        let at = story.clock.now().whole_second();
        story.store.put_consultation(id, patient, fee, None, at).await?;
        let token = story.token(patient, Role::Patient);
        let key = format!("demo-cost-{number}");
        let (one, two) =
            (story.client.pay(&token, number, &key).await?, story.client.pay(&token, number, &key).await?);
        if (one.status, two.status) != (201, 409) {
            story.answer("a click that was measured", &one, false);
        }
        first.push(one.took);
        duplicate.push(two.took);
    }
    let after = steps(story).await?;
    say(&table(median(&mut first), median(&mut duplicate), &before, &after));
    Ok(())
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64) * 1000.0
}

/// Sum of seconds and count of each step so far, from the service's own metrics.
async fn steps(story: &Story) -> Told<BTreeMap<String, f64>> {
    let text = story.client.send(Method::GET, "/metrics", None, None).await?.text;
    let pairs = text.lines().filter_map(|line| line.rsplit_once(' '));
    let steps = pairs.filter(|(name, _)| name.starts_with("sekali_step_duration_seconds_"));
    Ok(steps.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
}

fn mean(step: &str, before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> f64 {
    let grown = |part: &str| {
        let name = format!("sekali_step_duration_seconds_{part}{{step=\"{step}\"}}");
        after.get(&name).unwrap_or(&0.0) - before.get(&name).unwrap_or(&0.0)
    };
    let count = grown("count");
    if count > 0.0 { 1000.0 * grown("sum") / count } else { 0.0 }
}

fn table(
    first: f64,
    duplicate: f64,
    before: &BTreeMap<String, f64>,
    after: &BTreeMap<String, f64>,
) -> String {
    let mut text =
        format!("\n  What one click costs, seen by the client ({CLICKS} clicks, one after the other)\n\n");
    // Writing to a String cannot fail.
    let mut row = |what: &str, here: f64, original: f64| {
        let times = original / here.max(0.001);
        let _ = writeln!(
            text,
            "      {what:<26} {here:>8.3} ms   the original {original:>3.0} ms   {times:>6.0} times faster"
        );
    };
    row("first payment, median", first, ORIGINAL_FIRST);
    row("duplicate, median", duplicate, ORIGINAL_DUPLICATE);
    for (name, label, original) in STEPS {
        row(&format!("  {label}, mean"), mean(name, before, after), original);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_what_was_added() {
        let sample = |sum: f64, count: f64| {
            BTreeMap::from([
                ("sekali_step_duration_seconds_sum{step=\"lock\"}".to_owned(), sum),
                ("sekali_step_duration_seconds_count{step=\"lock\"}".to_owned(), count),
            ])
        };
        assert!((mean("lock", &sample(1.0, 10.0), &sample(1.5, 20.0)) - 50.0).abs() < 1e-9);
        assert!(mean("lock", &sample(1.0, 10.0), &sample(1.0, 10.0)).abs() < 1e-9);
        let mut times = [3, 1, 2].map(Duration::from_millis);
        assert!((median(&mut times) - 2.0).abs() < 1e-9);
    }
}
