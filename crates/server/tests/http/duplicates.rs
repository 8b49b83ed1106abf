//! What a second press gets, under both contracts and on every backend (contract, part 3; design,
//! part 2).

use crate::on_every_backend;
use crate::support::client::{Answer, Request};
use crate::support::{Backend, Site, body, client, eventually};
use serde_json::Value;

on_every_backend!(
    a_replay_is_the_first_answer_again,
    one_in_flight_is_refused_or_awaited,
    a_new_key_while_a_payment_is_active,
    one_name_space_of_keys,
    a_key_that_comes_back_with_another_body,
    a_key_belongs_to_its_user,
    a_key_that_lost_stores_nothing,
    an_active_payment_of_somebody_elses,
    the_409_tells_the_current_status,
    a_spent_key_and_a_new_one,
);

fn standard(site: &Site, user: i64, consultation: i64, key: &str) -> Request {
    site.pay(user).header("Idempotency-Key", key).json(body(consultation, "5000.00"))
}

fn assert_replays(replay: &Answer, first: &Answer) {
    assert_eq!(replay.status, 201, "{}", replay.text());
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    assert_eq!(replay.json(), first.json());
}

async fn a_replay_is_the_first_answer_again(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let first = standard(&site, 1, 5, "\"k\"").send().await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotent-replayed"), None);
    // From the cache, in the bare form; then from the database.
    assert_replays(&standard(&site, 1, 5, "k").send().await, &first);
    site.forget_cached(1, "k").await;
    assert_replays(&standard(&site, 1, 5, "\"k\"").send().await, &first);

    // Paid meanwhile: still the first answer, only without a way to pay what is paid.
    let way = first.json()["data"]["checkout_url"].as_str().unwrap().to_owned();
    let stripe = site.process(&way).await;
    site.pay_with_card(&stripe, "4242424242424242").await;
    let payment = first.json()["data"]["payment_id"].as_i64().unwrap();
    site.until_status(payment, "completed").await;
    let mut expected = first.json();
    expected["data"].as_object_mut().unwrap().remove("checkout_url");
    let replay = standard(&site, 1, 5, "k").send().await;
    assert_eq!((replay.status, replay.json()), (201, expected.clone()));
    site.forget_cached(1, "k").await;
    let replay = standard(&site, 1, 5, "k").send().await;
    assert_eq!((replay.status, replay.json()), (201, expected), "from the database, which has moved on");
}

async fn one_in_flight_is_refused_or_awaited(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let hold = site.database.hold(5).await;
    let first = tokio::spawn(standard(&site, 1, 5, "k").send());
    eventually("the first one holds the lock", async || site.logs.has("Lock acquired")).await;

    let twin = standard(&site, 1, 5, "k").send().await;
    twin.problem(409, "in-flight");
    assert!(twin.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(site.count("payments").await, 0);

    // The original's contract has no such answer: its duplicate waits, and says what was made.
    let press = site.pay(1).header("X-Idempotency-Key", "k").json(body(5, "5000.00"));
    let waiting = tokio::spawn(press.send());
    eventually("the other one has asked", async || {
        site.logs.lines().iter().filter(|line| line["message"] == "Payment: Processing payment").count() == 3
    })
    .await;
    hold.release().await;
    let first = first.await.unwrap();
    assert_eq!(first.status, 201, "{}", first.text());
    let payment = first.json()["data"]["payment_id"].as_i64().unwrap();
    waiting.await.unwrap().duplicate_of(payment, "pending");
    assert_replays(&standard(&site, 1, 5, "k").send().await, &first);
    assert_eq!(site.count("payments").await, 1);
    let metrics = site.get("/metrics").send().await;
    for series in ["sekali_lock_waits_total ", "sekali_duplicates_total{caught=\"lock\"} "] {
        assert!(metrics.text().contains(series), "{series}");
    }
}

async fn a_new_key_while_a_payment_is_active(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "first").await;
    let way = first.json()["data"]["checkout_url"].clone();
    for other in [site.press(1, 5, "second").await, standard(&site, 1, 5, "third").send().await] {
        let data = other.duplicate_of(payment, "pending");
        assert_eq!(data["checkout_url"], way);
        assert_eq!(other.header("idempotent-replayed"), None);
        assert!(other.header("set-cookie").is_some(), "this browser, too, may go on");
    }
    assert_eq!(site.count("payments").await, 1);
    assert_eq!(site.count("invoices").await, 1);
    assert_eq!(site.count("tax_records").await, 2);
}

async fn one_name_space_of_keys(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    site.pesos(6, 1).await;
    let (_, first) = site.paid_for(1, 5, "k").await;
    assert_replays(&standard(&site, 1, 5, "k").send().await, &first);
    let other = standard(&site, 1, 6, "l").send().await;
    assert_eq!(other.status, 201);
    site.press(1, 6, "l").await.duplicate_of(other.json()["data"]["payment_id"].as_i64().unwrap(), "pending");
    standard(&site, 1, 6, "k").send().await.problem(422, "key-reused");
}

