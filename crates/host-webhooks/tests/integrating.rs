//! docs/integrating.md shows what is: the examples' files word for word, and the bodies that are sent.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use sekali_core::domain::record::EndReason;
use sekali_core::domain::{
    Actor, Currency, Entry, Head, Invoice, InvoiceId, InvoiceStatus, Money, Origin, Payment, PaymentId,
    PaymentMethod, Receipt, RecordedEvent, Status, Timestamp, UserId, What,
};
use sekali_core::flow::outbox::message;
use sekali_core::ports::Delivery;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use uuid::{Uuid, uuid};

const REFERENCE: Uuid = Uuid::from_u128(7);
const MOMENT: Timestamp = Timestamp::from_seconds(1_705_314_600);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn page() -> String {
    read_to_string(root().join("docs/integrating.md")).unwrap()
}

/// Each fenced block of this language, with the last line of text before it.
fn blocks(page: &str, language: &str) -> Vec<(String, String)> {
    let (mut found, mut before) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(named) = line.strip_prefix("```") else {
            if !line.is_empty() {
                line.clone_into(&mut before);
            }
            continue;
        };
        let block: String =
            lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        if named == language {
            found.push((before.clone(), block));
        }
    }
    found
}

/// The file that a line such as "[`a`](../a):" leads to.
fn named_file(line: &str) -> String {
    let path = line.strip_suffix("):").and_then(|line| line.split_once("](../")).map(|(_, path)| path);
    path.unwrap_or_else(|| panic!("this line names no file: {line}")).to_owned()
}

/// The files that an example shows: all of its code but what only starts or tests it.
fn example_files(folder: &str, extension: &str, but: &[&str]) -> BTreeSet<String> {
    let (root, mut found) = (root(), BTreeSet::new());
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !name.ends_with("/node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension)
                && !but.iter().any(|but| name.ends_with(&format!("/{but}")))
            {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn the_examples_are_shown_word_for_word() {
    let page = page();
    for (language, expected) in [
        ("js", example_files("examples/express-host", "mjs", &["server.mjs", "test.mjs", "host.test.mjs"])),
        ("php", example_files("examples/laravel-host", "php", &["check.php"])),
    ] {
        let mut shown = BTreeSet::new();
        for (before, block) in blocks(&page, language) {
            let file = named_file(&before);
            assert_eq!(
                block,
                read_to_string(root().join(&file)).unwrap(),
                "{file} is not what is shown of it"
            );
            shown.insert(file);
        }
        assert!(!shown.is_empty());
        assert_eq!(shown, expected);
    }
}

fn receipt() -> Receipt {
    let amount = Money::new(500_000, Currency::PHP);
    let payment = Payment {
        id: PaymentId(100),
        reference: REFERENCE,
        user: UserId(1),
        consultation: sekali_core::domain::ConsultationId(5),
        amount,
        method: PaymentMethod::Stripe,
        // As it stands when the message is sent, which need not be as it was.
        status: Status::Refunded,
        submitted: false,
        cancel_requested: false,
        refunded: amount,
        dispute: None,
        created_at: MOMENT,
        updated_at: MOMENT,
    };
    let invoice = Invoice {
        id: InvoiceId(50),
        payment: payment.id,
        number: "INV-20240115103000-000100".into(),
        amount,
        status: InvoiceStatus::Pending,
        issued_at: MOMENT,
    };
    Receipt { payment, invoice }
}

/// The body that is sent of an entry with this number, so many seconds after the payment was made.
fn sent(sequence: i64, later: i64, what: What) -> Value {
    let entry = Entry { what, origin: Origin::of(Actor::Sekali) };
    let head = Head { seq: sequence - 1, ..Head::default() };
    let at = Timestamp::from_seconds(MOMENT.as_seconds() + later);
    let event = RecordedEvent::after(head, PaymentId(100), REFERENCE, at, &entry);
    let delivery = Delivery { reference: REFERENCE, event, attempts: 1, failing_since: None };
    serde_json::from_str(&message(&receipt(), &delivery, at).body).unwrap()
}

fn ended(sequence: i64, to: Status, reason: EndReason) -> Value {
    let what = What::Ended { to: to.as_str().into(), reason, session: None, gateway_id: None };
    sent(sequence, 60, what)
}

#[test]
fn each_event_has_the_body_that_is_shown() {
    let php = |minor| Money::new(minor, Currency::PHP).into();
    let session = Uuid::from_u128(8);
    let expected = [
        sent(1, 0, What::Created { amount: php(500_000), method: "stripe".into(), key_hash: "ab".into() }),
        sent(2, 5, What::CheckoutIntended { session }),
        sent(
            4,
            60,
            What::Completed {
                session,
                gateway_id: "cs_1".into(),
                payment_intent: "pi_1".into(),
                amount: php(500_000),
            },
        ),
        ended(4, Status::Failed, EndReason::BankFailed),
        ended(3, Status::Cancelled, EndReason::Cancelled),
        ended(4, Status::Expired, EndReason::SessionExpired),
        sent(
            6,
            30 * 60,
            What::RefundSucceeded {
                refund: uuid!("5f0c2f1e-7a53-4a57-9f5b-0d3f6c6b8a11"),
                gateway_id: Some("re_1".into()),
                amount: php(100_000),
                refunded: Some(php(100_000)),
                status: "completed".into(),
            },
        ),
        sent(
            7,
            90 * 60,
            What::Disputed {
                dispute: "dp_1".into(),
                payment_intent: "pi_1".into(),
                amount: php(500_000),
                state: "needs_response".into(),
                reason: "fraudulent".into(),
                status: "completed".into(),
            },
        ),
    ];
    let shown: Vec<Value> =
        blocks(&page(), "json").iter().map(|(_, block)| serde_json::from_str(block).unwrap()).collect();
    assert_eq!(shown.len(), expected.len());
    for (shown, expected) in shown.iter().zip(&expected) {
        assert_eq!(shown, expected);
    }
}
