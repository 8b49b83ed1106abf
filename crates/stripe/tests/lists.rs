//! Lists: their pages, and what of others stands in them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::domain::{DisputeState, RefundState, Timestamp};
use sekali_core::ports::{Gateway, GatewayError, GatewayStatus};
use sekali_stripe::StripeGateway;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Answer, Server, answer, gateway, list, object, ok, with};

const SINCE: Timestamp = Timestamp::from_micros(1_705_314_600_900_000);
const AT_SINCE: i64 = 1_705_314_600;

async fn against(answers: Vec<Answer>) -> (Server, StripeGateway) {
    let server = Server::answering(answers).await;
    let gateway = gateway(&server.base, Arc::default());
    (server, gateway)
}

/// Path and parameters of each request.
fn asked(server: &mut Server) -> Vec<String> {
    let address = |request: &String| {
        let address = request.strip_prefix("GET /stripe-simulator/v1/").unwrap();
        let (path, query) = address.split(" HTTP/1.1").next().unwrap().split_once('?').unwrap();
        let query = form_urlencoded::parse(query.as_bytes());
        query.fold(path.to_owned(), |text, (name, value)| format!("{text} {name}={value}"))
    };
    server.seen().iter().map(address).collect()
}

fn session(id: &str, fields: &Value) -> Value {
    with(object("checkout.session", id), fields)
}

fn ids<T>(items: &[T], id: impl Fn(&T) -> &String) -> Vec<&str> {
    items.iter().map(|item| id(item).as_str()).collect()
}

#[tokio::test]
async fn what_was_made_since_is_asked_for_page_by_page() {
    let page = |kind: &str, id: &str, more| ok(&list(&[object(kind, id)], more));
    let (mut server, gateway) = against(vec![
        page("charge", "ch_2", true),
        page("charge", "ch_1", false),
        page("refund", "re_1", true),
        page("dispute", "dp_1", true),
    ])
    .await;
    let first = gateway.charges_since(SINCE, None).await.unwrap();
    assert_eq!((ids(&first.items, |charge| &charge.id), first.next.as_deref()), (vec!["ch_2"], Some("ch_2")));
    let last = gateway.charges_since(SINCE, first.next.as_deref()).await.unwrap();
    assert_eq!((ids(&last.items, |charge| &charge.id), last.next), (vec!["ch_1"], None));
    let refunds = gateway.refunds_since(SINCE, None).await.unwrap();
    assert_eq!((refunds.items[0].state, refunds.next.as_deref()), (RefundState::Pending, Some("re_1")));
    let disputes = gateway.disputes_since(SINCE, Some("dp_2")).await.unwrap();
    assert_eq!(
        (disputes.items[0].state, disputes.next.as_deref()),
        (DisputeState::UnderReview, Some("dp_1"))
    );
    let since = format!("created[gte]={AT_SINCE} limit=100");
    assert_eq!(
        asked(&mut server),
        [
            format!("charges {since}"),
            format!("charges {since} starting_after=ch_2"),
            format!("refunds {since}"),
            format!("disputes {since} starting_after=dp_2"),
        ]
    );
}

#[tokio::test]
async fn sessions_are_read_from_the_newest_until_they_are_too_old() {
    let made = |id, seconds| session(id, &json!({"created": AT_SINCE + seconds}));
    let (mut server, gateway) = against(vec![
        ok(&list(&[made("cs_4", 9), made("cs_3", 0)], true)),
        ok(&list(&[made("cs_2", 0), made("cs_1", -1)], true)),
    ])
    .await;
    let first = gateway.sessions_since(SINCE, None).await.unwrap();
    assert_eq!(ids(&first.items, |session| &session.id), ["cs_4", "cs_3"]);
    assert_eq!(first.next.as_deref(), Some("cs_3"));
    let last = gateway.sessions_since(SINCE, first.next.as_deref()).await.unwrap();
    assert_eq!(ids(&last.items, |session| &session.id), ["cs_2"]);
    assert_eq!(last.next, None, "what comes after it is older still");
    let query = "checkout/sessions expand[]=data.payment_intent limit=100";
    assert_eq!(asked(&mut server), [query.to_owned(), format!("{query} starting_after=cs_3")]);
}

#[tokio::test]
async fn a_listed_sessions_intent_is_looked_at() {
    let intent = with(object("payment_intent", "pi_1"), &json!({"status": "canceled"}));
    let failed = session("cs_1", &json!({"payment_intent": intent}));
    let (_server, gateway) = against(vec![ok(&list(&[failed], false))]).await;
    let page = gateway.sessions_since(SINCE, None).await.unwrap();
    assert_eq!(page.items[0].status, GatewayStatus::Failed);
}

#[tokio::test]
async fn what_others_made_holds_nothing_up() {
    let odd = json!({"status": null, "metadata": {"order": "5"}});
    let sessions =
        [session("cs_3", &json!({})), session("cs_2", &odd), session("cs_1", &json!({"metadata": null}))];
    let charges =
        [with(object("charge", "ch_2"), &odd), with(object("charge", "ch_1"), &json!({"metadata": {}}))];
    let (_server, gateway) = against(vec![ok(&list(&sessions, false)), ok(&list(&charges, false))]).await;
    let page = gateway.sessions_since(SINCE, None).await.unwrap();
    assert_eq!(ids(&page.items, |session| &session.id), ["cs_3", "cs_1"], "what can be read is there");
    let page = gateway.charges_since(SINCE, None).await.unwrap();
    assert_eq!(ids(&page.items, |charge| &charge.id), ["ch_1"]);
}

