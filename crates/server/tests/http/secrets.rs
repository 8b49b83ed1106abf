//! No log line, metric or error ever holds a token, a secret or a card number (contract, part 7).

use crate::routes::ROUTES;
use crate::support::receiver::{HOST_SECRET, Receiver};
use crate::support::tokens::{golden, stripe_signature, with_claims};
use crate::support::{Backend, JWT_SECRET, Site, WEBHOOK_SECRET, body, client, eventually};
use serde_json::json;

const CARDS: [&str; 4] = ["4242424242424242", "4000000000000002", "4000002760003184", "4000000000005126"];

/// Everything that a token, a secret or a card number passes through, on the real client against a
/// service that keeps its state in both servers.
#[tokio::test]
async fn nothing_secret_is_logged_counted_or_answered() {
    let host = Receiver::start().await;
    let url = host.url();
    let more = [
        ("SEKALI_LOG", "trace"),
        ("SEKALI_HOST_WEBHOOK_URL", url.as_str()),
        ("SEKALI_HOST_WEBHOOK_SECRET", HOST_SECRET),
        ("SEKALI_RECONCILE_INTERVAL", "1"),
    ];
    let site = Site::with(Backend::PostgresRedis, &more).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let way = first.json()["data"]["checkout_url"].as_str().unwrap().to_owned();
    let stripe = site.process(&way).await;
    for card in CARDS {
        site.pay_with_card(&stripe, card).await;
    }
    site.pay_with_card(&stripe, "4242 4242 4242 4241").await;
    site.pay_with_card(&stripe, CARDS[0]).await;
    site.until_status(payment, "completed").await;
    let mut secrets: Vec<String> =
        [JWT_SECRET, WEBHOOK_SECRET, "sk_test_sekali", "4242 4242 4242 4241"].map(str::to_owned).to_vec();
    secrets.extend(CARDS.map(str::to_owned));
    secrets.extend([site.patient(1), site.service(), way.split_once("token=").unwrap().1.to_owned()]);

    secrets.extend([site.admin(), HOST_SECRET.to_owned(), HOST_SECRET.replace("whsec_", "")]);
    // The host's address may hold a token of its own.
    secrets.push(url.split_once('?').unwrap().1.to_owned());
    secrets.extend(later_life(&site, &host, payment, &way).await);

    let mut errors = provoke(&site, &mut secrets).await;
    errors.push_str(&every_route(&site, payment).await);
    let metrics = site.get("/metrics").send().await.text().to_owned();
    let logs = site.logs.text();
    assert!(logs.contains("Payment: New payment created") && logs.contains("Webhook rejected"));
    for secret in &secrets {
        assert!(!logs.contains(secret.as_str()), "logged: {}", around(&logs, secret));
        assert!(!metrics.contains(secret.as_str()), "in a metric: {secret}");
        assert!(!errors.contains(secret.as_str()), "in an error: {secret}");
    }
}

/// What follows on a payment that is paid, by every endpoint there is; the secrets that this brings up.
async fn later_life(site: &Site, host: &Receiver, payment: i64, way: &str) -> Vec<String> {
    let cookie = format!("sekali_payment_{payment}={}", way.split_once("token=").unwrap().1);
    let page = site.get(&format!("/payment/{payment}/callback")).header("Cookie", &cookie).send().await;
    let link = page.text().split("href=\"").find(|part| part.contains("/invoice?token=")).unwrap();
    let link = link.split_once('"').unwrap().0;
    assert_eq!(site.get(link).send().await.status, 200);
    assert_eq!(site.refund(payment, "part", &json!({ "amount": 1000 })).send().await.status, 201);
    assert_eq!(site.refund(payment, "too much", &json!({ "amount": 5000 })).send().await.status, 422);
    for rest in ["timeline", "invoice", "invoice.pdf", "refunds"] {
        let path = format!("/api/v1/payments/{payment}/{rest}");
        assert_eq!(site.get(&path).bearer(&site.admin()).send().await.status, 200);
    }
    let cancel = format!("/api/v1/payments/{payment}/cancel");
    assert_eq!(site.post(&cancel).bearer(&site.patient(1)).send().await.status, 409);
    assert_eq!(site.get("/api/v1/cases").bearer(&site.admin()).send().await.status, 200);
    // The host does not take the next message.
    host.answers(500);
    site.pesos(6, 1).await;
    let bouncing = site.opened(1, 6, "bouncing").await;
    site.pay_with_card(&bouncing.page, CARDS[3]).await;
    site.until_status(bouncing.payment, "completed").await;
    assert_eq!(site.refund(bouncing.payment, "all", &json!({})).send().await.status, 201);
    site.at_stripe("clock", json!({ "advance": 60 })).await;
    eventually("the refund is back", async || {
        site.record_of(bouncing.payment).await.iter().any(|kind| kind == "refund_failed")
    })
    .await;
    eventually("the host has refused", async || site.logs.has("Outbox: The host has not taken a message"))
        .await;
    let token = |address: &str| address.split_once("token=").unwrap().1.to_owned();
    vec![token(link), token(&bouncing.way)]
}

/// Mistakes with secrets in them; all answers as one text.
async fn provoke(site: &Site, secrets: &mut Vec<String>) -> String {
    let bad_token = with_claims(r#"{"sub":"nobody","exp":1705318200}"#);
    let card_as_amount = body(5, &format!("\"{}\"", CARDS[0]));
    let card_as_method = body(5, "5000").replace("stripe", CARDS[1]);
    let not_json = format!("{{\"cardNumber\":\"{}\"", CARDS[2]);
    let signature = stripe_signature("whsec_other", golden(), "{}");
    let press = || site.pay(1).header("X-Idempotency-Key", "m");
    let requests: [client::Request; 12] = [
        site.get("/api/v1/payments").bearer(&bad_token),
        site.get("/api/v1/payments").header("Authorization", &format!("Basic {bad_token}")),
        press().json(card_as_amount),
        press().json(card_as_method),
        press().json(not_json),
        site.post("/webhooks/stripe").header("Stripe-Signature", &signature).json("{}"),
        site.get("/payment/1/process?token=guessed-capability"),
        site.get(&format!("/api/v1/payments?cursor={bad_token}")).bearer(&site.patient(1)),
        site.get("/payment/1/invoice?token=guessed-capability"),
        site.get(&format!("/api/v1/payments/1/timeline?after={bad_token}")).bearer(&site.admin()),
        site.refund(1, "card", &json!({ "amount": CARDS[0] })),
        site.refund(1, "card", &json!({ CARDS[1]: CARDS[2] })),
    ];
    secrets.extend([bad_token, signature, "guessed-capability".to_owned()]);
    let mut all = String::new();
    for request in requests {
        let answer = request.send().await;
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        all.push_str(answer.text());
    }
    all
}

/// Every route there is, with a token that opens it and one that does not; all answers that are errors.
async fn every_route(site: &Site, payment: i64) -> String {
    let mut errors = String::new();
    for (method, path, _) in ROUTES {
        let path = path.replace("{id}", &payment.to_string()).replace("{name}", "none");
        for token in [site.admin(), site.service(), site.patient(1), format!("{}x", site.admin())] {
            let request =
                site.request(method, &path).bearer(&token).header("Cookie", &format!("token={token}"));
            let answer = request.json(format!("{{\"{token}\":1}}")).send().await;
            if answer.status >= 400 {
                errors.push_str(&String::from_utf8_lossy(&answer.body));
            }
        }
    }
    errors
}

fn around(text: &str, secret: &str) -> String {
    text.lines().find(|line| line.contains(secret)).unwrap_or_default().to_owned()
}
