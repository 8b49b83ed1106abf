//! What an operator asks: lists that go on, ids of every kind, the day's numbers, and the notes.

use super::TestDatabase;
use super::ground::{
    completed, created, expired, file, gateway_id, intend, later, made, migrated, opened, paying, put,
    settle, wish_for,
};
use super::refunds::{asked, wish};
use crate::decision;
use crate::domain::{
    Actor, Entry, IdempotencyKey, Money, Origin, PaymentFile, PaymentId, Receipt, Status, Terms, Timestamp,
    UserId, What,
};
use crate::ports::console::{ConsoleStore, Filter, FoundAs, InboxDepth, LOOKED_AT, Needle, Note, Place};
use crate::ports::store::{NewPayment, Store};
use crate::ports::{Case, CaseKind};
use async_trait::async_trait;
use std::sync::Arc;
use uuid::Uuid;

/// A database that an operator can look at.
#[async_trait]
pub trait ConsoleDatabase: TestDatabase {
    /// Opens it for that, without migrating.
    async fn console(&self) -> Arc<dyn ConsoleStore>;
}

macro_rules! cases {
    ($dollar:tt $($case:ident,)+) => {
        /// Makes one test of every case of what the console asks. The argument is the path of an
        /// `async fn() -> impl ConsoleDatabase`.
        #[macro_export]
        macro_rules! console_contract {
            ($dollar create:path) => {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let database = $dollar create().await;
                        $crate::contract::store::console::$case(&database).await;
                    }
                )+
            };
        }
    };
}

cases! { $
    a_list_is_newest_first_and_goes_on_from_a_place,
    a_list_is_narrowed_by_state_time_and_amount,
    an_amount_is_looked_for_so_far_at_a_time,
    every_kind_of_id_is_found,
    what_an_id_finds_is_bounded_and_the_newest,
    what_belongs_to_a_payment_beside_its_file,
    what_was_made_today,
    duplicates_are_listed_newest_first,
    how_the_inbox_stands,
    the_record_is_followed_by_its_numbers,
    a_note_takes_the_place_of_the_one_before,
}

/// A payment of this amount, made then.
async fn made_at(store: &dyn Store, id: i64, user: i64, fee: Money, at: Timestamp) -> Receipt {
    put(store, id, user, fee).await;
    let new = NewPayment { at, ..wish_for(id, user, &format!("key-{id}"), Terms { fee, tax_exempt: false }) };
    let new = NewPayment { created: created(new.reference, fee, &new.key, at), ..new };
    made(super::ground::create(store, &new).await)
}

fn php(minor: i64) -> Money {
    super::ground::php(minor)
}

fn ids(receipts: &[Receipt]) -> Vec<PaymentId> {
    receipts.iter().map(|receipt| receipt.payment.id).collect()
}

/// The whole list, in pages of this size.
async fn walk(console: &dyn ConsoleStore, filter: &Filter, limit: u32) -> Vec<PaymentId> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = console.search(filter, before, limit).await.expect("a list can be read");
        assert!(page.found.len() <= limit as usize);
        all.extend(ids(&page.found));
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

pub async fn a_list_is_newest_first_and_goes_on_from_a_place(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    assert_eq!(walk(console, &Filter::default(), 10).await, []);
    // The third server's clock is behind, and three are made within one second.
    let mut made = Vec::new();
    for (id, second) in (1..).zip([10, 20, 5, 30, 30, 30, 40]) {
        made.push(made_at(store, id, 1, php(500_000), later(second)).await);
    }
    let mut expected = made.clone();
    expected.sort_by_key(|receipt| std::cmp::Reverse(Place::of(&receipt.payment)));
    let expected = ids(&expected);
    assert_eq!(expected.last(), Some(&made[2].payment.id));
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(walk(console, &Filter::default(), limit).await, expected, "in pages of {limit}");
    }
    let whole = console.search(&Filter::default(), None, 7).await.unwrap();
    assert_eq!(whole.next, None, "exactly as many as there are");
    assert_eq!(whole.found[0], made[6], "with all that a receipt has");
    let pending = Filter { statuses: vec![Status::Pending], ..Filter::default() };
    for limit in [1, 2, 100] {
        assert_eq!(walk(console, &pending, limit).await, expected, "the same by state, in pages of {limit}");
    }
}

