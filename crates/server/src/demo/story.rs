//! The story, line by line. Each line says what happened, what was answered and how long it took,
//! and holds or does not.

use super::client::{Answer, Client};
use super::{EXPECTED_ROWS, QUERIES, Told, costs};
use crate::cli::say;
use crate::cli::token::mint;
use crate::cli::verify::rows;
use crate::settings::TokenSettings;
use reqwest::Method;
use sekali_core::audit;
use sekali_core::domain::{Role, User, UserId};
use sekali_core::ports::{Clock, Store};
use serde_json::json;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// The double click of the contract.
const DOUBLE_CLICK: Duration = Duration::from_millis(5);
/// A webhook that takes longer than this is a line that does not hold.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(10);
/// The patient of the story.
const PATIENT: UserId = UserId(1);

/// What the story is told with.
pub(crate) struct Story {
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    tokens: TokenSettings,
    held: bool,
}

impl Story {
    /// Against the server at `origin`, whose database is `store`.
    pub(crate) fn new(
        origin: &str,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        tokens: TokenSettings,
    ) -> Told<Self> {
        Ok(Self { client: Client::new(origin)?, store, clock, tokens, held: true })
    }

    pub(super) fn token(&self, id: UserId, role: Role) -> String {
        let now = u64::try_from(self.clock.now().as_seconds()).unwrap_or_default();
        mint(&self.tokens, User { id, role }, now, Duration::from_secs(3600))
    }

    /// One line; from now on the story has failed if this one does not hold.
    fn line(&mut self, what: &str, answered: impl Display, took: Duration, holds: bool) {
        let mark = if holds { "ok" } else { "NO" };
        let millis = took.as_secs_f64() * 1000.0;
        say(&format!("  {mark}  {what:<34} {answered:<44} {millis:>8.1} ms\n"));
        self.held &= holds;
    }

    pub(super) fn answer(&mut self, what: &str, answer: &Answer, holds: bool) {
        let data = &answer.body["data"];
        let said = match (data["type"].as_str(), answer.payment_id()) {
            (Some(kind), Some(id)) => format!("{} {kind}, payment {id}", answer.status),
            _ => format!("{} {}", answer.status, answer.body["message"].as_str().unwrap_or_default()),
        };
        let status = data["status"].as_str().map(|status| format!(", {status}")).unwrap_or_default();
        self.line(what, said + &status, answer.took, holds);
    }

    async fn consultation(&mut self, id: i64) -> Told<()> {
        let service = self.token(UserId(9), Role::Service);
        let body = json!({ "patient_id": PATIENT, "fee": "5000.00", "currency": "PHP" });
        let path = format!("/api/v1/consultations/{id}");
        let put = self.client.send(Method::PUT, &path, Some(&service), Some(&body)).await?;
        if put.status != 201 {
            self.line(&format!("consultation {id} is made"), put.status, put.took, false);
        }
        Ok(())
    }
}

/// Tells the whole story; `true` if every line held.
pub(crate) async fn tell(story: &mut Story) -> Told<bool> {
    let patient = story.token(PATIENT, Role::Patient);
    let first = clicks(story, &patient).await?;
    double_click(story, &patient).await?;
    network_retry(story, &patient).await?;
    pay(story, &patient, &first).await?;
    verify(story, &first).await?;
    costs::measure(story).await?;
    Ok(story.held)
}

/// The first click, and the second one.
async fn clicks(story: &mut Story, patient: &str) -> Told<Answer> {
    story.consultation(5).await?;
    let first = story.client.pay(patient, 5, "demo-first-click").await?;
    story.answer("first click on BAYAR", &first, first.status == 201);
    let again = story.client.pay(patient, 5, "demo-first-click").await?;
    let same = again.status == 409 && again.payment_id() == first.payment_id();
    story.answer("the same click again", &again, same);
    let other = story.client.pay(patient, 5, "demo-another-key").await?;
    let same = other.status == 409 && other.payment_id() == first.payment_id();
    story.answer("another key, same consultation", &other, same);
    Ok(first)
}

async fn double_click(story: &mut Story, patient: &str) -> Told<()> {
    story.consultation(6).await?;
    let client = &story.client;
    let later = async {
        tokio::time::sleep(DOUBLE_CLICK).await;
        client.pay(patient, 6, "demo-double-click").await
    };
    let (one, two) = tokio::join!(client.pay(patient, 6, "demo-double-click"), later);
    let (one, two) = (one?, two?);
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    let charged_once = statuses == [201, 409] && one.payment_id() == two.payment_id();
    story.answer("double click, the first", &one, charged_once);
    story.answer("double click, 5 ms later", &two, charged_once);
    Ok(())
}

