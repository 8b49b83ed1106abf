//! Signed webhooks, repeated until they are answered.
//!
//! Four attempts run side by side in each process; events of one session are attempted in the order in which
//! they happened. One that was not answered with 2xx comes again after 1, 2, 4 … seconds of the simulated
//! clock, at most an hour, and is given up after three days, as at Stripe.

use std::time::Duration;

use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::watch;

use crate::failure::Failure;
use crate::model::event::Event;
use crate::simulator::Simulator;
use crate::storage::deliveries::{self, Attempt, Delivery};
use crate::storage::{Access, objects};
use crate::work::{Cause, Work, hex};

const WORKERS: usize = 4;
/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);
/// Longer than an attempt can last, so that a lease that ran out belongs to a process that died.
const LEASE_MS: i64 = 15_000;
/// How often to look for what other processes wrote, and for what is due.
const POLL: Duration = Duration::from_millis(500);
const LONGEST_PAUSE_MS: i64 = 60 * 60 * 1000;
const GIVE_UP_AFTER_MS: i64 = 3 * 24 * 60 * 60 * 1000;

impl Simulator {
    /// Delivers webhooks, and lets happen what is due, until `stop` holds `true` or its sender is
    /// gone. An attempt that is under way then is abandoned, and made again by whoever runs next.
    pub async fn run_webhooks(self, stop: watch::Receiver<bool>) {
        join_all((0..WORKERS).map(|_| work(&self, stop.clone()))).await;
    }
}

/// The client that webhooks are sent with. It follows no redirect: that is no answer with 2xx.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(ANSWER)
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

async fn work(simulator: &Simulator, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() && stop.has_changed().is_ok() {
        let written = simulator.written();
        let found = match deliver_next(simulator, &mut stop).await {
            Ok(found) => found,
            Err(failure) => {
                let error = failure.into_storage();
                tracing::error!(%error, "Stripe simulator: webhooks cannot be read");
                false
            }
        };
        if found {
            continue;
        }
        tokio::select! {
            () = written => {}
            () = tokio::time::sleep(POLL) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// Resolves once deliveries are to stop. What it waits for holds a lock, so it must not live across an await.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// Makes one attempt; returns false if nothing was due.
async fn deliver_next(simulator: &Simulator, stop: &mut watch::Receiver<bool>) -> Result<bool, Failure> {
    simulator.let_time_pass().await?;
    let look = |work: &mut Work<'_>| Ok(deliveries::waiting(work.tx, work.times)?);
    if !simulator.transact(Access::Read, Cause::default(), look).await? {
        return Ok(false);
    }
    let claim = |work: &mut Work<'_>| {
        let Some(delivery) = deliveries::claim(work.tx, work.times, LEASE_MS)? else { return Ok(None) };
        let event: Event = objects::get(work.tx, &delivery.event_id)?;
        Ok(Some((delivery, event)))
    };
    let Some((delivery, event)) = simulator.transact(Access::Write, Cause::default(), claim).await? else {
        return Ok(false);
    };
    tokio::select! {
        outcome = attempt(simulator, &delivery, &event) => record(simulator, delivery, event, outcome).await?,
        () = stopped(stop) => {
            let release = move |work: &mut Work<'_>| Ok(deliveries::release(work.tx, &delivery)?);
            simulator.transact(Access::Write, Cause::default(), release).await?;
        }
    }
    Ok(true)
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Answered,
    NotAnswered,
    /// The receiver it was for is no longer configured.
    NoReceiver,
}

async fn attempt(simulator: &Simulator, delivery: &Delivery, event: &Event) -> Sent {
    let Some(url) = simulator.webhooks().urls.get(delivery.endpoint) else { return Sent::NoReceiver };
    if send(simulator, url, event).await { Sent::Answered } else { Sent::NotAnswered }
}

/// Sends the event once; true if it was answered with 2xx. It is signed with the time that the receiver's
/// clock shows as well, however far the simulated one was moved: receivers refuse what is not of this time.
async fn send(simulator: &Simulator, url: &str, event: &Event) -> bool {
    let payload = event.render().to_string();
    let timestamp = simulator.real_ms().div_euclid(1000);
    let response = simulator
        .client()
        .post(url)
        .header("Content-Type", "application/json; charset=utf-8")
        .header("User-Agent", "Stripe/1.0 (simulator)")
        .header("Stripe-Signature", signature(&simulator.webhooks().secret, timestamp, &payload))
        .body(payload)
        .send()
        .await;
    match response {
        Ok(response) if response.status().is_success() => true,
        Ok(response) => {
            let status = response.status().as_u16();
            let (event_id, event_type) = (&event.id, &event.name);
            tracing::info!(event_id, event_type, status, "Stripe simulator: webhook refused");
            false
        }
        Err(error) => {
            let error = error.without_url();
            let (event_id, event_type) = (&event.id, &event.name);
            tracing::info!(event_id, event_type, %error, "Stripe simulator: webhook not answered");
            false
        }
    }
}

async fn record(
    simulator: &Simulator,
    delivery: Delivery,
    mut event: Event,
    sent: Sent,
) -> Result<(), Failure> {
    let job = move |work: &mut Work<'_>| {
        let attempt = outcome(&delivery, event.created, sent, work.times.now);
        let settled = !matches!(attempt, Attempt::Failed { .. });
        if deliveries::record(work.tx, &delivery, attempt)? && settled {
            event.pending = deliveries::outstanding(work.tx, &event.id)?;
            objects::update(work.tx, &event)?;
        }
        Ok(())
    };
    simulator.transact(Access::Write, Cause::default(), job).await?;
    // A later event may have held an earlier one back.
    simulator.ring();
    Ok(())
}

fn outcome(delivery: &Delivery, created: i64, sent: Sent, now_ms: i64) -> Attempt {
    match sent {
        Sent::Answered => return Attempt::Delivered,
        Sent::NoReceiver => return Attempt::GivenUp,
        Sent::NotAnswered => {}
    }
    let exponent = u32::try_from(delivery.attempts.clamp(0, 32)).unwrap_or(32);
    let next_at_ms = now_ms + (1000_i64 << exponent).min(LONGEST_PAUSE_MS);
    if next_at_ms - created * 1000 > GIVE_UP_AFTER_MS {
        return Attempt::GivenUp;
    }
    Attempt::Failed { next_at_ms }
}

/// The header `Stripe-Signature`: HMAC-SHA256 of the time, a dot and the exact body.
fn signature(secret: &str, timestamp: i64, payload: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("{timestamp}.{payload}").as_bytes());
    format!("t={timestamp},v1={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests;
