//! From a payment to Stripe's page: the intent first, and one session however many ask.

use crate::support::stripe::{Creating, field};
use crate::support::{Stage, patient, press, second};
use sekali_core::domain::{PaymentId, SessionState, Status};
use sekali_core::flow::checkout::Way;
use sekali_core::ports::{Current, Point};
use std::sync::Arc;
use tokio::sync::Notify;

#[tokio::test]
async fn the_intent_is_committed_before_stripe_is_called() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();

    let session = stage.stripe.only_session();
    assert_eq!(way, Way::ToStripe(session.url.unwrap()));
    let [(key, request)] = stage.stripe.sent().try_into().unwrap();
    let [row] = stage.stripe.rows().try_into().unwrap();
    let row = row.expect("the intent was there when Stripe was called");
    assert_eq!((row.id, row.payment, &row.request), (key, receipt.payment.id, &request));
    assert_eq!((row.state, row.gateway_id), (SessionState::Creating, None));
    assert_eq!(
        stage.journal.points(),
        [Point::CheckoutIntended, Point::SessionCreated, Point::SessionRecorded]
    );
    assert_eq!(
        stage.journal.names(),
        ["payment", "changing", "decide", "publish", "decide"],
        "from before the commit on nobody is told the old status"
    );
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn the_request_names_nothing_but_opaque_names_and_the_way_back() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    stage.checkout().proceed(receipt.payment.id, "en", &patient()).await.unwrap();

    let [(key, request)] = stage.stripe.sent().try_into().unwrap();
    let callback = "https://pay.clinic.test/payment/100/callback";
    for (name, value) in [
        ("session", key.to_string()),
        ("payment", receipt.payment.reference.to_string()),
        ("installation", stage.installation.to_string()),
        ("minor", "500000".into()),
        ("currency", "PHP".into()),
        ("success_url", format!("{callback}?session_id={{CHECKOUT_SESSION_ID}}")),
        ("cancel_url", format!("{callback}?cancelled={key}")),
        ("expires_at", second(24 * 3600 - 300).as_seconds().to_string()),
        ("locale", "en".into()),
    ] {
        assert_eq!(field(&request, name), value, "{name}");
    }
}

#[tokio::test]
async fn a_second_visit_goes_to_the_session_that_is_open() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    let way = stage.checkout().proceed(receipt.payment.id, "en", &patient()).await.unwrap();

    assert_eq!(way, Way::ToStripe(stage.stripe.only_session().url.unwrap()));
    assert_eq!(stage.stripe.sent().len(), 1);
    assert_eq!(stage.stripe.asked(), [session], "it is looked up before the patient is sent there");
}

#[tokio::test]
async fn two_visits_at_once_make_one_session() {
    let stage = Stage::set().await;
    let id = stage.paying("k").await.payment.id;
    let go = Arc::new(Notify::new());
    stage.stripe.creating.push(Creating::Waits(Arc::clone(&go)));
    let slow = stage.checkout();
    let slow = tokio::spawn(async move { slow.proceed(id, "id", &patient()).await });
    stage.stripe.arrived.notified().await;

    // The first call hangs at Stripe; the second visit repeats it.
    let second = stage.checkout().proceed(id, "en", &patient()).await.unwrap();
    go.notify_one();
    let first = slow.await.unwrap().unwrap();

    let url = stage.stripe.only_session().url.unwrap();
    assert_eq!((first, second), (Way::ToStripe(url.clone()), Way::ToStripe(url)));
    let [one, other] = stage.stripe.sent().try_into().unwrap();
    assert_eq!(one, other, "the same key and the same bytes");
    assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["open"]);
    stage.assert_sound(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_visits_at_once_make_one_session() {
    let stage = Stage::set().await;
    let id = stage.paying("k").await.payment.id;
    let visits = (0..20).map(|_| {
        let checkout = stage.checkout();
        tokio::spawn(async move { checkout.proceed(id, "id", &patient()).await })
    });
    let visits: Vec<_> = visits.collect();
    let mut ways = Vec::new();
    for visit in visits {
        ways.push(visit.await.unwrap().unwrap());
    }
    let url = stage.stripe.only_session().url.unwrap();
    assert!(ways.iter().all(|way| *way == Way::ToStripe(url.clone())), "{ways:?}");
    assert_eq!(stage.count("checkout_sessions").await, 1);
}

#[tokio::test]
async fn a_payment_that_is_not_there_has_no_way() {
    let stage = Stage::set().await;
    assert_eq!(stage.checkout().proceed(PaymentId(404), "id", &patient()).await.unwrap(), Way::NoPayment);
    assert_eq!(stage.stripe.sent(), []);
}

#[tokio::test]
async fn a_cached_duplicate_shows_that_it_is_being_processed() {
    let stage = Stage::set().await;
    stage.at_stripe("k").await;
    let request = press("k");
    let found = stage.coordination.found(request.user.id, &request.key).await.unwrap();
    assert_eq!(found.current, Current::Known { status: Status::Processing, can_be_paid: true });
}

#[tokio::test]
async fn a_session_lasts_a_little_within_stripes_bounds() {
    for (wanted, given) in [(1800, 1920), (1920, 1920), (7200, 7200), (86_400, 86_100)] {
        let stage = Stage::set().await;
        let receipt = stage.paying("k").await;
        let mut checkout = stage.checkout();
        checkout.rules.expires_in = std::time::Duration::from_secs(wanted);
        checkout.proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        let [(_, request)] = stage.stripe.sent().try_into().unwrap();
        assert_eq!(field(&request, "expires_at"), second(given).as_seconds().to_string());
    }
}
