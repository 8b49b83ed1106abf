//! Consultations.

use crate::pool::{Connection, work};
use crate::rows::{self, At};
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{Consultation, ConsultationId, Money, Timestamp, UserId};
use sekali_core::ports::{ConsultationStore, PutOutcome, StoreError};

#[async_trait]
impl ConsultationStore for PostgresStore {
    async fn put_consultation(
        &self,
        id: ConsultationId,
        patient: UserId,
        fee: Money,
        tax_exempt: Option<bool>,
        at: Timestamp,
    ) -> Result<PutOutcome, StoreError> {
        let put = Put { id, patient, fee, tax_exempt, at };
        self.pool.write(work(move |c| Box::pin(async move { put.carry_out(c).await }))).await
    }

    async fn consultation(&self, id: ConsultationId) -> Result<Option<Consultation>, StoreError> {
        let work = work(move |c| {
            Box::pin(
                async move { rows::first(&c.read(&sql::CONSULTATION, &[&id.0]).await?, rows::consultation) },
            )
        });
        self.pool.read(work).await
    }
}

struct Put {
    id: ConsultationId,
    patient: UserId,
    fee: Money,
    tax_exempt: Option<bool>,
    at: Timestamp,
}

impl Put {
    async fn carry_out(&self, connection: &mut Connection) -> Result<PutOutcome, StoreError> {
        let (id, patient, at) = (self.id.0, self.patient.0, At(self.at));
        let (fee, currency) = (self.fee.to_string(), self.fee.currency.code());
        let tx = connection.begin().await?;
        let inserted = tx
            .send(&sql::INSERT_CONSULTATION, &[&id, &patient, &fee, &currency, &self.tax_exempt, &at])
            .await?;
        if let Some(consultation) = rows::first(&inserted, rows::consultation)? {
            tx.commit().await?;
            return Ok(PutOutcome::Created(consultation));
        }
        tx.send(&sql::LOCK_CONSULTATION, &[&id]).await?;
        // Only now, as a payment may have been made while the lock was waited for.
        let other = tx.send(&sql::IS_BEING_PAID_OTHERWISE, &[&id, &patient, &fee, &currency]).await?;
        if !other.is_empty() {
            return Ok(PutOutcome::BeingPaid);
        }
        let updated = tx
            .send(&sql::UPDATE_CONSULTATION, &[&id, &patient, &fee, &currency, &self.tax_exempt, &at])
            .await?;
        let Some(consultation) = rows::first(&updated, rows::consultation)? else {
            return Err(StoreError::Conflict("the consultation was deleted meanwhile".to_owned()));
        };
        tx.commit().await?;
        Ok(PutOutcome::Updated(consultation))
    }
}