pub async fn a_list_is_narrowed_by_state_time_and_amount(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    let yen = |minor| Money::new(minor, crate::domain::Currency::from_code("JPY").unwrap());
    let paid = completed(store, 1, "a").await.0.payment.id;
    let over = made_at(store, 2, 1, php(500_000), later(10)).await;
    let session = intend(store, &over).await;
    settle(store, &over, &expired(session)).await;
    let over = over.payment.id;
    let dear = made_at(store, 3, 2, php(500_001), later(20)).await.payment.id;
    let in_yen = made_at(store, 4, 2, yen(5_000), later(30)).await;
    intend(store, &in_yen).await;
    let in_yen = in_yen.payment.id;
    let all = [in_yen, dear, over, paid];
    let of = async |filter: Filter| {
        let (alone, together) = (walk(console, &filter, 1).await, walk(console, &filter, 100).await);
        assert_eq!(alone, together, "{filter:?}");
        alone
    };
    let any = Filter::default;
    assert_eq!(of(any()).await, all);
    for (statuses, expected) in [
        (vec![Status::Completed], vec![paid]),
        (vec![Status::Expired], vec![over]),
        (vec![Status::Pending], vec![dear]),
        (vec![Status::Processing, Status::Pending], vec![in_yen, dear]),
        (vec![Status::Pending, Status::Pending], vec![dear]),
        (Status::ALL.to_vec(), all.to_vec()),
        (vec![Status::Refunded, Status::Failed, Status::Cancelled], vec![]),
    ] {
        assert_eq!(of(Filter { statuses: statuses.clone(), ..any() }).await, expected, "{statuses:?}");
    }
    let (ten, twenty) = (later(10), later(20));
    let just_after = Timestamp::from_micros(ten.as_micros() + 1);
    for statuses in [Vec::new(), Status::ALL.to_vec()] {
        let within = |from, to| Filter { from, to, statuses: statuses.clone(), ..any() };
        assert_eq!(of(within(Some(ten), Some(twenty))).await, [over], "from, and before");
        assert_eq!(of(within(Some(just_after), None)).await, [in_yen, dear]);
        assert_eq!(of(within(None, Some(just_after))).await, [over, paid]);
        assert_eq!(of(within(Some(twenty), Some(ten))).await, []);
        assert_eq!(of(within(Some(later(31)), None)).await, []);
        let five_thousand = Filter { least: Some(50_000_000), most: Some(50_000_000), ..within(None, None) };
        assert_eq!(of(five_thousand.clone()).await, [in_yen, over, paid], "in each currency's own unit");
        let pesos = Some(crate::domain::Currency::PHP);
        assert_eq!(of(Filter { currency: pesos, ..five_thousand }).await, [over, paid]);
        assert_eq!(of(Filter { least: Some(50_000_001), ..within(None, None) }).await, [dear]);
        assert_eq!(of(Filter { most: Some(49_999_999), ..within(None, None) }).await, []);
    }
}

