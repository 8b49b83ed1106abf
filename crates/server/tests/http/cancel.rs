//! `POST /api/v1/payments/<id>/cancel`: given up, certainly dead, and payable again.

use crate::on_every_backend;
use crate::support::client::Answer;
use crate::support::stripe::{GOOD, visit, without_webhooks};
use crate::support::{Backend, Site};
use serde_json::{Value, json};

on_every_backend!(before_stripe, at_stripes_page,);

async fn cancel(site: &Site, token: &str, payment: i64) -> Answer {
    site.post(&format!("/api/v1/payments/{payment}/cancel")).bearer(token).send().await
}

/// It is cancelled, by an answer with this status; the member `data`.
#[track_caller]
fn cancelled(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["message"], "Pembayaran dibatalkan");
    let data = body["data"].clone();
    assert_eq!(data["payment"]["status"], "cancelled");
    assert_eq!(data["payment"].get("cancel_requested"), None);
    assert_eq!(data["invoice"]["status"], "void");
    assert_eq!(data.get("checkout_url"), None);
    data
}

async fn before_stripe(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let url = crate::support::stripe::way(&first);
    let data = cancelled(&cancel(&site, &site.patient(1), payment).await);
    assert_eq!(cancelled(&cancel(&site, &site.patient(1), payment).await), data, "asked again: the same");
    assert_eq!(site.record_of(payment).await, ["created", "ended"]);

    // The key is spent, and the old address leads nowhere but to the news of it.
    let duplicate = site.press(1, 5, "k").await.duplicate_of(payment, "cancelled");
    assert_eq!(duplicate.get("checkout_url"), None);
    let old = visit(&url).await;
    assert_eq!(old.header("location"), Some(format!("/payment/{payment}/callback").as_str()));
    assert_eq!(site.count("checkout_sessions").await, 0);
    let (next, _) = site.paid_for(1, 5, "fresh").await;
    assert_ne!(next, payment);
    cancelled(&cancel(&site, &site.admin(), next).await);
}

async fn at_stripes_page(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let old = site.opened(1, 5, "k").await;
    cancelled(&cancel(&site, &site.patient(1), old.payment).await);
    assert_eq!(site.record_of(old.payment).await[3..], ["cancel_requested", "ended"]);

    // Stripe says so as well, and takes no card there any more.
    let session = site.ask_stripe(&format!("checkout/sessions/{}", old.session)).await;
    assert_eq!(session["status"], "expired");
    let paid = site.try_at_stripe(&format!("sessions/{}/pay", old.session), json!({ "card": GOOD })).await;
    assert_eq!(paid.status, 400, "{}", paid.text());
    assert_ne!(site.pay_with_card(&old.page, GOOD).await.status, 303);

    // Another payment, by a new key, through a session of its own.
    site.press(1, 5, "k").await.duplicate_of(old.payment, "cancelled");
    let new = site.opened(1, 5, "fresh").await;
    assert_ne!((new.payment, &new.session), (old.payment, &old.session));
    site.at_stripe(&format!("sessions/{}/pay", new.session), json!({ "card": GOOD })).await;
    site.until_status(new.payment, "completed").await;
    assert_eq!(site.payment(1, old.payment).await["payment"]["status"], "cancelled");
    assert_eq!(site.count("captures").await, 1);
}

/// Refused in both languages; what it says of the payment.
async fn refused(site: &Site, payment: i64) -> (String, String) {
    let path = format!("/api/v1/payments/{payment}/cancel");
    let ask = || site.post(&path).bearer(&site.patient(1));
    let indonesian = ask().send().await.problem(409, "not-cancellable");
    let english = ask().header("Accept-Language", "en").send().await.problem(409, "not-cancellable");
    assert_eq!(english["title"], "This payment can no longer be cancelled");
    let text = |body: &Value| body["message"].as_str().unwrap().to_owned();
    (text(&indonesian), text(&english))
}

#[tokio::test]
async fn what_is_paid_stays_paid() {
    let site = Site::new().await;
    let paid = site.completed(1, 5, GOOD).await;
    let told = refused(&site, paid.payment).await;
    assert_eq!(told, ("Pembayaran ini sudah dibayar.".into(), "This payment has been paid.".into()));
    assert_eq!(site.payment(1, paid.payment).await["payment"]["status"], "completed");
    let refunded = site.refund(paid.payment, "r", &json!({})).send().await;
    assert_eq!(refunded.status, 201, "{}", refunded.text());
    let (_, over) = refused(&site, paid.payment).await;
    assert_eq!(over, "This payment is over already (refunded).");
}

/// Paid a moment before, and no webhook has told of it: Stripe's word wins over the wish.
#[tokio::test]
async fn who_has_paid_already_is_told_so() {
    let (site, stripe) = without_webhooks(Backend::SqliteMemory, &[]).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    stripe.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
    let (_, told) = refused(&site, opened.payment).await;
    assert_eq!(told, "This payment has been paid.");
    let read = site.payment(1, opened.payment).await;
    assert_eq!(
        (&read["payment"]["status"], &read["invoice"]["status"]),
        (&json!("completed"), &json!("paid"))
    );
}

/// Without Stripe's word it is not dead: 202, shown, and not payable again until it is.
#[tokio::test]
async fn while_stripe_does_not_answer_it_is_only_asked_for() {
    let more = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let (site, stripe) = without_webhooks(Backend::SqliteMemory, &more).await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    let down = json!({ "kind": "server_error", "path": "/v1/checkout/sessions" });
    let fault = stripe.at_stripe("faults", down).await["id"].as_str().unwrap().to_owned();
    let answer = cancel(&site, &site.patient(1), opened.payment).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["message"], "Pembatalan sedang diproses");
    let payment = &body["data"]["payment"];
    assert_eq!((&payment["status"], &payment["cancel_requested"]), (&json!("processing"), &json!(true)));
    assert_eq!(body["data"].get("checkout_url"), None, "nobody is led to a page that is being closed");
    assert_ne!(visit(&opened.way).await.header("location"), Some(opened.page.as_str()));
    let other = site.press(1, 5, "fresh").await.duplicate_of(opened.payment, "processing");
    assert_eq!(other.get("checkout_url"), None);

    let path = format!("/stripe-simulator/simulator/faults/{fault}");
    assert_eq!(stripe.request("DELETE", &path).send().await.status, 200);
    site.until_status(opened.payment, "cancelled").await;
    assert_eq!(stripe.stripe_totals().await["sessions"], json!({ "expired": 1 }));
    site.paid_for(1, 5, "fresh").await;
}

#[tokio::test]
async fn an_expired_payment_is_over() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let opened = site.opened(1, 5, "k").await;
    site.at_stripe("clock", json!({ "advance": 86_400 })).await;
    site.until_status(opened.payment, "expired").await;
    let (indonesian, english) = refused(&site, opened.payment).await;
    assert_eq!(indonesian, "Pembayaran ini sudah berakhir (expired).");
    assert_eq!(english, "This payment is over already (expired).");
    site.paid_for(1, 5, "fresh").await;
}
