//! The host application is told of each transition: signed, in order, until it has taken it.

use crate::on_every_backend;
use crate::support::receiver::{HOST_SECRET, Receiver};
use crate::support::stripe::GOOD;
use crate::support::tokens::golden;
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};
use std::time::Duration;

on_every_backend!(each_transition_in_order,);

async fn site_for(backend: Backend, url: &str) -> Site {
    Site::with(
        backend,
        &[
            ("SEKALI_HOST_WEBHOOK_URL", url),
            ("SEKALI_HOST_WEBHOOK_SECRET", HOST_SECRET),
            ("SEKALI_RECONCILE_INTERVAL", "1"),
        ],
    )
    .await
}

async fn told(host: &Receiver, payment: i64, kinds: &[&str]) {
    eventually(&format!("the host is told {kinds:?}"), async || host.told_of(payment).len() >= kinds.len())
        .await;
    assert_eq!(host.told_of(payment), kinds);
}

async fn each_transition_in_order(backend: Backend) {
    let host = Receiver::start().await;
    let site = site_for(backend, &host.url()).await;
    let paid = site.completed(1, 5, GOOD).await;
    assert_eq!(site.refund(paid.payment, "part", &json!({ "amount": 1000 })).send().await.status, 201);
    let charge = site.charge_of(&paid.session).await;
    site.at_stripe(&format!("charges/{charge}/dispute"), json!({})).await;
    let kinds = [
        "payment.created",
        "payment.processing",
        "payment.completed",
        "payment.refunded",
        "payment.disputed",
    ];
    told(&host, paid.payment, &kinds).await;
    bodies(&site, &host, paid.payment).await;

    // Another payment's end, and its ids are its own.
    site.pesos(6, 1).await;
    let (cancelled, _) = site.paid_for(1, 6, "other").await;
    let path = format!("/api/v1/payments/{cancelled}/cancel");
    assert_eq!(site.post(&path).bearer(&site.patient(1)).send().await.status, 200);
    told(&host, cancelled, &["payment.created", "payment.cancelled"]).await;
    let ids: std::collections::BTreeSet<_> = host.messages().into_iter().map(|message| message.id).collect();
    assert_eq!(ids.len(), 7, "each message once");
}

/// What stands in the messages: the payment as it was right after each transition.
async fn bodies(site: &Site, host: &Receiver, payment: i64) {
    let messages = host.messages();
    let statuses: Vec<Value> =
        messages.iter().map(|message| message.verified()["data"]["status"].clone()).collect();
    assert_eq!(statuses, ["pending", "processing", "completed", "completed", "completed"]);
    let mut sequence = 0;
    for message in &messages {
        assert_eq!(message.timestamp, golden());
        let body = message.verified();
        assert_eq!(body["timestamp"], "2024-01-15T10:30:00.000000Z");
        let data = &body["data"];
        for (member, value) in [
            ("payment_id", json!(payment)),
            ("consultation_id", json!(5)),
            ("user_id", json!(1)),
            ("amount", json!("5000.00")),
            ("currency", json!("PHP")),
            ("payment_method", json!("stripe")),
        ] {
            assert_eq!(data[member], value, "{member}");
        }
        assert!(data["invoice_number"].as_str().unwrap().starts_with("INV-20240115103000-"));
        assert!(data["sequence"].as_i64().unwrap() > sequence, "in the record's order");
        sequence = data["sequence"].as_i64().unwrap();
    }
    let refunded = &messages[3].verified()["data"];
    assert_eq!(refunded["refunded_amount"], "1000.00");
    assert_eq!(
        (&refunded["refund"]["amount"], &refunded["fully_refunded"]),
        (&json!("1000.00"), &json!(false))
    );
    let dispute = &messages[4].verified()["data"]["dispute"];
    assert_eq!((&dispute["status"], &dispute["amount"]), (&json!("needs_response"), &json!("4000.00")));
    let undelivered = "SELECT payment_id FROM outbox WHERE delivered_seq < last_seq";
    eventually("nothing is left", async || site.database.query(undelivered).await.is_empty()).await;
}

