//! `GET /api/v1/payments/<id>/timeline`: the story of one payment, in words.

use crate::on_every_backend;
use crate::support::stripe::{DECLINED, GOOD};
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};
use std::time::Duration;

on_every_backend!(the_whole_story,);

async fn timeline(site: &Site, token: &str, payment: i64, language: &str) -> Value {
    let path = format!("/api/v1/payments/{payment}/timeline");
    let answer = site.get(&path).bearer(token).header("Accept-Language", language).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

/// Time and words of each moment.
/// A Redis that is slow for a moment, as on a busy machine, is left out: then the database has answered.
fn told(timeline: &Value) -> Vec<String> {
    let moments = timeline["data"].as_array().unwrap().iter();
    let line =
        |moment: &Value| format!("{} {}", moment["time"].as_str().unwrap(), moment["text"].as_str().unwrap());
    moments.map(line).collect()
}

async fn recorded(site: &Site, payment: i64, kind: &str) {
    eventually(&format!("{kind} is recorded"), async || {
        site.record_of(payment).await.iter().any(|known| known == kind)
    })
    .await;
}

/// Pressed, pressed again, taken to Stripe, declined, paid, refunded; a payment's number.
async fn live_it(site: &Site) -> i64 {
    let tick = || site.clock.advance(Duration::from_secs(1));
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    site.clock.advance(Duration::from_secs(2));
    site.press(1, 5, "k").await.duplicate_of(payment, "pending");
    recorded(site, payment, "duplicate").await;
    tick();
    let page = site.process(&crate::support::stripe::way(&first)).await;
    let pay = format!("sessions/{}/pay", page.rsplit('/').next().unwrap());
    tick();
    assert_eq!(site.try_at_stripe(&pay, json!({ "card": DECLINED })).await.status, 402);
    recorded(site, payment, "card_declined").await;
    tick();
    site.at_stripe(&pay, json!({ "card": GOOD })).await;
    site.until_status(payment, "completed").await;
    tick();
    assert_eq!(site.refund(payment, "r", &json!({ "amount": 1000 })).send().await.status, 201);
    payment
}

const ENGLISH: [&str; 8] = [
    "10:30:00 The pay button was pressed; one payment of PHP 5.000,00 was made, with its invoice.",
    "10:30:02 The button was pressed again; answered from the cache; no second payment.",
    "10:30:03 The patient was taken on to Stripe's payment page.",
    "10:30:03 Stripe's payment page is open.",
    "10:30:04 A card was declined (generic_decline); nothing was charged, and the patient can try again on the \
     same page.",
    "10:30:05 PHP 5.000,00 received; the payment is complete.",
    "10:30:06 An operator asked for a refund of PHP 1.000,00.",
    "10:30:06 PHP 1.000,00 was refunded; PHP 1.000,00 is back in all.",
];

const INDONESIAN: [&str; 8] = [
    "10:30:00 Tombol BAYAR ditekan; satu pembayaran PHP 5.000,00 dibuat beserta fakturnya.",
    "10:30:02 Tombol ditekan lagi; dijawab dari cache; tidak ada pembayaran kedua.",
    "10:30:03 Pasien diteruskan ke halaman pembayaran Stripe.",
    "10:30:03 Halaman pembayaran Stripe terbuka.",
    "10:30:04 Kartu ditolak (generic_decline); belum ada yang ditagih, pasien dapat mencoba lagi di halaman yang \
     sama.",
    "10:30:05 PHP 5.000,00 diterima; pembayaran selesai.",
    "10:30:06 Petugas meminta pengembalian PHP 1.000,00.",
    "10:30:06 PHP 1.000,00 dikembalikan; seluruhnya sudah kembali PHP 1.000,00.",
];

const KINDS: [&str; 8] = [
    "created",
    "duplicate",
    "checkout_intended",
    "session_opened",
    "card_declined",
    "completed",
    "refund_requested",
    "refund_succeeded",
];

async fn the_whole_story(backend: Backend) {
    let site = Site::on(backend).await;
    let payment = live_it(&site).await;
    let english = timeline(&site, &site.patient(1), payment, "en-GB,en;q=0.9").await;
    assert_eq!(told(&english), ENGLISH);
    if !backend.has_redis() {
        assert_eq!(english["data"][1]["text"], ENGLISH[1][9..]);
    }
    assert_eq!(told(&timeline(&site, &site.patient(1), payment, "id").await), INDONESIAN);
    assert_eq!((&english["payment_id"], &english["zone"]), (&json!(payment), &json!("UTC")));
    assert_eq!(english["next_after"], Value::Null);
    let moments = english["data"].as_array().unwrap();
    for (moment, (sequence, kind)) in moments.iter().zip((1..).zip(KINDS)) {
        assert_eq!((&moment["sequence"], &moment["kind"]), (&json!(sequence), &json!(kind)));
        assert!(moment["at"].as_str().unwrap().ends_with(".000000Z"), "{moment}");
        assert_eq!((moment.get("entry"), moment.get("hash")), (None, None), "the patient reads the words");
    }
    who_did_it(&site, payment).await;
}

/// Roles `service` and `admin` see the entries themselves: who, which request, Stripe's ids.
async fn who_did_it(site: &Site, payment: i64) {
    for token in [site.service(), site.admin()] {
        let whole = timeline(site, &token, payment, "en").await;
        assert_eq!(told(&whole), ENGLISH);
        let moments = whole["data"].as_array().unwrap();
        for moment in moments {
            let hash = moment["hash"].as_str().unwrap();
            assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{moment}");
            assert_eq!(moment["entry"]["kind"], moment["kind"]);
        }
        let origin = |at: usize| moments[at]["entry"]["origin"].clone();
        assert_eq!((&origin(0)["by"], &origin(0)["user"]), (&json!("patient"), &json!(1)));
        assert!(origin(0)["request_id"].is_string(), "{}", origin(0));
        assert_eq!(moments[0]["entry"]["key_hash"], moments[1]["entry"]["key_hash"], "the same key again");
        assert_eq!(origin(5)["by"], "webhook");
        assert!(origin(5)["event"].as_str().unwrap().starts_with("evt_"));
        assert!(moments[5]["entry"]["payment_intent"].as_str().unwrap().starts_with("pi_"));
        assert_eq!((&origin(6)["by"], &origin(6)["user"]), (&json!("admin"), &json!(9001)));
        let text = whole.to_string();
        assert!(!text.contains("\"k\"") && !text.contains("token="), "keys are hashed: {text}");
    }
}

#[tokio::test]
async fn many_presses_within_a_second_are_one_moment() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "0")]).await;
    site.pesos(5, 1).await;
    let (payment, _) = site.paid_for(1, 5, "k").await;
    for _ in 0..9 {
        site.press(1, 5, "k").await.duplicate_of(payment, "pending");
    }
    let times = async || {
        let whole = timeline(&site, &site.admin(), payment, "en").await;
        let moments = whole["data"].as_array().unwrap()[1..].to_vec();
        (moments.len(), moments.iter().map(|moment| moment["entry"]["times"].as_u64().unwrap()).sum::<u64>())
    };
    eventually("all nine are in the record", async || times().await.1 == 9).await;
    assert!(times().await.0 <= 3, "at most one moment a second: {:?}", times().await);
}

