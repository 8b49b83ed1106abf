//! Refunds: through the API, in the dashboard, and to their end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, error, id, ok};

on_both_storages!(
    whole_and_in_parts,
    too_much,
    what_cannot_be_refunded,
    pending_ones_succeed,
    bouncing_ones_fail,
    cancelled_ones,
    metadata_changes,
    lists,
    in_the_dashboard,
    expansion,
    a_hundred_at_once,
    one_key_in_parallel,
);

const GOOD: &str = "4242424242424242";
const PENDING: &str = "4000000000007726";
const BOUNCING: &str = "4000000000005126";

async fn charge(running: &Running, charge: &Value) -> Value {
    running.get(&format!("/v1/charges/{}", id(charge))).await
}

async fn refund(running: &Running, charge: &Value, amount: &str) -> Value {
    running.made("/v1/refunds", &[("charge", id(charge)), ("amount", amount)]).await
}

async fn whole_and_in_parts(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    assert_eq!((&paid["metadata"], &paid["amount_refunded"]), (&json!({"payment": "uuid-1"}), &json!(0)));
    let params = [
        ("payment_intent", paid["payment_intent"].as_str().unwrap()),
        ("amount", "200000"),
        ("reason", "requested_by_customer"),
        ("metadata[refund]", "uuid-2"),
    ];
    let response =
        running.post("/v1/refunds", &params).header("Idempotency-Key", "key-1").send().await.unwrap();
    let request_id = response.headers()["request-id"].to_str().unwrap().to_owned();
    let first = ok(response).await;
    for (field, value) in [
        ("object", json!("refund")),
        ("amount", json!(200_000)),
        ("currency", json!("php")),
        ("charge", paid["id"].clone()),
        ("payment_intent", paid["payment_intent"].clone()),
        ("reason", json!("requested_by_customer")),
        ("metadata", json!({"refund": "uuid-2"})),
        ("status", json!("succeeded")),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    assert_eq!(running.get(&format!("/v1/refunds/{}", id(&first))).await, first);
    let partly = charge(&running, &paid).await;
    assert_eq!((&partly["amount_refunded"], &partly["refunded"]), (&json!(200_000), &json!(false)));
    let event = running.last_event("charge.refunded").await;
    assert_eq!(event["data"]["object"], partly);
    assert_eq!(event["data"]["previous_attributes"], json!({"amount_refunded": 0}));
    assert_eq!(event["request"], json!({"id": request_id, "idempotency_key": "key-1"}));
    assert_eq!(running.last_event("refund.created").await["data"]["object"], first);

    let second = running.made("/v1/refunds", &[("charge", id(&paid))]).await;
    assert_eq!((&second["amount"], &second["reason"]), (&json!(300_000), &Value::Null));
    let wholly = charge(&running, &paid).await;
    assert_eq!((&wholly["amount_refunded"], &wholly["refunded"]), (&json!(500_000), &json!(true)));
    let previous = &running.last_event("charge.refunded").await["data"]["previous_attributes"];
    assert_eq!(*previous, json!({"amount_refunded": 200_000, "refunded": false}));
    assert_eq!(running.state().await["amount_refunded"], json!({"php": 500_000}));
}

async fn too_much(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    let (status, refused) =
        running.refused("/v1/refunds", &[("charge", id(&paid)), ("amount", "500001")]).await;
    assert_eq!((status, &refused["param"]), (400, &json!("amount")));
    let expected = "Refund amount (₱5,000.01) is greater than unrefunded amount on charge (₱5,000.00)";
    assert_eq!(refused["message"], expected);
    for amount in ["0", "-1", "x", "1.5"] {
        let (status, refused) =
            running.refused("/v1/refunds", &[("charge", id(&paid)), ("amount", amount)]).await;
        assert_eq!((status, &refused["code"]), (400, &json!("parameter_invalid_integer")), "{amount}");
    }
    refund(&running, &paid, "500000").await;
    for params in [&[("charge", id(&paid))][..], &[("charge", id(&paid)), ("amount", "1")]] {
        let (status, refused) = running.refused("/v1/refunds", params).await;
        assert_eq!((status, &refused["code"]), (400, &json!("charge_already_refunded")));
    }
    assert_eq!(running.get("/v1/refunds").await["data"].as_array().unwrap().len(), 1);
}

async fn what_cannot_be_refunded(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let declined = running.pay(&session, r#"{"card":"4000000000000002"}"#).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    let failed = running.get("/v1/charges").await["data"][0].clone();
    let intent = failed["payment_intent"].as_str().unwrap();
    let disputed = running.charged("4000000000000259").await;
    for (params, status, code) in [
        (&[("charge", id(&failed))][..], 400, None),
        (&[("payment_intent", intent)], 400, None),
        (&[("charge", id(&disputed))], 400, Some("charge_disputed")),
        (&[("charge", "ch_nothing")], 404, Some("resource_missing")),
        (&[("payment_intent", "pi_nothing")], 404, Some("resource_missing")),
        (&[("charge", id(&failed)), ("payment_intent", intent)], 400, None),
        (&[("amount", "1")], 400, Some("parameter_missing")),
        (&[("charge", id(&failed)), ("reason", "boredom")], 400, None),
        (&[("charge", id(&failed)), ("colour", "blue")], 400, Some("parameter_unknown")),
    ] {
        let (answered, refused) = running.refused("/v1/refunds", params).await;
        assert_eq!((answered, refused["code"].as_str()), (status, code), "{params:?}: {refused}");
        assert!(refused["request_log_url"].as_str().unwrap().contains("/logs/req_"));
    }
    assert_eq!(running.get("/v1/refunds").await["data"], json!([]));
}

async fn pending_ones_succeed(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(PENDING).await;
    let pending = refund(&running, &paid, "100000").await;
    assert_eq!(pending["status"], "pending");
    assert_eq!(charge(&running, &paid).await["amount_refunded"], 100_000);
    running.advance(59).await;
    assert_eq!(running.get(&format!("/v1/refunds/{}", id(&pending))).await["status"], "pending");
    running.advance(1).await;
    let done = running.get(&format!("/v1/refunds/{}", id(&pending))).await;
    assert_eq!(done["status"], "succeeded");
    for name in ["refund.updated", "charge.refund.updated"] {
        let event = running.last_event(name).await;
        assert_eq!(event["data"]["object"], done, "{name}");
        assert_eq!(event["data"]["previous_attributes"], json!({"status": "pending"}), "{name}");
        assert_eq!(event["request"], json!({"id": null, "idempotency_key": null}), "{name}");
    }
    assert_eq!(charge(&running, &paid).await["amount_refunded"], 100_000);
}

async fn bouncing_ones_fail(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(BOUNCING).await;
    let bouncing = refund(&running, &paid, "500000").await;
    assert_eq!(bouncing["status"], "succeeded");
    assert_eq!(charge(&running, &paid).await["refunded"], true);
    running.advance(60).await;
    let failed = running.get(&format!("/v1/refunds/{}", id(&bouncing))).await;
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]),
        (&json!("failed"), &json!("expired_or_canceled_card"))
    );
    let after = charge(&running, &paid).await;
    assert_eq!((&after["amount_refunded"], &after["refunded"]), (&json!(0), &json!(false)));
    assert_eq!(running.last_event("refund.failed").await["data"]["object"], failed);
    let names = running.events().await;
    assert_eq!(names[names.len() - 3..], ["refund.updated", "charge.refund.updated", "refund.failed"]);
    // The money is there again, and so can be refunded again; this one is made to fail at once.
    let again = refund(&running, &paid, "500000").await;
    let path = format!("refunds/{}/settle", id(&again));
    assert_eq!(running.steer(&path, &json!({"status": "failed"})).await["status"], "failed");
    assert_eq!(
        error(running.steering(&path, &json!({"status": "failed"})).send().await.unwrap()).await.0,
        400
    );
    running.advance(3600).await;
    assert_eq!(running.get("/v1/events?type=refund.failed").await["data"].as_array().unwrap().len(), 2);
    assert_eq!(running.state().await["amount_refunded"], json!({}));
}