/// The only delivery was tried so often, and put off.
async fn postponed(site: &Site, attempts: u32) {
    let sql = format!("SELECT 1 FROM outbox WHERE attempts = {attempts} AND leased_until IS NULL");
    eventually(&format!("attempt {attempts} has failed"), async || {
        site.database.query(&sql).await.len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_host_that_was_away_misses_nothing() {
    let address = format!("127.0.0.1:{}", sekali_test_support::free_port());
    let url = format!("http://{address}/webhooks/sekali?tenant=clinic-7");
    let site = site_for(Backend::SqliteMemory, &url).await;
    let paid = site.completed(1, 5, GOOD).await;
    postponed(&site, 1).await;
    let error = site.database.query("SELECT error FROM outbox").await.remove(0).remove(0);
    assert!(error.contains("cannot be reached"), "{error}");
    assert!(!error.contains("tenant"), "the address may hold a secret: {error}");

    let host = Receiver::at(address.parse().unwrap()).await;
    host.answers(500);
    site.clock.advance(Duration::from_secs(7));
    postponed(&site, 2).await;
    assert_eq!(host.messages().len(), 1);
    host.answers(204);
    site.clock.advance(Duration::from_secs(13));
    eventually("it is told everything", async || host.messages().len() >= 4).await;
    let kinds = ["payment.created", "payment.created", "payment.processing", "payment.completed"];
    assert_eq!(host.told_of(paid.payment), kinds);
    let messages = host.messages();
    assert_eq!(
        (&messages[0].id, &messages[0].body),
        (&messages[1].id, &messages[1].body),
        "the same message again, under the same id"
    );
    assert!(messages[0].timestamp < messages[1].timestamp, "signed for the attempt");
}

#[tokio::test]
async fn one_payments_trouble_holds_up_no_other() {
    let host = Receiver::start().await;
    let site = site_for(Backend::SqliteMemory, &host.url()).await;
    host.answers(410);
    site.pesos(5, 1).await;
    let (first, _) = site.paid_for(1, 5, "k").await;
    postponed(&site, 1).await;
    host.answers(200);
    site.pesos(6, 1).await;
    let (second, _) = site.paid_for(1, 6, "l").await;
    told(&host, second, &["payment.created"]).await;
    assert_eq!(host.told_of(first), ["payment.created"], "its own time has not come");
}

#[tokio::test]
async fn after_three_days_it_is_parked_and_said() {
    let host = Receiver::start().await;
    let site = site_for(Backend::SqliteMemory, &host.url()).await;
    host.answers(302);
    site.pesos(5, 1).await;
    site.paid_for(1, 5, "k").await;
    let sql = "SELECT attempts, due_at, parked_at, error, leased_until FROM outbox";
    let outbox = async || site.database.query(sql).await.remove(0);
    let mut attempts = 0;
    while outbox().await[2].is_empty() {
        eventually("it was tried, and postponed or parked", async || {
            let row = outbox().await;
            row[0].parse::<i32>().unwrap() > attempts && row[4].is_empty()
        })
        .await;
        attempts = outbox().await[0].parse().unwrap();
        site.clock.advance(Duration::from_secs(5 * 3600));
    }
    let row = outbox().await;
    assert_eq!(row[1], "", "it is not due any more");
    assert!(row[3].contains("302") && row[3].contains("redirects are not followed"), "{row:?}");
    assert!((14..=18).contains(&attempts), "three days, five hours at a time: {attempts}");
    assert!(site.logs.text().contains("A delivery is parked after three days; sekali outbox replays it"));
    eventually("the metric says so", async || {
        site.get("/metrics").send().await.text().contains("sekali_outbox_parked 1")
    })
    .await;
}
