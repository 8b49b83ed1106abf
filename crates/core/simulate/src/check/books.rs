//! What must hold between the database, Stripe's own books, and what the host was told.

use super::Found;
use crate::db::Db;
use crate::gateway::Books;
use sekali_core::domain::{Disposition, RefundState};
use sekali_core::ports::{CaseKind, HostMessage};
use std::collections::{BTreeMap, BTreeSet};

/// I2 and I8, counted at Stripe: every charge is known, and no payment is charged more than once in the end.
pub(super) fn check_money(db: &Db, stripe: &Books) -> Found {
    let mut found = Found::new();
    let mut kept: BTreeMap<String, i64> = BTreeMap::new();
    for charge in &stripe.charges {
        let reference = stripe.sessions[charge.session].reference;
        *kept.entry(reference.to_string()).or_default() +=
            charge.amount.minor - stripe.given_back(&charge.intent);
        let capture =
            db.rows.iter().find_map(|row| row.file.capture(&charge.intent).map(|capture| (row, capture)));
        let Some((row, capture)) = capture else {
            let shown = db.cases.iter().any(|case| case.object == charge.intent);
            if !shown {
                found.push((
                    "I8",
                    format!("{} was charged, belongs to no payment and is not shown", charge.intent),
                ));
            }
            continue;
        };
        if capture.amount != charge.amount || row.file.payment.reference != reference {
            found.push(("I8", format!("{} is another at Stripe than here", charge.intent)));
        }
        if capture.disposition == Disposition::Settled {
            continue;
        }
        let back = stripe.given_back(&charge.intent) == charge.amount.minor;
        let open = db.cases.iter().any(|case| {
            case.object == charge.intent
                && case.closed_at.is_none()
                && matches!(case.kind, CaseKind::Surplus | CaseKind::Mismatch)
        });
        if !back && !open {
            found.push(("I8", format!("{} settles nothing, is not back and not shown", charge.intent)));
        }
        if !back && row.file.refunds_of(&charge.intent).count() == 0 {
            found.push(("I8", format!("{} settles nothing and was never given back", charge.intent)));
        }
    }
    for row in &db.rows {
        let payment = &row.file.payment;
        let kept = kept.get(&payment.reference.to_string()).copied().unwrap_or(0);
        let replaced = row.file.refunds.iter().any(|refund| refund.state == RefundState::Failed);
        if kept > payment.amount.minor && !replaced {
            let (id, amount) = (payment.id, payment.amount.minor);
            found.push(("I2", format!("of payment {id} Stripe keeps {kept}, and {amount} is due")));
        }
    }
    found
}

/// I2: refunds here and at Stripe are the same.
pub(super) fn check_refunds(db: &Db, stripe: &Books) -> Found {
    let mut found = Found::new();
    for row in &db.rows {
        for capture in &row.file.captures {
            let (here, there) =
                (row.file.given_back(capture).minor, stripe.given_back(&capture.payment_intent));
            if here != there {
                let intent = &capture.payment_intent;
                found.push(("I2", format!("{here} of {intent} is back by the database, {there} by Stripe")));
            }
        }
        let settled = row.file.settled().map_or(0, |capture| row.file.given_back(capture).minor);
        if row.file.payment.refunded.minor != settled {
            found.push(("I2", format!("payment {} does not know what of it is back", row.file.payment.id)));
        }
    }
    let mut names = BTreeSet::new();
    for refund in &stripe.refunds {
        if let Some(name) = refund.refund
            && !names.insert(name)
        {
            found.push(("I2", format!("refund {name} was made twice at Stripe")));
        }
    }
    found
}

/// I11: every announced entry reached the host, in order, each under one name.
pub(super) fn check_host(db: &Db, taken: &[HostMessage]) -> Found {
    let mut found = Found::new();
    let mut known = BTreeMap::new();
    for row in &db.rows {
        let mut before = None;
        for event in row.record.iter().filter(|event| event.announces.is_some()) {
            let id = format!("msg_{}", &event.hash_hex()[..32]);
            let first = taken.iter().position(|message| message.id == id);
            let (payment, seq) = (row.file.payment.id, event.seq);
            match (before, first) {
                (_, None) => found
                    .push(("I11", format!("the host was never told of entry {seq} of payment {payment}"))),
                (Some(before), Some(first)) if first < before => {
                    found.push((
                        "I11",
                        format!("the host was told of entry {seq} of payment {payment} too early"),
                    ));
                }
                _ => before = first,
            }
            if let Some(other) = known.insert(id, (payment, seq)) {
                found.push(("I11", format!("{other:?} and {:?} have one name", (payment, seq))));
            }
        }
    }
    for message in taken.iter().filter(|message| !known.contains_key(&message.id)) {
        found.push(("I11", format!("the host was told of {}, which no record has", message.id)));
    }
    found
}

/// Where no clock jumps by a day.
pub(super) fn check_no_surplus(db: &Db) -> Found {
    let captures = db.rows.iter().flat_map(|row| &row.file.captures);
    let stray = captures.filter(|capture| capture.disposition != Disposition::Settled);
    stray.map(|capture| ("I8", format!("{} came and settles nothing", capture.payment_intent))).collect()
}
