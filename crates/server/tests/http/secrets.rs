//! No log line, metric or error ever holds a token, a secret or a card number (contract, part 7).

use crate::support::tokens::{golden, stripe_signature, with_claims};
use crate::support::{Backend, JWT_SECRET, Site, WEBHOOK_SECRET, body, client};

const CARDS: [&str; 3] = ["4242424242424242", "4000000000000002", "4000002760003184"];

/// Everything that a token, a secret or a card number passes through, on the real client against a
/// service that keeps its state in both servers.
#[tokio::test]
async fn nothing_secret_is_logged_counted_or_answered() {
    let site = Site::with(Backend::PostgresRedis, &[("SEKALI_LOG", "trace")]).await;
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

    let errors = provoke(&site, &mut secrets).await;
    let metrics = site.get("/metrics").send().await.text().to_owned();
    let logs = site.logs.text();
    assert!(logs.contains("Payment: New payment created") && logs.contains("Webhook rejected"));
    for secret in &secrets {
        assert!(!logs.contains(secret.as_str()), "logged: {}", around(&logs, secret));
        assert!(!metrics.contains(secret.as_str()), "in a metric: {secret}");
        assert!(!errors.contains(secret.as_str()), "in an error: {secret}");
    }
}

/// Mistakes with secrets in them; all answers as one text.
async fn provoke(site: &Site, secrets: &mut Vec<String>) -> String {
    let bad_token = with_claims(r#"{"sub":"nobody","exp":1705318200}"#);
    let card_as_amount = body(5, &format!("\"{}\"", CARDS[0]));
    let card_as_method = body(5, "5000").replace("stripe", CARDS[1]);
    let not_json = format!("{{\"cardNumber\":\"{}\"", CARDS[2]);
    let signature = stripe_signature("whsec_other", golden(), "{}");
    let press = || site.pay(1).header("X-Idempotency-Key", "m");
    let requests: [client::Request; 8] = [
        site.get("/api/v1/payments").bearer(&bad_token),
        site.get("/api/v1/payments").header("Authorization", &format!("Basic {bad_token}")),
        press().json(card_as_amount),
        press().json(card_as_method),
        press().json(not_json),
        site.post("/webhooks/stripe").header("Stripe-Signature", &signature).json("{}"),
        site.get("/payment/1/process?token=guessed-capability"),
        site.get(&format!("/api/v1/payments?cursor={bad_token}")).bearer(&site.patient(1)),
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

fn around(text: &str, secret: &str) -> String {
    text.lines().find(|line| line.contains(secret)).unwrap_or_default().to_owned()
}
