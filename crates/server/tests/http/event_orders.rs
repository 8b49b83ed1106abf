//! Stripe's events in every order, each also doubled: the same final state (design, part 1, rule 5).

use crate::support::client::Request;
use crate::support::stripe::{DECLINED, GOOD, Opened};
use crate::support::tokens::stripe_signature;
use crate::support::{Backend, Site, WEBHOOK_SECRET, eventually};
use serde_json::{Value, json};

/// What happens to one payment at Stripe, and which of its events are told.
struct Life {
    /// `path` below the session, and the order.
    steps: &'static [Step],
    events: &'static [&'static str],
    /// Status, refunded, dispute, invoice.
    ends: (&'static str, &'static str, Option<&'static str>, &'static str),
}

#[derive(Clone, Copy)]
enum Step {
    Card(&'static str),
    Bank(&'static str),
    BankAnswers(&'static str),
    RefundInDashboard(i64),
    Dispute,
    Expire,
}

use Step::{Bank, BankAnswers, Card, Dispute, Expire, RefundInDashboard};

const LIVES: &[Life] = &[
    Life {
        steps: &[Card(DECLINED), Card(GOOD), RefundInDashboard(1000), Dispute],
        events: &[
            "checkout.session.completed",
            "charge.refunded",
            "refund.created",
            "charge.dispute.created",
        ],
        ends: ("completed", "10.00", Some("needs_response"), "paid"),
    },
    Life {
        steps: &[Card(GOOD), RefundInDashboard(1000), RefundInDashboard(4000)],
        events: &["payment_intent.succeeded", "checkout.session.completed", "charge.refunded"],
        ends: ("refunded", "50.00", None, "refunded"),
    },
    Life {
        steps: &[Bank("000123456789"), BankAnswers("succeeded"), RefundInDashboard(1000)],
        events: &["checkout.session.completed", "checkout.session.async_payment_succeeded", "refund.created"],
        ends: ("completed", "0.00", None, "paid"),
    },
    Life {
        steps: &[Bank("000123456789"), BankAnswers("failed")],
        events: &[
            "checkout.session.completed",
            "checkout.session.async_payment_failed",
            "payment_intent.payment_failed",
        ],
        ends: ("failed", "0.00", None, "void"),
    },
    Life {
        steps: &[Card(DECLINED), Expire],
        events: &["payment_intent.payment_failed", "checkout.session.expired"],
        ends: ("expired", "0.00", None, "void"),
    },
];

/// One payment, with its events in the order in which they are to be told.
struct Told {
    payment: i64,
    events: Vec<String>,
    doubled: bool,
    life: &'static Life,
}

#[tokio::test]
async fn in_every_order_on_sqlite() {
    in_every_order(Backend::SqliteMemory).await;
}

#[tokio::test]
async fn in_every_order_on_postgres() {
    in_every_order(Backend::PostgresMemory).await;
}

async fn in_every_order(backend: Backend) {
    // Nobody but these events tells of anything.
    let more = [
        ("SEKALI_PAYMENT_METHODS", "card,us_bank_account"),
        ("SEKALI_RECONCILE_INTERVAL", "3600"),
        ("SEKALI_RATE_LIMIT", "0"),
    ];
    let site = Site::with(backend, &more).await;
    site.silence_webhooks().await;
    let mut all = Vec::new();
    for life in LIVES {
        for order in permutations(life.events.len()) {
            for doubled in [false, true] {
                let consultation = i64::try_from(all.len()).unwrap() + 1;
                let (payment, events) = live(&site, life, consultation).await;
                let events = order.iter().map(|at| events[*at].clone()).collect();
                all.push(Told { payment, events, doubled, life });
            }
        }
    }
    assert_eq!(all.len(), 2 * (24 + 6 + 6 + 6 + 2));
    // The next event of every payment; before the one after it, all are worked off.
    for at in 0..4 {
        let due = all.iter().filter_map(|told| Some((told.events.get(at)?, told.doubled)));
        let requests = due.flat_map(|(event, doubled)| {
            (0..if doubled { 2 } else { 1 }).map(|_| webhook(&site, event).send())
        });
        for answer in futures_util::future::join_all(requests).await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        worked_off(&site).await;
    }
    for told in &all {
        check(&site, told).await;
    }
    let twice =
        site.database.query("SELECT payment_id FROM captures GROUP BY payment_id HAVING count(*) > 1").await;
    assert_eq!(twice.len(), 0);
}

/// Lives it at Stripe; its events, in the life's order.
async fn live(site: &Site, life: &Life, consultation: i64) -> (i64, Vec<String>) {
    site.consultation(consultation, 1, "50.00", "USD").await;
    let body = crate::support::body(consultation, "50.00");
    let key = format!("key-{consultation}");
    let pressed = site.pay(1).header("X-Idempotency-Key", &key).json(body).send().await;
    let page = site.process(&crate::support::stripe::way(&pressed)).await;
    let opened = Opened::of(&pressed, page);
    for step in life.steps {
        take(site, &opened, *step).await;
    }
    let recent = site.ask_stripe("events?limit=30").await;
    let recent: Vec<&Value> = recent["data"].as_array().unwrap().iter().collect();
    let newest = |kind: &&str| {
        let found = recent.iter().find(|event| event["type"] == **kind);
        found.unwrap_or_else(|| panic!("no {kind}")).to_string()
    };
    (opened.payment, life.events.iter().map(newest).collect())
}

async fn take(site: &Site, opened: &Opened, step: Step) {
    let session = format!("sessions/{}", opened.session);
    match step {
        Card(card) => {
            let paid = site.try_at_stripe(&format!("{session}/pay"), json!({ "card": card })).await;
            assert_eq!(paid.status, if card == GOOD { 200 } else { 402 }, "{}", paid.text());
        }
        Bank(account) => {
            site.at_stripe(&format!("{session}/pay"), json!({ "bank_account": account })).await;
        }
        BankAnswers(outcome) => {
            site.at_stripe(&format!("{session}/bank"), json!({ "outcome": outcome })).await;
        }
        RefundInDashboard(amount) => {
            let charge = site.charge_of(&opened.session).await;
            site.at_stripe(&format!("charges/{charge}/refund"), json!({ "amount": amount })).await;
        }
        Dispute => {
            let charge = site.charge_of(&opened.session).await;
            site.at_stripe(&format!("charges/{charge}/dispute"), json!({})).await;
        }
        Expire => {
            let path = format!("/stripe-simulator/v1/checkout/sessions/{}/expire", opened.session);
            assert_eq!(site.post(&path).bearer("sk_test_owner").send().await.status, 200);
        }
    }
}

fn webhook(site: &Site, event: &str) -> Request {
    let now = i64::try_from(site.clock.seconds()).unwrap();
    let signature = stripe_signature(WEBHOOK_SECRET, now, event);
    site.post("/webhooks/stripe").header("Stripe-Signature", &signature).json(event.to_owned())
}

async fn worked_off(site: &Site) {
    eventually("the inbox is worked off", async || {
        site.database.query("SELECT id FROM gateway_events WHERE finished_at IS NULL").await.is_empty()
    })
    .await;
    let failed = site.database.query("SELECT id, error FROM gateway_events WHERE attempts > 1").await;
    assert!(failed.is_empty(), "{failed:?}");
}

async fn check(site: &Site, told: &Told) {
    let kinds: Vec<Value> = told
        .events
        .iter()
        .map(|event| serde_json::from_str::<Value>(event).unwrap()["type"].clone())
        .collect();
    let what = format!("payment {} told {kinds:?}, doubled: {}", told.payment, told.doubled);
    let sql = format!(
        "SELECT p.status, p.refunded, i.status FROM payments p JOIN invoices i ON i.payment_id = p.id
          WHERE p.id = {}",
        told.payment
    );
    let (status, refunded, dispute, invoice) = told.life.ends;
    assert_eq!(site.database.query(&sql).await, [[status, refunded, invoice]], "{what}");
    let read = site.payment(1, told.payment).await;
    assert_eq!(read["payment"].get("dispute").cloned(), dispute.map(Value::from), "{what}");
    let record = site.record_of(told.payment).await;
    for once in ["completed", "ended"] {
        let count = record.iter().filter(|kind| *kind == once).count();
        assert!(count <= 1, "{what}: {record:?}");
    }
    let ends = record.iter().filter(|kind| ["completed", "ended"].contains(&kind.as_str())).count();
    assert_eq!(ends, 1, "{what}: {record:?}");
}

/// Every order of `0..length`.
fn permutations(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(length - 1).into_iter();
    let with_last = |order: Vec<usize>| {
        (0..length).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, length - 1);
            longer
        })
    };
    shorter.flat_map(with_last).collect()
}
