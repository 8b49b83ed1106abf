//! Presses that go out together, over real connections, each under a request id of its own; and what their patient
//! does afterwards.

use super::Told;
use super::client::{Answer, Client};
use super::runs::Way;
use super::trace::{PREFIX, Trace};
use futures_util::future::join_all;
use reqwest::Method;
use sekali_core::ports::Clock;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Between a lost answer and the next attempt.
const SECOND_THOUGHTS: Duration = Duration::from_millis(20);
/// A request that has not come to its first step by then will not be waited for.
const FIRST_STEP: Duration = Duration::from_secs(1);
/// A webhook has this long to settle what was paid.
const SETTLES: Duration = Duration::from_secs(10);
/// Between two looks at the books.
const LOOK: Duration = Duration::from_millis(20);

/// Somebody with something to pay.
pub(super) struct Visitor {
    /// For what.
    pub consultation: i64,
    /// Says who.
    pub token: String,
}

/// One press, as its client saw it. Moments are microseconds since 1970.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Press {
    /// Its `X-Request-Id`.
    pub id: String,
    /// A letter or a number for its idempotency key: the same for the same key.
    pub key: String,
    /// Which of the demo's two servers it went to, 1 or 2; `None`: there was only one.
    pub server: Option<usize>,
    /// When it was sent.
    pub sent: u64,
    /// When its answer had come; `None`: it never came.
    pub received: Option<u64>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// `new` or `existing`.
    pub kind: Option<String>,
    /// The payment that the answer names.
    pub payment: Option<i64>,
    /// Where the answer says that one goes on to pay.
    #[serde(skip)]
    pub way_on: Option<String>,
}

impl Press {
    /// One that was sent and never answered.
    pub(super) fn unanswered(run: &str, number: usize, key: &str, sent: u64) -> Self {
        Self {
            id: id(run, number),
            key: key.to_owned(),
            server: None,
            sent,
            received: None,
            status: None,
            kind: None,
            payment: None,
            way_on: None,
        }
    }

    fn answered(self, answer: &Answer) -> Self {
        let took = u64::try_from(answer.took.as_micros()).unwrap_or_default();
        Self {
            received: Some(self.sent + took),
            status: Some(answer.status),
            kind: answer.body["data"]["type"].as_str().map(str::to_owned),
            payment: answer.payment_id(),
            way_on: answer.checkout_url().map(str::to_owned),
            ..self
        }
    }
}

/// A run's name for its n-th request, counted from 1.
pub(super) fn id(run: &str, number: usize) -> String {
    format!("{PREFIX}{run}-{number}")
}

/// A run's key; `letter` is what its lane shows.
pub(super) fn key(run: &str, letter: &str) -> String {
    format!("run-{run}-{letter}")
}

/// A new consultation of a new patient.
pub(super) async fn visitor(site: &Client) -> Told<Visitor> {
    let made = site.send(Method::POST, "/demo/consultation", None, None).await?;
    let (consultation, token) = (made.body["consultation_id"].as_i64(), made.body["token"].as_str());
    let (Some(consultation), Some(token)) = (consultation, token) else {
        return Err(format!("no consultation was made: {} {}", made.status, made.text).into());
    };
    Ok(Visitor { consultation, token: token.to_owned() })
}

/// Sends a way's presses, and waits for their answers.
pub(super) async fn presses(
    site: &Client,
    trace: &Trace,
    clock: &dyn Clock,
    run: &str,
    visitor: &Visitor,
    way: Way,
) -> Told<Vec<Press>> {
    let mut sent = Vec::new();
    let first = if way == Way::LostAnswer {
        sent.push(lose_the_answer(site, trace, run, visitor).await?);
        clock.sleep(SECOND_THOUGHTS).await;
        2
    } else {
        1
    };
    let planned = way.clicks().into_iter().enumerate().map(|(at, (after, letter))| async move {
        // The next one's wait begins when this one is sent.
        if !after.is_zero() {
            clock.sleep(after).await;
        }
        press(site, trace, run, first + at, &letter, visitor).await
    });
    for press in join_all(planned).await {
        sent.push(press?);
    }
    Ok(sent)
}

/// One press, and its answer.
pub(super) async fn press(
    site: &Client,
    trace: &Trace,
    run: &str,
    number: usize,
    letter: &str,
    visitor: &Visitor,
) -> Told<Press> {
    let Visitor { consultation, token } = visitor;
    let press = Press::unanswered(run, number, letter, trace.at());
    let answer = site.press(token, *consultation, &key(run, letter), &press.id).await?;
    Ok(press.answered(&answer))
}

/// A press whose client goes away while the service works on it.
async fn lose_the_answer(site: &Client, trace: &Trace, run: &str, visitor: &Visitor) -> Told<Press> {
    let press = Press::unanswered(run, 1, "A", trace.at());
    let Visitor { consultation, token } = visitor;
    let connection = site.press_only(token, *consultation, &key(run, "A"), &press.id).await?;
    let under_way = async {
        while !trace.of_run(run).iter().any(|traced| !traced.steps.is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    // A request that was turned away before it came so far loses its answer all the same.
    let _ = tokio::time::timeout(FIRST_STEP, under_way).await;
    drop(connection);
    Ok(press)
}

/// Whoever has an answer goes where it leads and pays there; then the books are waited for, until all is settled.
pub(super) async fn everybody_pays(
    site: &Client,
    clock: &dyn Clock,
    presses: &[Press],
    consultation: i64,
) -> Told<Value> {
    let mut sessions = BTreeSet::new();
    for way_on in presses.iter().filter_map(|press| press.way_on.as_deref()) {
        // The same place under the name by which this machine knows it.
        let path = way_on.find("/payment/").map_or(way_on, |at| &way_on[at..]);
        let redirect = site.send(Method::GET, path, None, None).await?;
        let session = redirect.location.as_deref().and_then(|to| to.rsplit('/').next());
        sessions.extend(session.map(str::to_owned));
    }
    for session in sessions {
        let path = format!("/stripe-simulator/simulator/sessions/{session}/pay");
        site.send(Method::POST, &path, None, Some(&json!({ "card": "4242424242424242" }))).await?;
    }
    let begun = clock.monotonic();
    loop {
        let books = site.get(&format!("/demo/books/{consultation}"), None).await?;
        if books["settled"] == true || clock.monotonic().saturating_sub(begun) > SETTLES {
            return Ok(books);
        }
        clock.sleep(LOOK).await;
    }
}
