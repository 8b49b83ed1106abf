//! Nobody knows whether Stripe has made the session: the committed request is repeated, byte for byte.

use crate::support::script::Fault;
use crate::support::stripe::Creating;
use crate::support::{Stage, created, patient, press};
use sekali_core::domain::{Receipt, SessionState, Status};
use sekali_core::flow::checkout::{Checkout, CheckoutRules, Way};
use sekali_core::ports::{Clock, GatewayError, GatewaySession, StoreError};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A payment whose first visit got no answer from Stripe.
async fn unanswered(stage: &Stage, creating: Creating) -> Receipt {
    let receipt = stage.paying("k").await;
    stage.stripe.creating.push(creating);
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    let Way::Later(waiting) = way else { panic!("Later was expected, but: {way:?}") };
    assert_eq!(waiting.payment.status, Status::Processing);
    assert!(waiting.payment.can_be_paid(), "the patient keeps the way to pay");
    waiting
}

#[tokio::test]
async fn the_next_visit_sends_the_same_bytes_and_looks_the_session_up() {
    let stage = Stage::set().await;
    let receipt = unanswered(&stage, Creating::AnswerLost).await;
    stage.clock.advance(HOUR);
    let rules = CheckoutRules { public_url: "https://new.test".into(), expires_in: HOUR };
    let changed = Checkout { rules, ..stage.checkout() };
    let way = changed.proceed(receipt.payment.id, "en", &patient()).await.unwrap();

    let session = stage.stripe.only_session();
    assert_eq!(way, Way::ToStripe(session.url.unwrap()));
    let [first, again] = stage.stripe.sent().try_into().unwrap();
    assert_eq!(first, again, "whatever the settings say now");
    assert_eq!(stage.stripe.asked(), [session.id]);
    assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["open"]);
}

#[tokio::test]
async fn a_call_that_never_arrived_is_made_by_the_repeat() {
    let stage = Stage::set().await;
    let lost = GatewayError::Unknown("no connection".into());
    let receipt = unanswered(&stage, Creating::Fails(lost)).await;
    assert_eq!(stage.stripe.sessions(), []);

    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert_eq!(way, Way::ToStripe(stage.stripe.only_session().url.unwrap()));
}