async fn network_retry(story: &mut Story, patient: &str) -> Told<()> {
    story.consultation(7).await?;
    let begun = story.clock.monotonic();
    story.client.pay_and_lose_the_answer(patient, 7, "demo-network-retry").await?;
    let took = story.clock.monotonic().saturating_sub(begun);
    story.line("a click whose answer is lost", "the connection breaks", took, true);
    let retry = story.client.pay(patient, 7, "demo-network-retry").await?;
    let goes_on = retry.status == 409 && retry.checkout_url().is_some();
    story.answer("the retry, with the same key", &retry, goes_on);
    Ok(())
}

/// On to the simulator's page, the card, the webhook, and back.
async fn pay(story: &mut Story, patient: &str, first: &Answer) -> Told<()> {
    let id = first.payment_id().unwrap_or_default();
    let process = story.client.send(Method::GET, first.checkout_url().unwrap_or("/"), None, None).await?;
    let session = process.location.clone().unwrap_or_default();
    story.line(
        "on to Stripe Checkout",
        format!("{} to the simulator's page", process.status),
        process.took,
        process.status == 303,
    );

    let session = session.rsplit('/').next().unwrap_or_default().to_owned();
    let path = format!("/stripe-simulator/simulator/sessions/{session}/pay");
    let card = json!({ "card": "4242424242424242" });
    let paid = story.client.send(Method::POST, &path, None, Some(&card)).await?;
    let outcome = paid.body["outcome"].as_str().unwrap_or("no outcome").to_owned();
    story.line(
        "the card 4242 4242 4242 4242",
        format!("{} {outcome}", paid.status),
        paid.took,
        paid.status == 200,
    );

    let (status, took) = settled(story, patient, id).await?;
    story.line("Stripe's webhook arrives", format!("payment {id} is {status}"), took, status == "completed");

    let late = story.client.pay(patient, 5, "demo-first-click").await?;
    let tells =
        late.status == 409 && late.body["data"]["status"] == "completed" && late.checkout_url().is_none();
    story.answer("the same click, after paying", &late, tells);

    let back = format!("/payment/{id}/callback?session_id={session}");
    let page = story.client.send(Method::GET, &back, None, None).await?;
    let says_paid = page.status == 200 && page.text.contains("Anda sudah membayar");
    let said = if says_paid { "“Anda sudah membayar.”" } else { "not what was expected" };
    story.line("back on the callback page", format!("{} {said}", page.status), page.took, says_paid);
    Ok(())
}

/// Asks the API until the payment has left `pending` and `processing`.
async fn settled(story: &Story, patient: &str, id: i64) -> Told<(String, Duration)> {
    let begun = story.clock.monotonic();
    loop {
        let read =
            story.client.send(Method::GET, &format!("/api/v1/payments/{id}"), Some(patient), None).await?;
        let status = read.body["data"]["payment"]["status"].as_str().unwrap_or_default().to_owned();
        let took = story.clock.monotonic().saturating_sub(begun);
        if !matches!(status.as_str(), "pending" | "processing") || took > WEBHOOK_PATIENCE {
            return Ok((status, took));
        }
        story.clock.sleep(Duration::from_millis(20)).await;
    }
}

/// The contract's queries, with their answers, and every invariant.
async fn verify(story: &mut Story, first: &Answer) -> Told<()> {
    let id = first.payment_id().unwrap_or_default().to_string();
    say("\n  The verification queries:\n");
    for (at, query) in QUERIES.iter().enumerate() {
        let sql = query.replace("{id}", &id);
        let table = story.store.query(&sql).await?;
        say(&format!("\n    {}\n", sql.replace('\n', "\n    ")));
        say(&if table.rows.is_empty() { "          no rows\n".to_owned() } else { rows(&table) });
        let expected = EXPECTED_ROWS[at];
        if table.rows.len() != expected {
            story.line(
                "that query",
                format!("{} rows instead of {expected}", table.rows.len()),
                Duration::ZERO,
                false,
            );
        }
    }
    say("\n");
    let begun = story.clock.monotonic();
    let findings = audit::verify(&*story.store).await?;
    let took = story.clock.monotonic().saturating_sub(begun);
    let broken = findings.iter().filter(|finding| !finding.holds()).count();
    story.line("sekali verify", format!("{} invariants, {broken} broken", findings.len()), took, broken == 0);
    Ok(())
}
