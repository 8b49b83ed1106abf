//! Disputes: recorded as Stripe has them, and shown beside the payment's status.

use super::TestDatabase;
use super::ground::{completed, count, decide, file, key, later, migrated, now, origin, php, rows};
use super::guards::refuses;
use crate::decision::dispute::dispute;
use crate::domain::{Dispute, DisputeState, PaymentId, Status};
use crate::ports::store::{Decided, Page, Store};

fn of(payment_intent: &str, state: DisputeState) -> Dispute {
    Dispute {
        gateway_id: "dp_1".into(),
        payment_intent: payment_intent.into(),
        amount: php(100_000),
        state,
        reason: "fraudulent".into(),
        created_at: later(100),
    }
}

async fn record(store: &dyn Store, payment: PaymentId, news: &Dispute, seconds: i64) -> (Decided, bool) {
    let news = news.clone();
    decide(store, payment, move |file| dispute(file, &news, later(seconds), &origin())).await
}

pub async fn a_dispute_is_recorded_and_shown(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, intent) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    assert_eq!(receipt.payment.dispute, None);
    let opened = of(&intent, DisputeState::NeedsResponse);
    let (decided, news) = record(store, id, &opened, 100).await;
    assert!(decided.changed && news);
    assert_eq!(decided.file.disputes, std::slice::from_ref(&opened));
    let payment = &decided.file.payment;
    assert_eq!((payment.status, payment.dispute), (Status::Completed, Some(DisputeState::NeedsResponse)));
    assert_eq!(payment.updated_at, later(100));
    let (again, news) = record(store, id, &opened, 101).await;
    assert!(!again.changed && !news, "known");

    let lost = Dispute { created_at: later(200), amount: php(90_000), ..of(&intent, DisputeState::Lost) };
    let (decided, _) = record(store, id, &lost, 200).await;
    let kept = Dispute { created_at: later(100), ..lost };
    assert_eq!(decided.file.disputes, [kept], "its own row, from when we learned of it");
    record(store, id, &opened, 201).await;
    let after = now(store, &receipt).await;
    assert_eq!(after.payment.dispute, Some(DisputeState::Lost), "older news");
    assert_eq!(store.key(receipt.payment.user, &key("k")).await.unwrap().unwrap().1, after);
    let page = Page { user: None, consultation: None, before: None, limit: 9 };
    assert_eq!(store.payments(&page).await, Ok(vec![after]), "told wherever the payment is read");
}

pub async fn a_second_dispute_has_its_own_row(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let (receipt, intent) = completed(store, 5, "k").await;
    let id = receipt.payment.id;
    let first = of(&intent, DisputeState::Won);
    let second = Dispute { gateway_id: "dp_0".into(), ..of(&intent, DisputeState::UnderReview) };
    record(store, id, &first, 100).await;
    record(store, id, &second, 100).await;
    assert_eq!(file(store, id).await.disputes, [first, second], "oldest first");
    let (decided, news) = record(store, id, &of("pi_404", DisputeState::Won), 101).await;
    assert!(!decided.changed && !news, "of money that is none of this payment's");
    assert_eq!(count(store, "disputes").await, 2);

    refuses(database, "UPDATE disputes SET state = 'warning_closed'").await;
    refuses(database, "UPDATE disputes SET payment_intent = 'pi_404'").await;
    refuses(database, "UPDATE payments SET dispute = 'warning_closed'").await;
    let sql = "SELECT gateway_id, amount_minor, currency, state, reason FROM disputes ORDER BY gateway_id";
    let expected =
        ["dp_0 | 100000 | PHP | under_review | fraudulent", "dp_1 | 100000 | PHP | won | fraudulent"];
    assert_eq!(rows(store, sql).await, expected);
}