#[tokio::test]
async fn what_is_ours_is_never_passed_over() {
    let sessions = [session("cs_2", &json!({})), session("cs_1", &json!({"status": "paused"}))];
    let charges = [with(object("charge", "ch_1"), &json!({"status": "half"}))];
    let (_server, gateway) = against(vec![ok(&list(&sessions, false)), ok(&list(&charges, false))]).await;
    let outcome = gateway.sessions_since(SINCE, None).await;
    assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "{outcome:?}");
    let outcome = gateway.charges_since(SINCE, None).await;
    assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_refund_that_nobody_named_is_read_whatever_its_status() {
    let odd = with(object("refund", "re_1"), &json!({"status": "paused", "metadata": {}}));
    let timeless = with(odd.clone(), &json!({"created": null}));
    let (_server, gateway) = against(vec![ok(&list(&[odd], false)), ok(&list(&[timeless], false))]).await;
    let page = gateway.refunds_since(SINCE, None).await.unwrap();
    assert_eq!((page.items[0].state, page.items[0].refund), (RefundState::Pending, None));
    let outcome = gateway.refunds_since(SINCE, None).await;
    assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "it may be of our money: {outcome:?}");
}

#[tokio::test]
async fn the_session_of_a_payment_intent() {
    let (mut server, gateway) = against(vec![
        ok(&list(&[session("cs_1", &json!({}))], false)),
        ok(&list(&[], false)),
        answer(404, "", r#"{"error":{"code":"resource_missing","message":"No such payment_intent"}}"#),
        ok(&list(&[session("cs_1", &json!({"payment_intent": "pi_2"}))], false)),
        ok(&list(&[session("cs_1", &json!({"status": null, "metadata": {}}))], false)),
        answer(401, "", r#"{"error":{"message":"No."}}"#),
    ])
    .await;
    let mut found = Vec::new();
    for _ in 0..6 {
        found.push(gateway.session_of_intent("pi_1").await);
    }
    assert_eq!(found[0].as_ref().unwrap().as_ref().unwrap().id, "cs_1");
    assert_eq!(found[1..3], [Ok(None), Ok(None)]);
    assert!(matches!(found[3], Err(GatewayError::Unknown(_))), "of another intent: {:?}", found[3]);
    assert_eq!(found[4], Ok(None), "another's");
    assert!(matches!(found[5], Err(GatewayError::Refused { status: 401, .. })), "{:?}", found[5]);
    let query = "checkout/sessions payment_intent=pi_1 expand[]=data.payment_intent limit=100";
    assert_eq!(asked(&mut server)[0], query);
}

#[tokio::test]
async fn every_refund_of_a_payment_intent() {
    let refund = |id| object("refund", id);
    let (mut server, gateway) = against(vec![
        ok(&list(&[refund("re_4"), refund("re_3")], true)),
        ok(&list(&[refund("re_2")], true)),
        ok(&list(&[refund("re_1")], false)),
    ])
    .await;
    let refunds = gateway.refunds_of("pi_1").await.unwrap();
    assert_eq!(ids(&refunds, |refund| &refund.id), ["re_4", "re_3", "re_2", "re_1"]);
    let query = "refunds payment_intent=pi_1 limit=100";
    assert_eq!(
        asked(&mut server),
        [query.to_owned(), format!("{query} starting_after=re_3"), format!("{query} starting_after=re_2"),]
    );
}

#[tokio::test]
async fn refunds_that_do_not_end_or_are_of_other_money_are_no_answer() {
    let page = |id: &str, fields: Value| ok(&list(&[with(object("refund", id), &fields)], true));
    let circle = vec![page("re_1", json!({})), page("re_1", json!({}))];
    let endless = (0..100).map(|number| page(&format!("re_{number}"), json!({}))).collect();
    let of_another = vec![page("re_1", json!({"payment_intent": "pi_2"}))];
    let of_none = vec![page("re_1", json!({"payment_intent": null}))];
    for answers in [circle, endless, of_another, of_none] {
        let (_server, gateway) = against(answers).await;
        let outcome = gateway.refunds_of("pi_1").await;
        assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "{outcome:?}");
    }
    let (_server, gateway) = against(vec![
        ok(&list(&[object("refund", "re_2")], true)),
        answer(500, "stripe-should-retry: false\r\n", "{}"),
    ])
    .await;
    let outcome = gateway.refunds_of("pi_1").await;
    assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "half a list is none: {outcome:?}");
}

#[tokio::test]
async fn a_page_may_be_larger_than_an_object() {
    let padding = json!({"notes": "x".repeat(30_000)});
    let sessions: Vec<_> =
        (0..100).map(|number| session(&format!("cs_{number}"), &json!({"metadata": padding}))).collect();
    let (_server, gateway) = against(vec![ok(&list(&sessions, false))]).await;
    assert_eq!(gateway.sessions_since(SINCE, None).await.unwrap().items.len(), 100);
}

#[tokio::test]
async fn a_list_is_asked_for_again_too() {
    let (mut server, gateway) =
        against(vec![answer(503, "", "{}"), ok(&list(&[object("charge", "ch_1")], false))]).await;
    assert_eq!(gateway.charges_since(SINCE, None).await.unwrap().items.len(), 1);
    let asked = asked(&mut server);
    assert_eq!((asked.len(), &asked[0]), (2, &asked[1]));
    for body in ["{}", "[]", r#"{"object":"list","data":[]}"#] {
        let (_server, gateway) = against(vec![answer(200, "", body)]).await;
        let outcome = gateway.charges_since(SINCE, None).await;
        assert!(matches!(outcome, Err(GatewayError::Unknown(_))), "{body}: {outcome:?}");
    }
}
