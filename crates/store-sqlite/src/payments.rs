//! Payments: the write of step 3, and the ways to find them again.

use crate::connection::Sql;
use crate::consultations::{self, Record};
use crate::{SqliteStore, record, rows, sql};
use async_trait::async_trait;
use sekali_core::domain::{
    ConsultationId, Fingerprint, IdempotencyKey, Invoice, InvoiceId, InvoiceStatus, Money, Payment,
    PaymentId, Receipt, Status, Timestamp, UserId, invoice_number,
};
use sekali_core::ports::{CreateOutcome, NewPayment, Page, PaymentStore, StoreError};

#[async_trait]
impl PaymentStore for SqliteStore {
    async fn create_payments(&self, batch: &[NewPayment]) -> Result<Vec<CreateOutcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let batch = batch.to_vec();
        self.write(move |sql| batch.iter().map(|new| create(sql, new)).collect()).await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, StoreError> {
        self.read(move |sql| find(sql, id)).await
    }

    async fn key(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Fingerprint, Receipt)>, StoreError> {
        let key = key.clone();
        self.read(move |sql| by_key(sql, user, &key)).await
    }

    async fn payments(&self, page: &Page) -> Result<Vec<Receipt>, StoreError> {
        let before = page.before.map_or(i64::MAX, |id| id.0);
        let (user, consultation, limit) = (page.user, page.consultation, page.limit);
        self.read(move |sql| match (consultation, user) {
            (Some(ConsultationId(consultation)), user) => {
                let params = (before, limit, consultation, user.map(|user| user.0));
                sql.rows(sql::RECEIPTS_OF_CONSULTATION, params, rows::receipt)
            }
            (None, Some(user)) => sql.rows(sql::RECEIPTS_OF_USER, (before, limit, user.0), rows::receipt),
            (None, None) => sql.rows(sql::RECEIPTS_OF_ALL, (before, limit), rows::receipt),
        })
        .await
    }

    async fn purge_keys(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.write(move |sql| sql.run(sql::PURGE_KEYS, (before.sql(), limit)).map(|rows| rows as u64)).await
    }
}

/// A payment with its invoice.
pub(crate) fn find(sql: &Sql<'_>, id: PaymentId) -> Result<Option<Receipt>, StoreError> {
    sql.row(sql::RECEIPT, [id.0], rows::receipt)
}

fn by_key(
    sql: &Sql<'_>,
    user: UserId,
    key: &IdempotencyKey,
) -> Result<Option<(Fingerprint, Receipt)>, StoreError> {
    sql.row(sql::KEY, (user.0, key.as_str()), |row| {
        Ok((rows::fingerprint(row, rows::AFTER_RECEIPT)?, rows::receipt(row)?))
    })
}

/// Looks at everything in the contract's order (part 3), then writes. The transaction is the only
/// one that writes, so what it has read still holds when it commits.
fn create(sql: &Sql<'_>, new: &NewPayment) -> Result<CreateOutcome, StoreError> {
    if let Some((fingerprint, receipt)) = by_key(sql, new.user, &new.key)? {
        // Its own earlier attempt, whose commit was answered by nothing: the payment is this one.
        let mine = receipt.payment.reference == new.reference;
        return Ok(if mine {
            CreateOutcome::Created(receipt)
        } else {
            CreateOutcome::KeyUsed { fingerprint, receipt }
        });
    }
    let Some(record) = consultations::record(sql, new.consultation)? else {
        return Ok(CreateOutcome::NoConsultation);
    };
    if let Some(refusal) = refusal(&record, new) {
        return Ok(refusal);
    }
    let active = sql.row(sql::ACTIVE_RECEIPT, [new.consultation.0], rows::receipt)?;
    match active {
        Some(receipt) => Ok(CreateOutcome::Active(receipt)),
        None => insert(sql, new).map(CreateOutcome::Created),
    }
}

/// Why the consultation's record does not allow the payment.
fn refusal(record: &Record, new: &NewPayment) -> Option<CreateOutcome> {
    if record.patient != new.user {
        return Some(CreateOutcome::NotThePatient);
    }
    match record.read() {
        Err(error) => Some(CreateOutcome::Unpriced(error.to_string())),
        Ok(consultation) if consultation.terms != new.terms => Some(CreateOutcome::OtherTerms(consultation)),
        Ok(_) => None,
    }
}

fn insert(sql: &Sql<'_>, new: &NewPayment) -> Result<Receipt, StoreError> {
    let amount = new.terms.fee;
    let (code, decimals) = (amount.currency.code(), amount.currency.decimals());
    let at = new.at.whole_second();
    let id = PaymentId(sql.insert(
        sql::INSERT_PAYMENT,
        (
            new.reference.to_string(),
            new.user.0,
            new.consultation.0,
            amount.minor,
            code,
            decimals,
            new.method.as_str(),
            at.sql(),
        ),
    )?);
    for tax in &new.taxes {
        let decimals = tax.amount.currency.decimals();
        sql.insert(sql::INSERT_TAX, (id.0, &tax.name, tax.rate_ppm, tax.amount.minor, decimals))?;
    }
    let number = invoice_number(at, id);
    let invoice = sql.insert(sql::INSERT_INVOICE, (id.0, &number, amount.minor, code, decimals, at.sql()))?;
    let key = (new.user.0, new.key.as_str(), new.fingerprint.to_hex(), id.0, at.sql());
    sql.run_on_one(sql::INSERT_KEY, key)?;
    record::append(sql, id, &new.created)?;
    let payment = Payment {
        id,
        reference: new.reference,
        user: new.user,
        consultation: new.consultation,
        amount,
        method: new.method,
        status: Status::Pending,
        submitted: false,
        cancel_requested: false,
        refunded: Money::new(0, amount.currency),
        dispute: None,
        created_at: at,
        updated_at: at,
    };
    let invoice = Invoice {
        id: InvoiceId(invoice),
        payment: id,
        number,
        amount,
        status: InvoiceStatus::Pending,
        issued_at: at,
    };
    Ok(Receipt { payment, invoice })
}