pub async fn an_amount_is_looked_for_so_far_at_a_time(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    let oldest = made_at(store, 1, 1, php(700_000), later(1)).await.payment.id;
    let mut batch = Vec::new();
    let last = i64::from(LOOKED_AT) + 1;
    let consultations = format!(
        "INSERT INTO konsultasis (id, patient_id, fee) WITH RECURSIVE n (id) AS \
         (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < {last}) SELECT id, 1, '5000.00' FROM n"
    );
    database.execute(&consultations).await.unwrap();
    for id in 2..=last {
        batch.push(NewPayment { at: later(id), ..super::ground::wish(id, 1, &format!("k{id}")) });
    }
    // Not more at once than a line of writes holds.
    for part in batch.chunks(250) {
        super::ground::create_all(store, part).await;
    }
    let dear = Filter { least: Some(60_000_000), ..Filter::default() };
    let first = console.search(&dear, None, 10).await.unwrap();
    assert_eq!(first.found, [], "none among those that were looked at");
    assert_eq!(first.next.map(|place| place.at), Some(later(2)), "it says how far it came");
    let second = console.search(&dear, first.next, 10).await.unwrap();
    assert_eq!((ids(&second.found), second.next), (vec![oldest], None));
    let pending = Filter { statuses: vec![Status::Pending], ..dear };
    assert_eq!(walk(console, &pending, 10).await, [oldest]);
}

pub async fn every_kind_of_id_is_found(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    let other = made_at(store, 70, 71, php(500_000), later(0)).await;
    let (receipt, intent) = completed(store, 1_000, "the key of it").await;
    let id = receipt.payment.id;
    let refund = asked(store, id, &wish("r", Some(100))).await;
    let news = super::refunds::news_of(&refund, crate::domain::RefundState::Succeeded);
    super::refunds::record(store, id, &news).await;
    let session = file(store, id).await.sessions[0].clone();
    let find = async |needle: Needle| console.find(&needle, 10).await.expect("it can be looked for");
    let key = |text: &str| Needle::Key(IdempotencyKey::new(text).unwrap());
    let cs = session.gateway_id.clone().unwrap();
    for (needle, kind) in [
        (Needle::Invoice(receipt.invoice.number.clone()), FoundAs::Invoice),
        (Needle::Name(receipt.payment.reference), FoundAs::Reference),
        (Needle::Name(session.id), FoundAs::SessionName),
        (Needle::Name(refund.id), FoundAs::RefundName),
        (Needle::Session(cs), FoundAs::CheckoutSession),
        (Needle::Intent(intent), FoundAs::PaymentIntent),
        (Needle::Refund(news.gateway_id.clone()), FoundAs::Refund),
        (key("the key of it"), FoundAs::IdempotencyKey),
    ] {
        assert_eq!(find(needle.clone()).await, [(kind, id)], "{needle:?}");
    }
    assert_eq!(find(Needle::Number(id.0)).await, [(FoundAs::Payment, id)]);
    assert_eq!(find(Needle::Number(1_000)).await, [(FoundAs::Consultation, id)]);
    assert_eq!(find(Needle::Number(71)).await, [(FoundAs::Patient, other.payment.id)]);
    for needle in [
        Needle::Number(404),
        Needle::Number(i64::MAX),
        Needle::Invoice("INV-".into()),
        Needle::Name(Uuid::nil()),
        Needle::Session("cs_none".into()),
        Needle::Intent("pi_".into()),
        Needle::Refund("re_%".into()),
        Needle::Dispute("dp_1".into()),
        key("the key"),
        key("THE KEY OF IT"),
    ] {
        assert_eq!(find(needle.clone()).await, [], "{needle:?}");
    }
    let both = console.receipts(&[other.payment.id, PaymentId(404), id]).await.unwrap();
    assert_eq!(ids(&both), [id, other.payment.id], "newest first, and whoever is there");
    assert_eq!(console.receipts(&[]).await, Ok(vec![]));
}

pub async fn what_an_id_finds_is_bounded_and_the_newest(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    let mut made = Vec::new();
    for id in 1_001..=1_005 {
        made.push(made_at(store, id, 900, php(500_000), later(id)).await.payment.id);
    }
    let found = console.find(&Needle::Number(900), 2).await.unwrap();
    let mut found: Vec<_> = found.into_iter().map(|(kind, id)| (kind, id.0)).collect();
    found.sort_unstable();
    let newest = [made[3], made[4]].map(|id| (FoundAs::Patient, id.0));
    assert_eq!(found, newest);
}

