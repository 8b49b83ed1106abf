//! Writing down what was decided. Each statement names the state it leaves and has to find it: the file
//! was read in the same transaction.

use crate::connection::Sql;
use crate::failure::broken;
use crate::{cases, file, sql};
use rusqlite::params;
use sekali_core::decision::{Change, Decision};
use sekali_core::domain::{
    Capture, CheckoutSession, Dispute, InvoiceStatus, PaymentFile, PaymentId, Refund, RefundOrigin, Status,
};
use sekali_core::ports::StoreError;

/// Writes every change of the decision, in its order.
pub(crate) fn apply(sql: &Sql<'_>, file: &PaymentFile, decision: &Decision) -> Result<(), StoreError> {
    let write = Write { sql, file, payment: file.payment.id, at: decision.at.sql() };
    decision.changes.iter().try_for_each(|change| write.change(change))
}

/// One decision about one payment.
struct Write<'w> {
    sql: &'w Sql<'w>,
    file: &'w PaymentFile,
    payment: PaymentId,
    /// As the columns hold it, in whole seconds.
    at: String,
}

impl Write<'_> {
    fn change(&self, change: &Change) -> Result<(), StoreError> {
        let (sql, id, at) = (self.sql, self.payment.0, &self.at);
        match change {
            Change::Status { from, to } => self.status(*from, *to),
            Change::CancelRequested => sql.run_on_one(sql::REQUEST_CANCEL, (id, at)),
            Change::Refunded { minor, taxes } => self.refunded(*minor, taxes),
            Change::DisputeState(state) => sql.run_on_one(sql::SET_DISPUTE, (id, state.as_str(), at)),
            Change::NewSession(session) => self.new_session(session),
            Change::Session { id: session, from, to, gateway_id } => sql.run_on_one(
                sql::MOVE_SESSION,
                (session.to_string(), id, from.as_str(), to.as_str(), gateway_id, at),
            ),
            Change::Ending { id: session, key } => {
                sql.run_on_one(sql::END_SESSION, (session.to_string(), id, key.to_string(), at))
            }
            Change::NewCapture(capture) => self.new_capture(capture),
            Change::NewRefund(refund) => self.new_refund(refund),
            Change::Refund { id: refund, from, to, gateway_id, failure } => sql.run_on_one(
                sql::MOVE_REFUND,
                (refund.to_string(), id, from.as_str(), to.as_str(), gateway_id, failure, at),
            ),
            Change::Dispute(dispute) => self.dispute(dispute),
            Change::OpenCase { kind, object, detail } => {
                cases::open(sql, *kind, object, Some(self.payment), detail, at).map(drop)
            }
            Change::CloseCase { kind, object } => cases::close(sql, *kind, object, at).map(drop),
        }
    }

    /// The invoice goes in step.
    fn status(&self, from: Status, to: Status) -> Result<(), StoreError> {
        let ends = from.is_active() && !to.is_active();
        let statement = if ends { sql::END_PAYMENT } else { sql::MOVE_PAYMENT };
        let id = self.payment.0;
        self.sql.run_on_one(statement, (id, from.as_str(), to.as_str(), &self.at))?;
        let (invoice_from, invoice_to) = (InvoiceStatus::of(from), InvoiceStatus::of(to));
        if invoice_from == invoice_to {
            return Ok(());
        }
        let (from, to) = (invoice_from.as_str(), invoice_to.as_str());
        self.sql.run_on_one(sql::MOVE_INVOICE, (id, from, to, &self.at))
    }

    fn refunded(&self, minor: i64, taxes: &[i64]) -> Result<(), StoreError> {
        self.sql.run_on_one(sql::REFUND_OF_PAYMENT, (self.payment.0, minor, &self.at))?;
        let ids = file::tax_ids(self.sql, self.payment)?;
        if ids.len() != taxes.len() {
            return Err(broken(format!("{} amounts for {} tax records", taxes.len(), ids.len())));
        }
        let mut records = ids.into_iter().zip(taxes);
        records.try_for_each(|record| self.sql.run_on_one(sql::REFUND_OF_TAX, record))
    }

    fn new_session(&self, session: &CheckoutSession) -> Result<(), StoreError> {
        self.sql.run_on_one(
            sql::INSERT_SESSION,
            params![
                session.id.to_string(),
                self.payment.0,
                self.file.payment.consultation.0,
                session.state.as_str(),
                session.request,
                session.gateway_id,
                session.ending.map(|key| key.to_string()),
                session.created_at.sql(),
                self.at,
            ],
        )
    }

    fn new_capture(&self, capture: &Capture) -> Result<(), StoreError> {
        self.sql.run_on_one(
            sql::INSERT_CAPTURE,
            params![
                capture.payment_intent,
                self.payment.0,
                capture.session.to_string(),
                capture.amount.minor,
                capture.amount.currency.code(),
                capture.disposition.as_str(),
                capture.created_at.sql(),
            ],
        )
    }

    fn new_refund(&self, refund: &Refund) -> Result<(), StoreError> {
        let operator = match &refund.origin {
            RefundOrigin::Operator { by, key, fingerprint } => Some((by, key, fingerprint)),
            RefundOrigin::Automatic | RefundOrigin::Dashboard => None,
        };
        let currency = refund.amount.currency;
        self.sql.run_on_one(
            sql::INSERT_REFUND,
            params![
                refund.id.to_string(),
                self.payment.0,
                refund.payment_intent,
                refund.amount.minor,
                currency.code(),
                currency.decimals(),
                refund.state.as_str(),
                refund.origin.as_str(),
                operator.map(|(by, _, _)| by.0),
                operator.map(|(_, key, _)| key.as_str()),
                operator.map(|(_, _, fingerprint)| fingerprint.to_hex()),
                refund.reason,
                refund.request,
                refund.gateway_id,
                refund.replaces.map(|refund| refund.to_string()),
                refund.failure,
                refund.created_at.sql(),
                self.at,
            ],
        )
    }

    fn dispute(&self, dispute: &Dispute) -> Result<(), StoreError> {
        self.sql.run_on_one(
            sql::PUT_DISPUTE,
            params![
                dispute.gateway_id,
                self.payment.0,
                dispute.payment_intent,
                dispute.amount.minor,
                dispute.amount.currency.code(),
                dispute.state.as_str(),
                dispute.reason,
                dispute.created_at.sql(),
                self.at,
            ],
        )
    }
}
