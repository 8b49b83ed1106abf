//! What must hold of the database's rows, and of answers against them.

use super::Found;
use crate::db::{Db, Row};
use crate::press::{Press, Presses, receipt};
use sekali_core::domain::record::What;
use sekali_core::domain::{Entry, Head, InvoiceStatus, Status, TaxRule, tax};
use sekali_core::flow::pay::{Answer, PayError};
use std::collections::BTreeMap;

/// I1, I3, I10, and the key's side of I5.
pub(super) fn check(db: &Db) -> Found {
    let mut found = Found::new();
    let mut active: BTreeMap<i64, u32> = BTreeMap::new();
    let mut by_key: BTreeMap<(i64, String), u32> = BTreeMap::new();
    for row in &db.rows {
        let payment = &row.file.payment;
        if payment.status.is_active() {
            *active.entry(payment.consultation.0).or_default() += 1;
        }
        if let Some(Entry { what: What::Created { key_hash, .. }, .. }) =
            row.record.first().and_then(sekali_core::domain::RecordedEvent::entry)
        {
            *by_key.entry((payment.user.0, key_hash)).or_default() += 1;
        }
        found.extend(invoice_and_taxes(row));
        found.extend(record(row));
    }
    for (consultation, count) in active.into_iter().filter(|(_, count)| *count > 1) {
        found.push(("I1", format!("consultation {consultation} has {count} active payments")));
    }
    for ((user, _), count) in by_key.into_iter().filter(|(_, count)| *count > 1) {
        found.push(("I5", format!("one key of user {user} has made {count} payments")));
    }
    found
}

/// I3.
fn invoice_and_taxes(row: &Row) -> Found {
    let mut found = Found::new();
    let (file, id) = (&row.file, row.file.payment.id);
    if row.invoices != 1 {
        found.push(("I3", format!("payment {id} has {} invoices", row.invoices)));
    }
    if file.invoice.amount != file.payment.amount || file.invoice.payment != id {
        found.push(("I3", format!("the invoice of payment {id} is about something else")));
    }
    if file.invoice.status != InvoiceStatus::of(file.payment.status) {
        let (invoice, status) = (file.invoice.status.as_str(), file.payment.status);
        found.push(("I3", format!("payment {id} is {status} and its invoice {invoice}")));
    }
    let due = tax::taxes(&TaxRule::defaults(), file.payment.amount, false);
    let recorded: Vec<_> = file.taxes.iter().map(|tax| tax.line.clone()).collect();
    if recorded != due {
        found.push((
            "I3",
            format!("payment {id} has {} tax records, and {} are due", recorded.len(), due.len()),
        ));
    }
    for tax in &file.taxes {
        if tax.refunded_minor != tax.line.refunded(file.payment.refunded).minor {
            found.push(("I3", format!("a tax of payment {id} is not refunded with it")));
        }
    }
    found
}

/// I10: without gaps, each hash over the one before, and it says how the payment stands.
fn record(row: &Row) -> Found {
    let mut found = Found::new();
    let payment = &row.file.payment;
    let (mut head, mut status) = (Head::default(), None);
    for event in &row.record {
        if !event.follows(head, payment.reference) {
            found.push(("I10", format!("entry {} of payment {} does not follow", event.seq, payment.id)));
            return found;
        }
        head = event.head();
        let entry = event.entry();
        status = entry.as_ref().and_then(|entry| entry.what.status().map(str::to_owned)).or(status);
    }
    if head != row.file.head {
        found.push(("I10", format!("the record of payment {} ends elsewhere", payment.id)));
    }
    if status.as_deref() != Some(payment.status.as_str()) {
        let told = status.unwrap_or_default();
        found.push((
            "I10",
            format!("payment {} is {} and its record says {told}", payment.id, payment.status),
        ));
    }
    found
}

/// I4, I5 and I7: what was answered, against the rows.
pub(super) fn check_answers(db: &Db, presses: &Presses) -> Found {
    let mut found = Found::new();
    let written = |reference| db.rows.iter().find(|row| row.file.payment.reference == reference);
    for reference in presses.committed.iter().filter(|reference| written(**reference).is_none()) {
        found.push(("I4", format!("the store said that {reference} is committed, and it is not there")));
    }
    for reference in presses.not_written.iter().filter(|reference| written(**reference).is_some()) {
        found.push(("I4", format!("the store said that {reference} was not written, and it is there")));
    }
    let mut by_key = BTreeMap::new();
    for press in &presses.all {
        let Some(Ok(answer)) = &press.answer else { continue };
        let payment = &receipt(answer).payment;
        match written(payment.reference) {
            None => found.push(("I4", format!("payment {} was answered and is lost", payment.id))),
            Some(row)
                if row.file.payment.amount != payment.amount || row.file.payment.user != payment.user =>
            {
                found.push(("I4", format!("payment {} is another than was answered", payment.id)));
            }
            Some(_) => {}
        }
        let of_this_key = match answer {
            Answer::Created(_) => true,
            Answer::Duplicate(duplicate) => duplicate.same_key,
        };
        if of_this_key {
            let first = *by_key.entry((press.user, press.key.clone())).or_insert(payment.reference);
            if first != payment.reference {
                found.push(("I5", format!("key {} has made a second payment, {}", press.key, payment.id)));
            }
        }
    }
    for (user, shown) in &presses.shown {
        let really = written(shown.payment.reference).map(|row| row.file.payment.user);
        if shown.payment.user != *user || really.is_some_and(|really| really != *user) {
            found.push(("I7", format!("user {user} was shown payment {} of another", shown.payment.id)));
        }
    }
    found
}

/// Whether the same user has sent the same key another time, for the same consultation.
fn has_twin(presses: &Presses, at: usize) -> bool {
    let press = &presses.all[at];
    let same = |other: &Press| {
        (other.user, &other.key, other.consultation) == (press.user, &press.key, press.consultation)
    };
    presses.all.iter().enumerate().any(|(number, other)| number != at && same(other))
}

/// An answer that cannot be right, whatever becomes of the payment.
pub(super) fn answer_is_wrong(db: &Db, presses: &Presses, at: usize) -> Option<(&'static str, String)> {
    let press = &presses.all[at];
    let answer = match press.answer.as_ref()? {
        Ok(answer) => answer,
        Err(PayError::Store(sekali_core::ports::StoreError::Broken(why))) => {
            return Some(("I9", format!("key {} meets a broken database: {why}", press.key)));
        }
        Err(PayError::InFlight) if !has_twin(presses, at) => {
            return Some(("I9", format!("key {} is in flight, and nobody else has sent it", press.key)));
        }
        Err(_) => return None,
    };
    let payment = &receipt(answer).payment;
    let really = db.rows.iter().find(|row| row.file.payment.reference == payment.reference);
    let really = really.map_or(payment.user, |row| row.file.payment.user);
    if really != press.user || payment.user != press.user {
        return Some((
            "I7",
            format!("user {} was shown payment {} of user {really}", press.user, payment.id),
        ));
    }
    let same = payment.consultation == press.consultation && payment.amount == press.amount;
    let of_this_key = match answer {
        Answer::Created(_) => true,
        Answer::Duplicate(duplicate) => duplicate.same_key,
    };
    if of_this_key && !same {
        return Some((
            "I5",
            format!("key {} was answered with payment {} of another request", press.key, payment.id),
        ));
    }
    let unpayable = matches!(answer, Answer::Duplicate(duplicate)
        if duplicate.can_be_paid && !matches!(duplicate.status, Status::Pending | Status::Processing));
    unpayable.then(|| ("I9", format!("payment {} is said to be payable and over", payment.id)))
}
