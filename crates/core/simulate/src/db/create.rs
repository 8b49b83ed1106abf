//! The only place where a payment comes into being.

use super::outbox::OutboxRow;
use super::{Db, KeyRow, Row};
use crate::plan::Guard;
use sekali_core::domain::file::TaxRecord;
use sekali_core::domain::{
    Consultation, Head, Invoice, InvoiceId, InvoiceStatus, Money, Payment, PaymentFile, PaymentId, Receipt,
    RecordedEvent, Status, invoice_number,
};
use sekali_core::ports::{CreateOutcome, NewPayment, StoreError};

/// What a look at everything has brought.
pub(crate) enum Look {
    /// It is not to be written.
    No(CreateOutcome),
    /// Nothing speaks against it.
    Go,
}

impl Db {
    /// Looks at everything in the contract's order.
    pub(crate) fn look(&self, new: &NewPayment) -> Look {
        let scoped = self.guards.has(Guard::KeyScope);
        let known =
            self.keys.iter().find(|((user, key), _)| *key == new.key && (*user == new.user || !scoped));
        if let Some((_, known)) = known
            && let Some(row) = self.row(known.payment)
        {
            let receipt = row.file.receipt();
            let mine = receipt.payment.reference == new.reference;
            let compared = self.guards.has(Guard::Fingerprint);
            let fingerprint = if compared { known.fingerprint } else { new.fingerprint };
            return Look::No(if mine {
                CreateOutcome::Created(receipt)
            } else {
                CreateOutcome::KeyUsed { fingerprint, receipt }
            });
        }
        let Some(record) = self.consultations.get(&new.consultation) else {
            return Look::No(CreateOutcome::NoConsultation);
        };
        if record.patient != new.user && self.guards.has(Guard::Patient) {
            return Look::No(CreateOutcome::NotThePatient);
        }
        if record.terms != new.terms {
            let (id, patient, terms) = (new.consultation, record.patient, record.terms);
            return Look::No(CreateOutcome::OtherTerms(Consultation { id, patient, terms }));
        }
        if record.terms.fee.minor <= 0 {
            return Look::No(CreateOutcome::Unpriced("a consultation costs nothing".into()));
        }
        let active = self.rows.iter().find(|row| {
            row.file.payment.consultation == new.consultation && row.file.payment.status.is_active()
        });
        match active {
            None => Look::Go,
            Some(row) => {
                let mut receipt = row.file.receipt();
                if !self.guards.has(Guard::Patient) {
                    // What the flow compares with the caller is the caller's.
                    receipt.payment.user = new.user;
                }
                Look::No(CreateOutcome::Active(receipt))
            }
        }
    }

    /// Writes payment, taxes, invoice, key, record and outbox.
    pub(crate) fn insert(&mut self, new: &NewPayment) -> Result<Receipt, StoreError> {
        let consultation = new.consultation;
        let is_active =
            |row: &&Row| row.file.payment.consultation == consultation && row.file.payment.status.is_active();
        let id = PaymentId(self.next_payment);
        // A sequence is no part of the transaction.
        self.next_payment += 1;
        if self.guards.has(Guard::ActiveIndex) && self.rows.iter().any(|row| is_active(&row)) {
            return Err(StoreError::Conflict("payments_one_active".into()));
        }
        let key = (new.user, new.key.clone());
        if self.guards.has(Guard::KeyTable) && self.keys.contains_key(&key) {
            return Err(StoreError::Conflict("idempotency_keys_pkey".into()));
        }
        let row = self.new_row(new, id);
        let receipt = row.file.receipt();
        self.keys.insert(
            key,
            KeyRow { fingerprint: new.fingerprint, payment: id, created_at: new.at.whole_second() },
        );
        self.rows.push(row);
        self.watch_new(id);
        Ok(receipt)
    }

    fn new_row(&mut self, new: &NewPayment, id: PaymentId) -> Row {
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
        let invoice = Invoice {
            id: InvoiceId(self.next_invoice),
            payment: id,
            number: invoice_number(at, id),
            amount,
            status: InvoiceStatus::Pending,
            issued_at: at,
        };
        self.next_invoice += 1;
        let mut first = RecordedEvent { payment: id, ..new.created.clone() };
        if !self.guards.has(Guard::RecordHash) {
            first.hash = [0; 32];
        }
        let taxed = self.guards.has(Guard::Taxes);
        let lines = new.taxes.iter().filter(|_| taxed);
        let file = PaymentFile {
            payment,
            invoice,
            taxes: lines.map(|line| TaxRecord { line: line.clone(), refunded_minor: 0 }).collect(),
            sessions: Vec::new(),
            captures: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
            head: Head { seq: first.seq, hash: first.hash },
        };
        let invoices = u32::from(self.guards.has(Guard::Invoice));
        let announced = first.announces.is_some() && self.guards.has(Guard::OutboxWritten);
        let outbox = announced.then(|| OutboxRow::new(first.seq, first.at));
        Row { file, invoices, record: vec![first], outbox, ordinals: Vec::new() }
    }
}
