//! Things that happen at the same moment, at Stripe and here: one of them wins, and nothing is lost.

use crate::support::client::Answer;
use crate::support::stripe::{GOOD, Opened, visit};
use crate::support::{Backend, Site, eventually};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use std::time::Duration;

const MORE: &[(&str, &str)] = &[("SEKALI_RATE_LIMIT", "0"), ("SEKALI_RECONCILE_INTERVAL", "1")];
const PAYMENTS: i64 = 12;

async fn cancel(site: &Site, payment: i64) -> Answer {
    site.post(&format!("/api/v1/payments/{payment}/cancel")).bearer(&site.patient(1)).send().await
}

/// Payments whose pages at Stripe are open.
async fn all_opened(site: &Site) -> Vec<Opened> {
    let mut all = Vec::new();
    for consultation in 1..=PAYMENTS {
        site.pesos(consultation, 1).await;
        all.push(site.opened(1, consultation, &format!("k{consultation}")).await);
    }
    all
}

async fn cancelled_and_paid(backend: Backend) {
    let site = Site::with(backend, MORE).await;
    let race = async |opened: &Opened| {
        let path = format!("sessions/{}/pay", opened.session);
        let pay = site.try_at_stripe(&path, json!({ "card": GOOD }));
        join(cancel(&site, opened.payment), pay).await
    };
    for opened in all_opened(&site).await {
        let (asked, paid) = race(&opened).await;
        // Stripe decides: its session was either paid or ended.
        if paid.status == 200 {
            site.until_status(opened.payment, "completed").await;
            assert!(matches!(asked.status, 202 | 409), "{} {}", asked.status, asked.text());
        } else {
            site.until_status(opened.payment, "cancelled").await;
            assert_eq!(asked.status, 200, "{}", asked.text());
        }
        let sql = format!("SELECT 1 FROM captures WHERE payment_id = {}", opened.payment);
        let captured = site.database.query(&sql).await.len();
        assert_eq!(captured, usize::from(paid.status == 200));
    }
    assert_eq!(site.count("refunds").await, 0, "nothing had to go back");
}

#[tokio::test]
async fn cancelled_and_paid_on_sqlite() {
    cancelled_and_paid(Backend::SqliteMemory).await;
}

#[tokio::test]
async fn cancelled_and_paid_on_postgres() {
    cancelled_and_paid(Backend::PostgresMemory).await;
}

#[tokio::test]
async fn cancelled_twenty_times_at_once() {
    let site = Site::with(Backend::PostgresMemory, MORE).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let answers = join_all((0..20).map(|_| cancel(&site, opened.payment))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let record = site.record_of(opened.payment).await;
    let once = |kind: &str| record.iter().filter(|known| *known == kind).count() == 1;
    assert!(once("cancel_requested") && once("ended"), "{record:?}");
}

async fn refunded_here_and_there(backend: Backend) {
    let site = Site::with(backend, MORE).await;
    for consultation in 1..=PAYMENTS {
        let paid = site.completed(1, consultation, GOOD).await;
        let charge = site.charge_of(&paid.session).await;
        let path = format!("charges/{charge}/refund");
        let there = site.try_at_stripe(&path, json!({ "amount": 300_000 }));
        let here = site.refund(paid.payment, &format!("r{consultation}"), &json!({ "amount": 3000 })).send();
        let (there, here) = join(there, here).await;
        match (there.status, here.status) {
            (400, 201) => {}
            (200, 409) => drop(here.problem(409, "not-refundable")),
            (200, 422) => drop(here.failed_fields(&["amount"])),
            // The news of the other one came while ours was asked for: known when no call can be under way.
            (200, 202) => site.clock.advance(Duration::from_secs(600)),
            other => panic!("{other:?}: {} {}", there.text(), here.text()),
        }
        eventually("what is back is known", async || {
            site.payment(1, paid.payment).await["payment"]["refunded_amount"] == "3000.00"
        })
        .await;
        let waiting = "SELECT id FROM refunds WHERE state = 'requested'";
        eventually("ours has its end", async || site.database.query(waiting).await.is_empty()).await;
    }
    assert_eq!(site.stripe_totals().await["amount_refunded"], json!({ "php": 300_000 * PAYMENTS }));
}

#[tokio::test]
async fn refunded_here_and_there_on_sqlite() {
    refunded_here_and_there(Backend::SqliteMemory).await;
}

#[tokio::test]
async fn refunded_here_and_there_on_postgres() {
    refunded_here_and_there(Backend::PostgresMemory).await;
}

/// The answer that made the session was lost: given up, it is found first, and ended.
#[tokio::test]
async fn given_up_before_anybody_knows_of_the_session() {
    for kind in ["answer_lost", "server_error_after_work", "request_lost"] {
        let site = Site::with(Backend::SqliteMemory, MORE).await;
        let lost = json!({ "kind": kind, "method": "POST", "path": "/v1/checkout/sessions", "times": 9 });
        site.at_stripe("faults", lost).await;
        site.pesos(5, 1).await;
        let (payment, first) = site.paid_for(1, 5, "k").await;
        let page = visit(&crate::support::stripe::way(&first)).await;
        // After an error of Stripe's it may have been found in the list already.
        assert!(matches!(page.status, 303 | 503), "{kind}: {}", page.text());
        let asked = cancel(&site, payment).await;
        assert!(matches!(asked.status, 200 | 202), "{kind}: {} {}", asked.status, asked.text());
        assert_eq!(site.request("DELETE", "/stripe-simulator/simulator/faults").send().await.status, 200);
        // A call that is still under way could make it for a while.
        site.clock.advance(Duration::from_secs(600));
        site.until_status(payment, "cancelled").await;
        let sessions = site.stripe_totals().await["sessions"].clone();
        assert_eq!(sessions.get("open"), None::<&Value>, "{kind}: {sessions}");
        site.paid_for(1, 5, "fresh").await;
    }
}
