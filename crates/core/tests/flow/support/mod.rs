//! What every test stands on.

pub(crate) mod clock;
pub(crate) mod coordination;
pub(crate) mod counters;
pub(crate) mod death;
pub(crate) mod host;
pub(crate) mod journal;
pub(crate) mod log;
pub(crate) mod script;
pub(crate) mod store;
pub(crate) mod stripe;

use clock::{FakeClock, SeededRandom};
use coordination::WatchedCoordination;
use host::FakeHost;
use journal::Journal;
use sekali_core::domain::{
    Actor, ConsultationId, Currency, Decimal, IdempotencyKey, Money, Origin, PaymentFile, PaymentMethod,
    Receipt, Role, TaxRule, Timestamp, User, UserId,
};
use sekali_core::flow::cancel::Cancel;
use sekali_core::flow::checkout::{Checkout, CheckoutRules, Way};
use sekali_core::flow::inbox::Inbox;
use sekali_core::flow::outbox::Outbox;
use sekali_core::flow::pay::{
    Answer, Duplicate, Duplicates, Pay, PayError, PayRequest, Presses, Pricing, Twin,
};
use sekali_core::flow::reconcile::{Reconcile, ReconcileRules, Report};
use sekali_core::flow::refund::Refunds;
use sekali_core::flow::settle::Settle;
use sekali_core::ports::{
    AuditStore, Clock, ConsultationStore, FileStore, PaymentStore, Probe, Random, SchemaStore,
};
use sekali_store_sqlite::SqliteStore;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use store::WatchedStore;
use stripe::{FakeStripe, SIGNED};
use uuid::Uuid;

/// The patient of every consultation, unless a test says otherwise.
pub(crate) const PATIENT: UserId = UserId(1);
/// The consultation that is there from the start: 5000.00 PHP.
pub(crate) const CONSULTATION: ConsultationId = ConsultationId(5);