pub async fn what_belongs_to_a_payment_beside_its_file(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    let receipt = paying(store, 5, 1, "k").await;
    let other = paying(store, 6, 1, "other").await.payment.id;
    let id = receipt.payment.id;
    let keys = console.keys_of(id).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!((keys[0].user, keys[0].key.as_str(), keys[0].at), (UserId(1), "k", later(0)));
    assert_eq!(store.purge_keys(later(1), 10).await, Ok(2));
    assert_eq!(console.keys_of(id).await, Ok(vec![]), "forgotten");

    let session = intend(store, &receipt).await;
    opened(store, &receipt, session, later(2)).await;
    let object = gateway_id(session);
    for (event, object, second) in
        [("evt_2", Some(&object), 20), ("evt_1", Some(&object), 10), ("evt_3", None, 30)]
    {
        let kept = store.receive_event(event, "k", object.map(String::as_str), "{}", later(second)).await;
        assert_eq!(kept, Ok(true));
    }
    let names = async |ids: &[&str], objects: &[&str], limit: u32| {
        let owned = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let found = console.kept_events(&owned(ids), &owned(objects), limit).await.unwrap();
        found.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(names(&[], &[&object], 10).await, ["evt_1", "evt_2"], "oldest first");
    assert_eq!(names(&["evt_3", "evt_2", "evt_9"], &[&object], 10).await, ["evt_1", "evt_2", "evt_3"]);
    assert_eq!(names(&["evt_3"], &[], 10).await, ["evt_3"]);
    assert_eq!(names(&[], &[&object], 1).await, ["evt_1"]);
    assert_eq!(names(&[], &[], 10).await, [""; 0]);

    let case = |object: &str, payment| Case {
        kind: CaseKind::Surplus,
        object: object.into(),
        payment,
        detail: "d".into(),
        opened_at: later(3),
        closed_at: None,
    };
    for case in [case("pi_1", Some(id)), case("pi_2", Some(other)), case("pi_3", None)] {
        assert_eq!(store.open_case(&case).await, Ok(true));
    }
    assert_eq!(store.close_case(CaseKind::Surplus, "pi_1", later(4)).await, Ok(true));
    let closed = Case { closed_at: Some(later(4)), ..case("pi_1", Some(id)) };
    assert_eq!(console.cases_of(id).await, Ok(vec![closed]));
}

pub async fn what_was_made_today(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    assert_eq!(console.made_since(later(0), 10, 10).await.map(|made| made.payments), Ok(0));
    made_at(store, 1, 1, php(500_000), later(-1)).await;
    let mut made = Vec::new();
    for id in 2..=5 {
        made.push(made_at(store, id, 1, php(500_000), later(id)).await);
    }
    intend(store, &made[3]).await;
    let today = console.made_since(later(0), 10, 2).await.unwrap();
    assert_eq!(today.payments, 4);
    assert_eq!(today.latest, [made[3].payment.id, made[2].payment.id]);
    let mut by_status = today.by_status;
    by_status.sort_by_key(|(status, _)| status.as_str());
    assert_eq!(by_status, [(Status::Pending, 3), (Status::Processing, 1)]);
    let newest = console.made_since(later(0), 1, 2).await.unwrap();
    assert_eq!((newest.payments, newest.by_status), (4, vec![(Status::Processing, 1)]));
}

/// Puts an entry into a payment's record, then.
async fn note(store: &dyn Store, payment: PaymentId, what: What, at: Timestamp) {
    let entries = [Entry { what, origin: Origin::of(Actor::Patient) }];
    let judge = move |_: &PaymentFile| (decision::note(at, &entries), ());
    super::ground::decide(store, payment, judge).await;
}

pub async fn duplicates_are_listed_newest_first(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    let (one, two) = (paying(store, 5, 1, "a").await.payment.id, paying(store, 6, 1, "b").await.payment.id);
    let duplicate = |times| What::Duplicate { times, caught: "cache".into(), key_hash: "h".into() };
    for (payment, times, second) in [(one, 1, 10), (two, 2, 20), (one, 3, 30)] {
        note(store, payment, duplicate(times), later(second)).await;
    }
    note(store, one, What::ReconcileAsked {}, later(40)).await;
    let times = async |since, limit| {
        let found = console.duplicates_since(since, limit).await.unwrap();
        let of = |what| if let What::Duplicate { times, .. } = what { times } else { 0 };
        found.iter().map(|event| (event.payment, of(event.entry().unwrap().what))).collect::<Vec<_>>()
    };
    assert_eq!(times(later(0), 10).await, [(one, 3), (two, 2), (one, 1)]);
    assert_eq!(times(later(20), 10).await, [(one, 3), (two, 2)]);
    assert_eq!(times(later(0), 1).await, [(one, 3)]);
    assert_eq!(times(later(31), 10).await, []);
}

pub async fn how_the_inbox_stands(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    assert_eq!(console.inbox_depth(10).await, Ok(InboxDepth::default()));
    for (event, second) in [("evt_1", 1), ("evt_2", 2), ("evt_3", 3), ("evt_4", 4)] {
        assert_eq!(store.receive_event(event, "k", Some("cs_1"), "{}", later(second)).await, Ok(true));
    }
    store.finish_event("evt_1", later(9)).await.unwrap();
    for event in ["evt_3", "evt_4"] {
        store.postpone_event(event, "it fails", None).await.unwrap();
    }
    let depth = console.inbox_depth(1).await.unwrap();
    assert_eq!((depth.waiting, depth.given_up, depth.oldest), (1, 2, Some(later(2))));
    let [newest] = &depth.abandoned[..] else { panic!("{depth:?}") };
    assert_eq!(
        (newest.id.as_str(), newest.error.as_deref(), newest.waits),
        ("evt_4", Some("it fails"), false)
    );
    let finished = console.kept_events(&["evt_1".into()], &[], 1).await.unwrap().remove(0);
    assert_eq!((finished.finished_at, finished.waits, finished.attempts), (Some(later(9)), false, 0));
    assert_eq!((finished.kind.as_str(), finished.object.as_deref()), ("k", Some("cs_1")));
}

pub async fn the_record_is_followed_by_its_numbers(database: &dyn ConsoleDatabase) {
    let (store, console) = (&*migrated(database).await, &*database.console().await);
    assert_eq!(console.newest_entry().await, Ok(0));
    assert_eq!(console.entries_after(0, 10).await, Ok(vec![]));
    let one = paying(store, 5, 1, "a").await;
    let two = paying(store, 6, 1, "b").await;
    intend(store, &one).await;
    let all = console.entries_after(0, 10).await.unwrap();
    let payments: Vec<_> = all.iter().map(|news| news.payment).collect();
    assert_eq!(payments, [one.payment.id, two.payment.id, one.payment.id]);
    assert!(all.is_sorted_by_key(|news| news.ordinal));
    assert_eq!(console.newest_entry().await, Ok(all[2].ordinal));
    assert_eq!(console.entries_after(all[0].ordinal, 1).await, Ok(vec![all[1]]));
    assert_eq!(console.entries_after(all[2].ordinal, 10).await, Ok(vec![]));
}

pub async fn a_note_takes_the_place_of_the_one_before(database: &dyn ConsoleDatabase) {
    let (_store, console) = (migrated(database).await, &*database.console().await);
    assert_eq!(console.note("verify").await, Ok(None));
    let note = |second: i64, text: &str| Note { at: later(second), text: text.to_owned() };
    for left in [note(1, "{}"), note(0, r#"{"holds":true}"#)] {
        console.leave_note("verify", &left).await.unwrap();
        assert_eq!(console.note("verify").await, Ok(Some(left)));
    }
    assert_eq!(console.note("reconciler").await, Ok(None));
}