#[tokio::test]
async fn page_by_page() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (payment, _) = site.paid_for(1, 5, "k").await;
    let more = format!(
        "INSERT INTO payment_events (payment_id, seq, at_micros, kind, data, prev_hash, hash)
         WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1001)
         SELECT {payment}, n, 1705314600000000 + n, 'of_next_year', '{{}}', format('%064d', 0), format('%064d', 0) FROM numbers"
    );
    site.database.execute(&more).await.unwrap();
    let page = async |query: &str| {
        let path = format!("/api/v1/payments/{payment}/timeline{query}");
        let answer = site.get(&path).bearer(&site.patient(1)).header("Accept-Language", "en").send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let numbers = |page: &Value| -> Vec<i64> {
        page["data"].as_array().unwrap().iter().map(|moment| moment["sequence"].as_i64().unwrap()).collect()
    };
    let first = page("").await;
    assert_eq!((numbers(&first), &first["next_after"]), ((1..=500).collect(), &json!(500)));
    assert_eq!(
        first["data"][1]["text"], "Recorded: of_next_year.",
        "what this version does not know is named"
    );
    let second = page("?after=500").await;
    assert_eq!((numbers(&second), &second["next_after"]), ((501..=1000).collect(), &json!(1000)));
    let third = page("?after=1000").await;
    assert_eq!((numbers(&third), &third["next_after"]), (vec![1001], &Value::Null));
    assert_eq!(numbers(&page("?after=501").await).len(), 500, "exactly full, and the last one");
    assert_eq!(page("?after=501").await["next_after"], Value::Null);
    assert_eq!(numbers(&page("?after=5000").await), [0; 0]);

    for query in ["?after=x", "?after=-1", "?after=", "?after=99999999999999999999", "?after=1&after=2"] {
        let path = format!("/api/v1/payments/{payment}/timeline{query}");
        let answer = site.get(&path).bearer(&site.patient(1)).send().await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        answer.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn cancelled_by_the_patient_and_by_an_operator() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    for (key, token, words) in [
        ("a", site.patient(1), "The patient asked to cancel; the payment page at Stripe is closed first."),
        ("b", site.admin(), "An operator asked to cancel; the payment page at Stripe is closed first."),
    ] {
        let opened = site.opened(1, 5, key).await;
        let path = format!("/api/v1/payments/{}/cancel", opened.payment);
        assert_eq!(site.post(&path).bearer(&token).send().await.status, 200);
        let story = told(&timeline(&site, &token, opened.payment, "en").await);
        assert_eq!(&story[3][9..], words);
        let end =
            "The payment was cancelled; nothing was charged (cancelled). The consultation can be paid again.";
        assert_eq!(&story[4][9..], end);
    }
}