/// A database with one consultation, and everything the flows work through.
pub(crate) struct Stage {
    pub(crate) journal: Arc<Journal>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) random: Arc<SeededRandom>,
    pub(crate) coordination: Arc<WatchedCoordination>,
    pub(crate) store: Arc<WatchedStore>,
    pub(crate) stripe: Arc<FakeStripe>,
    pub(crate) installation: Uuid,
    pub(crate) duplicates: Arc<Duplicates>,
    pub(crate) presses: Arc<Presses>,
    pub(crate) host: Arc<FakeHost>,
    sqlite: Arc<SqliteStore>,
    folder: Folder,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::seeded(1).await
    }

    pub(crate) async fn seeded(seed: u64) -> Self {
        let folder = Folder::create();
        let sqlite = Arc::new(SqliteStore::open(&folder.0.join("sekali.db")).unwrap());
        sqlite.migrate().await.unwrap();
        sqlite.set_next_ids(100, 50, 1).await.unwrap();
        let journal = Arc::new(Journal::default());
        let clock = Arc::new(FakeClock::new(Arc::clone(&journal)));
        let stage = Self {
            random: Arc::new(SeededRandom::new(seed)),
            coordination: Arc::new(WatchedCoordination::new(clock.clone(), Arc::clone(&journal))),
            store: Arc::new(WatchedStore::new(Arc::clone(&sqlite), Arc::clone(&journal))),
            stripe: Arc::new(FakeStripe::new(Arc::clone(&sqlite))),
            installation: sqlite.installation().await.unwrap(),
            duplicates: Arc::default(),
            presses: Arc::default(),
            host: Arc::default(),
            journal,
            clock,
            sqlite,
            folder,
        };
        stage.consult(CONSULTATION, PATIENT, money("5000", "PHP"), None).await;
        stage
    }

    /// The host application puts a consultation.
    pub(crate) async fn consult(
        &self,
        id: ConsultationId,
        patient: UserId,
        fee: Money,
        exempt: Option<bool>,
    ) {
        self.sqlite.put_consultation(id, patient, fee, exempt, self.clock.now()).await.unwrap();
    }

    pub(crate) fn pay(&self) -> Pay {
        self.pay_watched_by(self.journal.clone())
    }

    pub(crate) fn pay_watched_by(&self, probe: Arc<dyn Probe>) -> Pay {
        Pay {
            store: self.store.clone(),
            turnstile: self.coordination.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            probe,
            pricing: Pricing { taxes: TaxRule::defaults(), default_currency: Currency::PHP },
            duplicates: self.duplicates.clone(),
            presses: self.presses.clone(),
        }
    }

    pub(crate) fn settle(&self) -> Settle {
        self.settle_watched_by(self.journal.clone())
    }

    pub(crate) fn settle_watched_by(&self, probe: Arc<dyn Probe>) -> Settle {
        Settle {
            store: self.store.clone(),
            gateway: self.stripe.clone(),
            board: self.coordination.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            probe,
            installation: self.installation,
        }
    }

    pub(crate) fn cancel(&self) -> Cancel {
        Cancel { checkout: self.checkout() }
    }

    pub(crate) fn refunds(&self) -> Refunds {
        Refunds { settle: self.settle() }
    }

    pub(crate) fn reconcile(&self) -> Reconcile {
        self.reconcile_within(10)
    }

    /// A reconciler that makes so many automatic refunds an hour.
    pub(crate) fn reconcile_within(&self, automatic_refunds_an_hour: u64) -> Reconcile {
        let pending_expires = Duration::from_secs(24 * 3600);
        Reconcile {
            cancel: self.cancel(),
            refunds: self.refunds(),
            rules: ReconcileRules {
                interval: Duration::from_secs(30),
                pending_expires,
                automatic_refunds_an_hour,
            },
            holder: self.random.uuid(),
            watermark: std::sync::Mutex::default(),
            begin_after: std::sync::Mutex::default(),
            renewed: std::sync::Mutex::default(),
        }
    }

    /// The reconciler makes a pass.
    pub(crate) async fn pass(&self) -> Report {
        self.reconcile().pass_now(&|_, _| {}).await.unwrap()
    }

    pub(crate) fn outbox(&self) -> Outbox {
        self.outbox_watched_by(self.journal.clone())
    }

    pub(crate) fn outbox_watched_by(&self, probe: Arc<dyn Probe>) -> Outbox {
        Outbox {
            store: self.store.clone(),
            host: self.host.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            probe,
        }
    }

    /// Delivers what is due; how many attempts that were.
    pub(crate) async fn deliver(&self) -> usize {
        let mut attempts = 0;
        loop {
            match self.outbox().work().await.unwrap() {
                0 => return attempts,
                made => attempts += made,
            }
        }
    }

    pub(crate) fn inbox(&self) -> Inbox {
        Inbox { settle: self.settle() }
    }

    pub(crate) fn checkout(&self) -> Checkout {
        self.checkout_watched_by(self.journal.clone())
    }

    pub(crate) fn checkout_watched_by(&self, probe: Arc<dyn Probe>) -> Checkout {
        let rules = CheckoutRules {
            public_url: "https://pay.clinic.test".into(),
            expires_in: Duration::from_secs(24 * 3600),
        };
        Checkout { settle: self.settle_watched_by(probe), rules }
    }

    /// Presses BAYAR with this key, and forgets in the journal that it did.
    pub(crate) async fn paying(&self, name: &str) -> Receipt {
        let receipt = created(self.pay().pay(&press(name)).await);
        self.journal.clear();
        receipt
    }

    /// A payment whose session is open at Stripe, and Stripe's name for the session.
    pub(crate) async fn at_stripe(&self, name: &str) -> (Receipt, String) {
        let receipt = self.paying(name).await;
        let way = self.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        assert!(matches!(way, Way::ToStripe(_)), "{way:?}");
        let latest = self.sqlite.latest_session(receipt.payment.id).await.unwrap().unwrap();
        let session = latest.gateway_id.unwrap();
        self.journal.clear();
        (receipt, session)
    }

    /// So many payments, each of a consultation of its own and with its session open at Stripe.
    pub(crate) async fn many_at_stripe(&self, payments: i64) {
        for n in 0..payments {
            let id = ConsultationId(1000 + n);
            self.consult(id, PATIENT, money("5000", "PHP"), None).await;
            let request = PayRequest { consultation: id, ..press(&format!("k{n}")) };
            let receipt = created(self.pay().pay(&request).await);
            self.checkout().proceed(receipt.payment.id, "id", &patient()).await.unwrap();
        }
        self.journal.clear();
    }

    /// A payment that was paid, and its payment intent.
    pub(crate) async fn completed(&self, name: &str) -> (Receipt, String) {
        let (receipt, session) = self.at_stripe(name).await;
        let paid = self.stripe.pay(&session);
        self.settle().settle_session(&session, &callback()).await.unwrap();
        self.journal.clear();
        (self.stored(&receipt).await, paid.payment_intent.unwrap())
    }

    /// All that belongs to the payment.
    pub(crate) async fn file(&self, receipt: &Receipt) -> PaymentFile {
        self.sqlite.file(receipt.payment.id).await.unwrap().unwrap()
    }

    /// The kinds of the payment's record, in order.
    pub(crate) async fn kinds(&self, receipt: &Receipt) -> Vec<String> {
        let record = self.sqlite.record(receipt.payment.id, 0, 1000).await.unwrap();
        record.into_iter().map(|event| event.kind).collect()
    }

    /// Stripe sends a webhook; whether it is a new one.
    pub(crate) async fn webhook(&self, event: &str, kind: &str, object: &str) -> bool {
        self.inbox().receive(format!("{event} {kind} {object}").as_bytes(), SIGNED).await.unwrap()
    }

    /// A worker works off what is due; how many events that were.
    pub(crate) async fn work(&self) -> usize {
        let mut worked = 0;
        loop {
            match self.inbox().work().await.unwrap() {
                0 => return worked,
                taken => worked += taken,
            }
        }
    }

    /// The payment as the database has it.
    pub(crate) async fn stored(&self, receipt: &Receipt) -> Receipt {
        self.sqlite.payment(receipt.payment.id).await.unwrap().unwrap()
    }

    /// The rows of a query, columns joined by ` | `.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let table = self.sqlite.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        table.rows.iter().map(|row| row.join(" | ")).collect()
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> usize {
        self.rows(&format!("SELECT count(*) FROM {table}")).await[0].parse().unwrap()
    }

    /// Follows every record.
    pub(crate) async fn verify_records(&self) -> sekali_core::audit::Records {
        sekali_core::audit::verify_records(&*self.sqlite, &|_| {}).await.unwrap()
    }

    /// Somebody changes the file past the service.
    pub(crate) fn tamper(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.folder.0.join("sekali.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    pub(crate) fn statements(&self) -> u64 {
        self.sqlite.statements()
    }

    /// Runs the invariants of `sekali verify`; `except` is the one that the test broke on purpose.
    pub(crate) async fn assert_sound(&self, except: Option<&str>) {
        for finding in sekali_core::audit::verify(&*self.sqlite).await.unwrap() {
            let expected = except != Some(finding.check.invariant);
            assert_eq!(finding.holds(), expected, "{}: {:?}", finding.check.invariant, finding.rows);
        }
        let records = sekali_core::audit::verify_records(&*self.sqlite, &|_| {}).await.unwrap();
        assert_eq!(records.broken, [], "each record is as it was written");
    }
}