async fn cancelled_ones(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(PENDING).await;
    let pending = refund(&running, &paid, "100000").await;
    let path = format!("/v1/refunds/{}/cancel", id(&pending));
    let cancelled = running.made(&path, &[]).await;
    assert_eq!(
        (&cancelled["status"], &cancelled["failure_reason"]),
        (&json!("canceled"), &json!("merchant_request"))
    );
    assert_eq!(charge(&running, &paid).await["amount_refunded"], 0);
    assert_eq!(running.refused(&path, &[]).await.0, 400);
    running.advance(3600).await;
    assert_eq!(running.get(&format!("/v1/refunds/{}", id(&pending))).await["status"], "canceled");
    let done = refund(&running, &running.charged(GOOD).await, "1").await;
    assert_eq!(running.refused(&format!("/v1/refunds/{}/cancel", id(&done)), &[]).await.0, 400);
}

async fn metadata_changes(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    let params = [("charge", id(&paid)), ("metadata[a]", "1"), ("metadata[b]", "2")];
    let made = running.made("/v1/refunds", &params).await;
    let path = format!("/v1/refunds/{}", id(&made));
    let changed = running.made(&path, &[("metadata[b]", ""), ("metadata[c]", "3")]).await;
    assert_eq!(changed["metadata"], json!({"a": "1", "c": "3"}));
    let previous = &running.last_event("refund.updated").await["data"]["previous_attributes"];
    assert_eq!(*previous, json!({"metadata": {"b": "2", "c": null}}));
    let count = running.events().await.len();
    running.made(&path, &[("metadata[c]", "3")]).await;
    assert_eq!(running.events().await.len(), count, "nothing changed");
    assert_eq!(running.made(&path, &[("metadata", "")]).await["metadata"], json!({}));
    assert_eq!(running.refused(&path, &[("amount", "1")]).await.0, 400);
    assert_eq!(running.refused("/v1/refunds/re_nothing", &[]).await.0, 404);
}

