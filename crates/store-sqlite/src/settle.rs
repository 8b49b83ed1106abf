//! The one transition that follows from what Stripe says of a session (design, part 1, rule 5).

use crate::connection::Sql;
use crate::{checkout, payments, sql};
use sekali_core::domain::{CheckoutSession, InvoiceStatus, Money, Receipt, Status, Timestamp};
use sekali_core::ports::{SettleOutcome, Settlement, StoreError};

pub(crate) fn settle(sql: &Sql<'_>, news: &Settlement) -> Result<SettleOutcome, StoreError> {
    let Some(session) = checkout::find(sql, news.session())? else { return Ok(SettleOutcome::NoSession) };
    let changed = match news {
        Settlement::Paid { gateway_id, payment_intent, amount, at, .. } => {
            let capture = Capture { payment_intent, amount: *amount, gateway_id, at: *at };
            return paid(sql, &session, &capture);
        }
        Settlement::Submitted { gateway_id, at, .. } => {
            sql.run(sql::SUBMIT_SESSION, (session.id.to_string(), gateway_id, at.sql()))? == 1
        }
        Settlement::Expired { gateway_id, at, .. } => {
            let ended = sql.run(sql::EXPIRE_SESSION, (session.id.to_string(), gateway_id, at.sql()))? == 1;
            ended && end(sql, &session, Status::Expired, *at)?
        }
        Settlement::Refused { at, .. } => {
            let ended = sql.run(sql::REFUSE_SESSION, (session.id.to_string(), at.sql()))? == 1;
            ended && end(sql, &session, Status::Failed, *at)?
        }
    };
    let receipt = payments::get(sql, session.payment)?;
    Ok(if changed { SettleOutcome::Changed(receipt) } else { SettleOutcome::Unchanged(receipt) })
}

/// Money that Stripe has.
struct Capture<'a> {
    payment_intent: &'a str,
    amount: Money,
    gateway_id: &'a str,
    at: Timestamp,
}

fn paid(
    sql: &Sql<'_>,
    session: &CheckoutSession,
    capture: &Capture<'_>,
) -> Result<SettleOutcome, StoreError> {
    let receipt = payments::get(sql, session.payment)?;
    if sql.any(sql::CAPTURE, [capture.payment_intent])? {
        return Ok(SettleOutcome::Unchanged(receipt));
    }
    let disposition = disposition(sql, &receipt, capture.amount)?;
    keep(sql, session, capture, disposition)?;
    if disposition != "settled" {
        return Ok(SettleOutcome::Surplus(payments::get(sql, session.payment)?));
    }
    let (payment, at) = (session.payment, capture.at.sql());
    sql.run_on_one(sql::COMPLETE_PAYMENT, (payment.0, &at))?;
    sql.run_on_one(sql::CLOSE_INVOICE, (payment.0, InvoiceStatus::Paid.as_str(), &at))?;
    Ok(SettleOutcome::Changed(payments::get(sql, payment)?))
}

/// What the money is to the payment, in the word of the table `captures`.
fn disposition(sql: &Sql<'_>, receipt: &Receipt, amount: Money) -> Result<&'static str, StoreError> {
    let payment = &receipt.payment;
    if payment.status != Status::Processing || sql.any(sql::SETTLED_CAPTURE, [payment.id.0])? {
        return Ok("surplus");
    }
    Ok(if payment.amount == amount { "settled" } else { "mismatch" })
}

/// Writes the money down, whatever it settles; its session is over.
fn keep(
    sql: &Sql<'_>,
    session: &CheckoutSession,
    capture: &Capture<'_>,
    disposition: &str,
) -> Result<(), StoreError> {
    let (id, at) = (session.id.to_string(), capture.at.sql());
    let Money { minor, currency } = capture.amount;
    sql.run_on_one(
        sql::INSERT_CAPTURE,
        (capture.payment_intent, session.payment.0, &id, minor, currency.code(), disposition, &at),
    )?;
    sql.run_on_one(sql::COMPLETE_SESSION, (&id, capture.gateway_id, &at))
}

/// Ends the payment of a session that has just ended: the payment can only go when that is dead.
fn end(sql: &Sql<'_>, session: &CheckoutSession, status: Status, at: Timestamp) -> Result<bool, StoreError> {
    let at = at.sql();
    sql.run_on_one(sql::END_PAYMENT, (session.payment.0, status.as_str(), &at))?;
    let invoice = InvoiceStatus::of(status).as_str();
    sql.run_on_one(sql::CLOSE_INVOICE, (session.payment.0, invoice, &at))?;
    Ok(true)
}