#[tokio::test]
async fn the_replayed_answer_is_an_old_picture_and_not_believed() {
    let stage = Stage::set().await;
    let receipt = unanswered(&stage, Creating::AnswerLost).await;
    // The patient has paid in a window that was still open; the replay says "open" for ever.
    stage.stripe.pay(&stage.stripe.only_session().id);
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();

    let Way::Stands(paid) = way else { panic!("Stands was expected, but: {way:?}") };
    assert_eq!(paid.payment.status, Status::Completed);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_request_that_stripe_may_have_forgotten_is_looked_up_and_not_repeated() {
    let stage = Stage::set().await;
    let receipt = unanswered(&stage, Creating::AnswerLost).await;
    stage.clock.advance(23 * HOUR + Duration::from_secs(1));
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();

    assert_eq!(way, Way::ToStripe(stage.stripe.only_session().url.unwrap()));
    assert_eq!(stage.stripe.sent().len(), 1);
    assert_eq!(stage.rows("SELECT state FROM checkout_sessions").await, ["open"]);
}

#[tokio::test]
async fn one_that_never_arrived_and_is_too_old_has_failed_and_a_new_key_pays_again() {
    let stage = Stage::set().await;
    let lost = GatewayError::Unknown("no connection".into());
    let receipt = unanswered(&stage, Creating::Fails(lost)).await;
    stage.clock.advance(23 * HOUR + Duration::from_secs(1));
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();

    assert!(matches!(way, Way::Stands(ref ended) if ended.payment.status == Status::Failed), "{way:?}");
    assert_eq!((stage.stripe.sent().len(), stage.stripe.sessions().len()), (1, 0));
    created(stage.pay().pay(&press("new")).await);
    stage.assert_sound(None).await;
}

#[tokio::test]
async fn a_failure_stored_under_the_key_is_no_use_to_repeat_so_the_list_decides() {
    for hidden in [true, false] {
        let stage = Stage::set().await;
        let first =
            if hidden { Creating::AnswerLost } else { Creating::Fails(GatewayError::Unknown("500".into())) };
        let receipt = unanswered(&stage, first).await;
        let spent = || Creating::Fails(GatewayError::Spent("500".into()));
        stage.stripe.creating.push(spent());
        let soon = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        if hidden {
            assert!(matches!(soon, Way::ToStripe(_)), "{soon:?}");
            continue;
        }
        assert!(matches!(soon, Way::Later(_)), "the call may still be under way: {soon:?}");

        stage.clock.advance(Duration::from_secs(61));
        stage.stripe.creating.push(spent());
        let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        assert!(matches!(way, Way::Stands(ref ended) if ended.payment.status == Status::Failed), "{way:?}");
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn what_is_not_in_stripes_list_may_be_on_its_way_for_a_minute() {
    let minute = Duration::from_secs(60);
    for (later, status) in [(Duration::from_micros(59_999_999), Status::Processing), (minute, Status::Failed)]
    {
        let stage = Stage::set().await;
        let lost = GatewayError::Unknown("no connection".into());
        let receipt = unanswered(&stage, Creating::Fails(lost)).await;
        stage.clock.advance(later);
        stage.stripe.creating.push(Creating::Fails(GatewayError::Spent("500".into())));
        stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        assert_eq!(stage.stored(&receipt).await.payment.status, status, "{later:?}");
    }
}

#[tokio::test]
async fn the_record_says_whether_stripe_refused_it_or_never_had_it() {
    let refused = GatewayError::Refused { status: 400, message: "too small".into() };
    for (failure, reason) in [(refused, "refused"), (GatewayError::Spent("500".into()), "never_opened")] {
        let stage = Stage::set().await;
        let lost = GatewayError::Unknown("no connection".into());
        let receipt = unanswered(&stage, Creating::Fails(lost)).await;
        stage.clock.advance(Duration::from_secs(61));
        stage.stripe.creating.push(Creating::Fails(failure));
        stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        let ended = stage.rows("SELECT data FROM payment_events WHERE kind = 'ended'").await;
        assert!(ended[0].contains(&format!("\"reason\":\"{reason}\"")), "{ended:?}");
    }
}

#[tokio::test]
async fn only_what_names_our_session_and_this_installation_is_found_in_the_list() {
    let other = uuid::Uuid::from_u128(404);
    for change in [
        |session: &mut GatewaySession, other| session.installation = Some(other),
        |session: &mut GatewaySession, other| session.session = Some(other),
    ] {
        let stage = Stage::set().await;
        let receipt = unanswered(&stage, Creating::AnswerLost).await;
        stage.stripe.change("cs_1", |session| change(session, other));
        stage.clock.advance(Duration::from_secs(61));
        stage.stripe.creating.push(Creating::Fails(GatewayError::Spent("500".into())));
        let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        assert!(matches!(way, Way::Stands(ref ended) if ended.payment.status == Status::Failed), "{way:?}");
    }
}

/// Stripe dates a session by its own clock: to a server that was a day ahead it is from the day before.
#[tokio::test]
async fn the_list_reaches_back_to_before_a_clock_that_was_a_day_ahead() {
    let stage = Stage::set().await;
    let receipt = unanswered(&stage, Creating::AnswerLost).await;
    let intended = stage.clock.now();
    stage.stripe.creating.push(Creating::Fails(GatewayError::Spent("500".into())));
    stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert!(
        stage.stripe.listed_since("sessions").unwrap()
            <= intended.minus(24 * HOUR + Duration::from_secs(600))
    );
}

#[tokio::test]
async fn up_to_then_it_is_repeated() {
    let stage = Stage::set().await;
    let receipt = unanswered(&stage, Creating::AnswerLost).await;
    stage.clock.advance(23 * HOUR);
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert!(matches!(way, Way::ToStripe(_)), "{way:?}");
}

#[tokio::test]
async fn without_an_answer_about_an_open_session_nobody_is_sent_there() {
    let stage = Stage::set().await;
    let (receipt, _) = stage.at_stripe("k").await;
    for error in [GatewayError::Unknown("503".into()), GatewayError::NotFound] {
        stage.stripe.answers.push(Err(error));
        let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        assert!(matches!(way, Way::Later(_)), "{way:?}");
    }
    assert_eq!(stage.stripe.sent().len(), 1);
    assert_eq!(stage.stored(&receipt).await.payment.status, Status::Processing);
}

#[tokio::test]
async fn an_open_session_without_an_address_is_asked_for_again() {
    let stage = Stage::set().await;
    let (receipt, session) = stage.at_stripe("k").await;
    stage.stripe.change(&session, |session| session.url = None);
    let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
    assert!(matches!(way, Way::Later(ref waiting) if waiting.payment.can_be_paid()), "{way:?}");
}

#[tokio::test]
async fn an_intent_whose_commit_was_unclear_is_found_again() {
    let faults = [
        Fault::AnswerLost(StoreError::Unclear("connection reset during COMMIT".into())),
        Fault::Fails(StoreError::Conflict("deadlock detected".into())),
    ];
    for fault in faults {
        let stage = Stage::set().await;
        let receipt = stage.paying("k").await;
        stage.store.decides.push(fault);
        let way = stage.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();

        assert_eq!(way, Way::ToStripe(stage.stripe.only_session().url.unwrap()));
        assert_eq!(stage.count("checkout_sessions").await, 1);
        let [row] = stage.stripe.rows().try_into().unwrap();
        assert_eq!(row.unwrap().state, SessionState::Creating);
    }
}

#[tokio::test]
async fn an_intent_that_cannot_be_committed_calls_nobody() {
    let stage = Stage::set().await;
    let receipt = stage.paying("k").await;
    let down = StoreError::Unavailable("no route".into());
    stage.store.decides.push(Fault::Fails(down.clone()));
    assert_eq!(stage.checkout().proceed(receipt.payment.id, "id", &patient()).await, Err(down));
    assert_eq!(stage.stripe.sent(), []);
    assert_eq!(stage.stored(&receipt).await, receipt);
}
