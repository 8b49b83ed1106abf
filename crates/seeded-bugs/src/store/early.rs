//! Answers before the commit, with the number that the payment is going to have.

use sekali_core::domain::invoice_number;
use sekali_core::domain::{Invoice, InvoiceId, InvoiceStatus, Money, Payment, PaymentId, Receipt, Status};
use sekali_core::ports::{CreateOutcome, NewPayment, Page, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long after the answer.
const LATER: Duration = Duration::from_millis(15);

/// Writes one payment after the other, each after it was answered.
pub(crate) struct Early {
    store: Arc<dyn Store>,
    turn: Arc<Mutex<()>>,
}

impl Early {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, turn: Arc::default() }
    }

    pub(crate) async fn create(&self, new: &NewPayment) -> Result<CreateOutcome, StoreError> {
        let turn = self.turn.clone().lock_owned().await;
        let last = self.newest(None).await?;
        let same = self.newest(Some(new)).await?;
        let known = self.store.key(new.user, &new.key).await?.is_some();
        let priced = self.store.consultation(new.consultation).await?;
        let fits = priced.is_some_and(|it| it.patient == new.user);
        if known || !fits || same.is_some_and(|receipt| receipt.payment.status.is_active()) {
            let outcome = self.store.create_payments(std::slice::from_ref(new)).await?;
            return outcome.into_iter().next().ok_or_else(|| StoreError::Broken("no outcome".into()));
        }
        let receipt = foretold(new, last.map_or(1, |receipt| receipt.payment.id.0 + 1));
        let (store, new) = (self.store.clone(), new.clone());
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            let _ = store.create_payments(&[new]).await;
            drop(turn);
        });
        Ok(CreateOutcome::Created(receipt))
    }

    async fn newest(&self, of: Option<&NewPayment>) -> Result<Option<Receipt>, StoreError> {
        let consultation = of.map(|new| new.consultation);
        let page = Page { user: None, consultation, before: None, limit: 1 };
        Ok(self.store.payments(&page).await?.into_iter().next())
    }
}

fn foretold(new: &NewPayment, id: i64) -> Receipt {
    let (id, amount) = (PaymentId(id), new.terms.fee);
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
        refunded: Money { minor: 0, ..amount },
        dispute: None,
        created_at: new.at,
        updated_at: new.at,
    };
    let invoice = Invoice {
        id: InvoiceId(id.0),
        payment: id,
        number: invoice_number(new.at, id),
        amount,
        status: InvoiceStatus::Pending,
        issued_at: new.at,
    };
    Receipt { payment, invoice }
}