async fn lists(storage: Storage) {
    let running = Running::start(storage).await;
    let (one, other) = (running.charged(GOOD).await, running.charged(GOOD).await);
    let mut ids = Vec::new();
    for paid in [&one, &one, &other] {
        ids.push(id(&refund(&running, paid, "100").await).to_owned());
        running.clock.advance(10);
    }
    ids.reverse();
    let found = async |query: &str| -> (Vec<String>, bool) {
        let list = running.get(&format!("/v1/refunds?{query}")).await;
        assert_eq!(list["url"], "/v1/refunds");
        let ids = list["data"].as_array().unwrap().iter().map(|refund| id(refund).to_owned()).collect();
        (ids, list["has_more"].as_bool().unwrap())
    };
    assert_eq!(found("").await, (ids.clone(), false));
    assert_eq!(found(&format!("charge={}", id(&one))).await.0, ids[1..]);
    let intent = other["payment_intent"].as_str().unwrap();
    assert_eq!(found(&format!("payment_intent={intent}")).await.0, ids[..1]);
    assert_eq!(found(&format!("payment_intent={intent}&charge={}", id(&one))).await.0, [""; 0]);
    assert_eq!(found(&format!("limit=1&starting_after={}", ids[0])).await, (ids[1..2].to_vec(), true));
    assert_eq!(found(&format!("limit=1&ending_before={}", ids[2])).await, (ids[1..2].to_vec(), true));
    assert_eq!(found(&format!("created[gte]={}", support::START + 20)).await.0, ids[..1]);
    assert_eq!(found(&format!("created={}", support::START)).await.0, ids[2..]);
    assert_eq!(running.get_error("/v1/refunds?starting_after=re_nothing").await.0, 400);
}

async fn in_the_dashboard(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    let path = format!("charges/{}/refund", id(&paid));
    let made = running.steer(&path, &json!({"amount": 1000})).await;
    assert_eq!((&made["amount"], &made["status"]), (&json!(1000), &json!("succeeded")));
    assert_eq!(running.last_event("charge.refunded").await["request"]["id"], Value::Null);
    assert_eq!(running.steer(&path, &json!({"reason": "duplicate"})).await["amount"], 499_000);
    for (body, status) in [(json!({}), 400), (json!({"reason": "x"}), 400), (json!({"sum": 1}), 400)] {
        assert_eq!(error(running.steering(&path, &body).send().await.unwrap()).await.0, status);
    }
    let missing = running.steering("charges/ch_nothing/refund", &json!({})).send().await.unwrap();
    assert_eq!(error(missing).await.0, 404);
}

async fn expansion(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    let params =
        [("charge", id(&paid)), ("expand[]", "charge"), ("expand[1]", "payment_intent.latest_charge")];
    let made = running.made("/v1/refunds", &params).await;
    assert_eq!(made["charge"]["amount_refunded"], 500_000);
    assert_eq!(made["payment_intent"]["latest_charge"]["id"], paid["id"]);
    let listed = running.get("/v1/refunds?expand[]=data.charge.refunds").await;
    assert_eq!(listed["data"][0]["charge"]["refunds"]["data"][0]["id"], made["id"]);
    let shown = running.get(&format!("/v1/charges/{}?expand[]=refunds", id(&paid))).await;
    assert_eq!(shown["refunds"]["data"][0]["id"], made["id"]);
    assert!(charge(&running, &paid).await.get("refunds").is_none());
    // What fails after the work leaves no trace of it, under a key as well.
    let other = running.charged(GOOD).await;
    let params = [("charge", id(&other)), ("expand[]", "colour")];
    let refused =
        running.post("/v1/refunds", &params).header("Idempotency-Key", "key-1").send().await.unwrap();
    assert_eq!(error(refused).await.0, 400);
    assert_eq!(charge(&running, &other).await["amount_refunded"], 0);
}

/// Sixty per cent of a charge a hundred times: once.
async fn a_hundred_at_once(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    let params = [("charge", id(&paid)), ("amount", "300000")];
    let requests = (0..100).map(|number| {
        running.post("/v1/refunds", &params).header("Idempotency-Key", format!("key-{number}")).send()
    });
    let answers = futures_util::future::join_all(requests).await;
    let statuses: Vec<u16> =
        answers.iter().map(|answer| answer.as_ref().unwrap().status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 99);
    assert_eq!(charge(&running, &paid).await["amount_refunded"], 300_000);
}

async fn one_key_in_parallel(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.charged(GOOD).await;
    let params = [("charge", id(&paid)), ("amount", "1000")];
    let requests =
        (0..20).map(|_| running.post("/v1/refunds", &params).header("Idempotency-Key", "key-1").send());
    for answer in futures_util::future::join_all(requests).await {
        assert!(matches!(answer.unwrap().status().as_u16(), 200 | 409));
    }
    assert_eq!(running.get("/v1/refunds").await["data"].as_array().unwrap().len(), 1);
}