async fn a_key_that_comes_back_with_another_body(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    site.pesos(6, 1).await;
    let (payment, _) = site.paid_for(1, 5, "k").await;
    for cached in [true, false] {
        if !cached {
            site.forget_cached(1, "k").await;
        }
        for (consultation, amount) in [(6, "5000.00"), (5, "5000.01"), (5, "1")] {
            let request = site.pay(1).header("X-Idempotency-Key", "k").json(body(consultation, amount));
            let problem = request.send().await.problem(422, "key-reused");
            assert_eq!(
                problem["errors"].as_object().unwrap().keys().collect::<Vec<_>>(),
                ["idempotency_key"]
            );
        }
    }
    assert_eq!(site.count("payments").await, 1);
    assert_eq!(site.count("idempotency_keys").await, 1);
    // The same amount in other words is the same body.
    for amount in ["5000", "5e3", "\"5000\"", "\"5000.00\"", "5000.000"] {
        let request = site.pay(1).header("X-Idempotency-Key", "k").json(body(5, amount));
        request.send().await.duplicate_of(payment, "pending");
    }
}

async fn a_key_belongs_to_its_user(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    site.pesos(6, 2).await;
    let (one, _) = site.paid_for(1, 5, "k").await;
    let (two, answer) = site.paid_for(2, 6, "k").await;
    assert_ne!(one, two);
    assert_eq!(answer.json()["data"]["payment"]["user_id"], 2);
    site.press(1, 5, "k").await.duplicate_of(one, "pending");
    site.press(2, 6, "k").await.duplicate_of(two, "pending");
    // Another's consultation under another's key: nothing of either is shown.
    let stranger = site.press(2, 5, "k2").await;
    stranger.problem(403, "forbidden");
}

async fn a_key_that_lost_stores_nothing(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    site.pesos(6, 1).await;
    let (payment, _) = site.paid_for(1, 5, "winner").await;
    site.press(1, 5, "loser").await.duplicate_of(payment, "pending");
    assert_eq!(site.count("idempotency_keys").await, 1);
    // So it is free for another wish. Nor do refusals occupy a key.
    site.pay(1)
        .header("X-Idempotency-Key", "loser")
        .json(body(6, "1"))
        .send()
        .await
        .failed_fields(&["amount"]);
    site.press(1, 404, "loser").await.problem(404, "consultation-not-found");
    site.paid_for(1, 6, "loser").await;
}

/// The host has given the consultation to another patient while it was being paid: nothing of the
/// first one's payment is shown, and there is no second one.
async fn an_active_payment_of_somebody_elses(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    site.paid_for(1, 5, "k").await;
    site.database.execute("UPDATE konsultasis SET patient_id = 2 WHERE id = 5").await.unwrap();
    let answer = site.press(2, 5, "l").await;
    let problem = answer.problem(409, "being-paid");
    assert_eq!(problem.get("data"), None);
    assert_eq!(answer.header("set-cookie"), None);
    assert!(!answer.text().contains("checkout"), "{}", answer.text());
    assert_eq!(site.count("payments").await, 1);
}

async fn the_409_tells_the_current_status(backend: Backend) {
    let site = Site::with(backend, &[("SEKALI_RATE_LIMIT", "0")]).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let way = first.json()["data"]["checkout_url"].as_str().unwrap().to_owned();
    let stripe = site.process(&way).await;
    let data = site.press(1, 5, "k").await.duplicate_of(payment, "processing");
    assert_eq!(data["checkout_url"], way.as_str());
    site.pay_with_card(&stripe, "4242424242424242").await;
    site.until_status(payment, "completed").await;
    eventually("the 409 says so", async || {
        site.press(1, 5, "k").await.json()["data"]["status"] == "completed"
    })
    .await;
    for key in ["k", "another"] {
        let answer = site.press(1, 5, key).await;
        let data = answer.duplicate_of(payment, "completed");
        assert_eq!(data.get("checkout_url"), None);
        assert_eq!(answer.header("set-cookie"), None);
    }
}

async fn a_spent_key_and_a_new_one(backend: Backend) {
    let site = Site::with(backend, &[("SEKALI_RATE_LIMIT", "0")]).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let way = first.json()["data"]["checkout_url"].as_str().unwrap().to_owned();
    let stripe = site.process(&way).await;
    expire(&site, &stripe).await;
    site.until_status(payment, "expired").await;

    eventually("the 409 says so", async || site.press(1, 5, "k").await.json()["data"]["status"] == "expired")
        .await;
    let data = site.press(1, 5, "k").await.duplicate_of(payment, "expired");
    assert_eq!(data.get("checkout_url"), None);
    site.forget_cached(1, "k").await;
    let data = site.press(1, 5, "k").await.duplicate_of(payment, "expired");
    assert_eq!(data.get("checkout_url"), None, "from the database as well");
    let read = site.payment(1, payment).await;
    assert_eq!((&read["invoice"]["status"], read.get("checkout_url")), (&Value::from("void"), None));

    let (next, _) = site.paid_for(1, 5, "fresh").await;
    assert_ne!(next, payment);
    site.press(1, 5, "k").await.duplicate_of(payment, "expired");
    assert_eq!(site.count("payments").await, 2);
}

/// Ends the session behind Stripe's page, as the account's owner can.
async fn expire(site: &Site, stripe_page: &str) {
    let session = client::split(stripe_page).1.rsplit('/').next().unwrap().to_owned();
    let path = format!("/stripe-simulator/v1/checkout/sessions/{session}/expire");
    let answer = site.post(&path).bearer("sk_test_owner").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
