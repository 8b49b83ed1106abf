//! The write that makes payments: the only place where a payment comes into being.

mod arguments;
mod queue;

use crate::pool::Connection;
use crate::rows::{self, value};
use crate::sql;
pub(crate) use queue::Queue;

use arguments::Arguments;
use sekali_core::domain::{
    Invoice, InvoiceId, InvoiceStatus, Money, Payment, PaymentId, Receipt, Status, UserId, invoice_number,
};
use sekali_core::ports::{CreateOutcome, NewPayment, StoreError};
use tokio_postgres::Row;

/// How often an item that was neither written nor told why is tried again. Each time round,
/// somebody else has changed something between two statements.
const ATTEMPTS: usize = 3;

/// Writes what can be written at once, by one statement, and tells the outcome of each item that has one by then: first of those
/// that were made, then of those that cannot be. The others wait for somebody else's transaction.
async fn attempt(
    connection: &mut Connection,
    items: &[NewPayment],
    tell: &mut (dyn FnMut(usize, CreateOutcome) + Send),
) -> Result<(), StoreError> {
    let items: Vec<&NewPayment> = items.iter().collect();
    let mut open = Vec::new();
    for (at, receipt) in write(connection, &items, Form::SkipsHeld).await?.into_iter().enumerate() {
        match receipt {
            Some(receipt) => tell(at, CreateOutcome::Created(receipt)),
            None => open.push(at),
        }
    }
    let rest: Vec<&NewPayment> = open.iter().map(|&at| items[at]).collect();
    if rest.is_empty() {
        return Ok(());
    }
    for (at, outcome) in open.into_iter().zip(classify(connection, &rest).await?) {
        if let Some(outcome) = outcome {
            tell(at, outcome);
        }
    }
    Ok(())
}

/// Writes one payment, waiting for whoever holds its consultation, or says why not.
async fn create_one(connection: &mut Connection, item: &NewPayment) -> Result<CreateOutcome, StoreError> {
    for _ in 0..ATTEMPTS {
        if let Some(Some(receipt)) = write(connection, &[item], Form::Waits).await?.pop() {
            return Ok(CreateOutcome::Created(receipt));
        }
        if let Some(Some(outcome)) = classify(connection, &[item]).await?.pop() {
            return Ok(outcome);
        }
    }
    Err(StoreError::Conflict("the consultation changed at every attempt".to_owned()))
}

/// What happens at a consultation that another transaction holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Waits,
    SkipsHeld,
}

/// The receipts of those that were written now.
async fn write(
    connection: &mut Connection,
    items: &[&NewPayment],
    form: Form,
) -> Result<Vec<Option<Receipt>>, StoreError> {
    let arguments = Arguments::of(items);
    if arguments.is_empty() {
        return Ok(vec![None; items.len()]);
    }
    let rows = arguments.send(connection, form).await?;
    let mut receipts = vec![None; items.len()];
    for row in &rows {
        let item = arguments.item(value(row, "item")?)?;
        let (payment, invoice) = (value(row, "payment_id")?, value(row, "invoice_id")?);
        receipts[item] = Some(receipt(items[item], PaymentId(payment), InvoiceId(invoice)));
    }
    Ok(receipts)
}

/// What was written, without reading it back.
fn receipt(new: &NewPayment, id: PaymentId, invoice: InvoiceId) -> Receipt {
    let (at, amount) = (new.at.whole_second(), new.terms.fee);
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
    let number = invoice_number(at, id);
    let invoice =
        Invoice { id: invoice, payment: id, number, amount, status: InvoiceStatus::Pending, issued_at: at };
    Receipt { payment, invoice }
}

/// Why each was not written; `None` if it could be now.
async fn classify(
    connection: &mut Connection,
    items: &[&NewPayment],
) -> Result<Vec<Option<CreateOutcome>>, StoreError> {
    let users: Vec<i64> = items.iter().map(|new| new.user.0).collect();
    let keys: Vec<&str> = items.iter().map(|new| new.key.as_str()).collect();
    let consultations: Vec<i64> = items.iter().map(|new| new.consultation.0).collect();
    let rows = connection.read(&sql::CLASSIFY, &[&users, &keys, &consultations]).await?;
    if rows.len() != items.len() {
        return Err(StoreError::Broken(
            "a consultation has two active payments, or a payment two invoices".into(),
        ));
    }
    items.iter().zip(&rows).map(|(new, row)| outcome(new, row)).collect()
}

/// In the order of the contract, part 3.
fn outcome(new: &NewPayment, row: &Row) -> Result<Option<CreateOutcome>, StoreError> {
    let existing = match value::<Option<i64>>(row, "id")? {
        Some(_) => Some(rows::receipt(row)?),
        None => None,
    };
    if value::<Option<&[u8]>>(row, "fingerprint")?.is_some() {
        let fingerprint = rows::fingerprint(row)?;
        let receipt =
            existing.ok_or_else(|| StoreError::Broken("a key's payment has no invoice".to_owned()))?;
        let mine = receipt.payment.reference == new.reference;
        return Ok(Some(if mine {
            CreateOutcome::Created(receipt)
        } else {
            CreateOutcome::KeyUsed { fingerprint, receipt }
        }));
    }
    match value::<Option<i64>>(row, "patient_id")?.map(UserId) {
        None => return Ok(Some(CreateOutcome::NoConsultation)),
        Some(patient) if patient != new.user => return Ok(Some(CreateOutcome::NotThePatient)),
        Some(_) => {}
    }
    let consultation = match rows::consultation(row) {
        Err(StoreError::Broken(text)) => return Ok(Some(CreateOutcome::Unpriced(text))),
        other => other?,
    };
    if consultation.terms != new.terms {
        return Ok(Some(CreateOutcome::OtherTerms(consultation)));
    }
    if consultation.terms.fee.minor <= 0 {
        return Ok(Some(CreateOutcome::Unpriced("a consultation costs nothing".to_owned())));
    }
    Ok(existing.map(CreateOutcome::Active))
}
