//! The arguments of the function that makes payments.

use super::Form;
use crate::pool::Connection;
use crate::rows::At;
use crate::sql;
use sekali_core::domain::RecordedEvent;
use sekali_core::ports::{NewPayment, StoreError};
use tokio_postgres::Row;

/// A batch, column by column.
#[derive(Default)]
pub(super) struct Arguments<'b> {
    /// Where in the batch each stands.
    position: Vec<usize>,
    reference: Vec<uuid::Uuid>,
    user: Vec<i64>,
    consultation: Vec<i64>,
    key: Vec<&'b str>,
    fingerprint: Vec<&'b [u8]>,
    method: Vec<&'static str>,
    minor: Vec<i64>,
    currency: Vec<&'static str>,
    decimals: Vec<i16>,
    tax_exempt: Vec<bool>,
    at: Vec<At>,
    tax_item: Vec<i64>,
    tax_type: Vec<&'b str>,
    tax_rate_ppm: Vec<i64>,
    tax_minor: Vec<i64>,
    event_seq: Vec<i64>,
    event_at: Vec<At>,
    event_kind: Vec<&'b str>,
    event_data: Vec<&'b str>,
    event_announces: Vec<Option<&'b str>>,
    event_previous: Vec<&'b [u8]>,
    event_hash: Vec<&'b [u8]>,
}

impl<'b> Arguments<'b> {
    /// What can be written of the batch.
    pub(super) fn of(items: &[&'b NewPayment]) -> Self {
        let mut arguments = Self::default();
        for (position, new) in items.iter().enumerate() {
            // Nothing can be paid where nothing is to be paid; `classify` says so.
            if new.terms.fee.minor > 0 {
                arguments.add(position, new);
            }
        }
        arguments
    }

    fn add(&mut self, position: usize, new: &'b NewPayment) {
        let fee = new.terms.fee;
        self.position.push(position);
        self.reference.push(new.reference);
        self.user.push(new.user.0);
        self.consultation.push(new.consultation.0);
        self.key.push(new.key.as_str());
        self.fingerprint.push(&new.fingerprint.0);
        self.method.push(new.method.as_str());
        self.minor.push(fee.minor);
        self.currency.push(fee.currency.code());
        self.decimals.push(i16::try_from(fee.currency.decimals()).unwrap_or(i16::MAX));
        self.tax_exempt.push(new.terms.tax_exempt);
        self.at.push(At(new.at.whole_second()));
        let item = i64::try_from(self.position.len()).unwrap_or(i64::MAX);
        for tax in &new.taxes {
            self.tax_item.push(item);
            self.tax_type.push(&tax.name);
            self.tax_rate_ppm.push(tax.rate_ppm);
            self.tax_minor.push(tax.amount.minor);
        }
        self.add_event(&new.created);
    }

    fn add_event(&mut self, event: &'b RecordedEvent) {
        self.event_seq.push(event.seq);
        self.event_at.push(At(event.at));
        self.event_kind.push(&event.kind);
        self.event_data.push(&event.data);
        self.event_announces.push(event.announces.as_deref());
        self.event_previous.push(&event.previous);
        self.event_hash.push(&event.hash);
    }

    /// Where in the batch the function's `item` stands.
    pub(super) fn item(&self, item: i64) -> Result<usize, StoreError> {
        let index = usize::try_from(item - 1).ok();
        let position = index.and_then(|index| self.position.get(index)).copied();
        position.ok_or_else(|| StoreError::Broken(format!("item {item} was not in the batch")))
    }

    /// Calls the function.
    pub(super) async fn send(&self, connection: &mut Connection, form: Form) -> Result<Vec<Row>, StoreError> {
        let waits = form == Form::Waits;
        connection
            .write(
                &sql::CREATE_PAYMENTS,
                &[
                    &waits,
                    &self.reference,
                    &self.user,
                    &self.consultation,
                    &self.key,
                    &self.fingerprint,
                    &self.method,
                    &self.minor,
                    &self.currency,
                    &self.decimals,
                    &self.tax_exempt,
                    &self.at,
                    &self.tax_item,
                    &self.tax_type,
                    &self.tax_rate_ppm,
                    &self.tax_minor,
                    &self.event_seq,
                    &self.event_at,
                    &self.event_kind,
                    &self.event_data,
                    &self.event_announces,
                    &self.event_previous,
                    &self.event_hash,
                ],
            )
            .await
    }

    /// Whether there is nothing that could be written.
    pub(super) fn is_empty(&self) -> bool {
        self.position.is_empty()
    }
}