/// The patient presses BAYAR for the consultation, with the original's header.
pub(crate) fn press(name: &str) -> PayRequest {
    PayRequest {
        user: User { id: PATIENT, role: Role::Patient },
        key: key(name),
        consultation: CONSULTATION,
        amount: decimal("5000"),
        method: PaymentMethod::Stripe,
        twin: Twin::Await,
        request_id: None,
    }
}

/// The patient's own request.
pub(crate) fn patient() -> Origin {
    Origin::request(Actor::Patient, PATIENT, None)
}

/// The patient's browser, come back from Stripe.
pub(crate) fn callback() -> Origin {
    Origin::of(Actor::Callback)
}

pub(crate) fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::new(name).unwrap()
}

pub(crate) fn decimal(text: &str) -> Decimal {
    Decimal::parse_digits(text).unwrap()
}

pub(crate) fn money(amount: &str, code: &str) -> Money {
    Money::from_decimal(decimal(amount), Currency::from_code(code).unwrap()).unwrap()
}

/// So many seconds after the contract's moment.
pub(crate) fn second(n: i64) -> Timestamp {
    Timestamp::from_seconds(1_705_314_600 + n)
}

#[track_caller]
pub(crate) fn created(answer: Result<Answer, PayError>) -> Receipt {
    match answer {
        Ok(Answer::Created(receipt)) => receipt,
        other => panic!("a new payment was expected, but: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn duplicate(answer: Result<Answer, PayError>) -> Duplicate {
    match answer {
        Ok(Answer::Duplicate(duplicate)) => duplicate,
        other => panic!("a duplicate was expected, but: {other:?}"),
    }
}

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sekali-flow-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{} is left behind", self.0.display());
    }
}
