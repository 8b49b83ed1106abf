//! Consultations: Sekali's copy of what the host application charges for.

use crate::connection::Sql;
use crate::rows::column;
use crate::{SqliteStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{Consultation, ConsultationId, Money, Terms, Timestamp, UserId};
use sekali_core::ports::store::read_fee;
use sekali_core::ports::{ConsultationStore, PutOutcome, StoreError};

#[async_trait]
impl ConsultationStore for SqliteStore {
    async fn put_consultation(
        &self,
        id: ConsultationId,
        patient: UserId,
        fee: Money,
        tax_exempt: Option<bool>,
        at: Timestamp,
    ) -> Result<PutOutcome, StoreError> {
        self.write(move |sql| put(sql, id, patient, fee, tax_exempt, at)).await
    }

    async fn consultation(&self, id: ConsultationId) -> Result<Option<Consultation>, StoreError> {
        self.read(move |sql| record(sql, id)?.map(|record| record.read()).transpose()).await
    }
}

/// A consultation's row as it stands, whoever wrote it.
pub(crate) struct Record {
    id: ConsultationId,
    pub(crate) patient: UserId,
    fee: String,
    currency: String,
    tax_exempt: bool,
}

impl Record {
    /// The consultation; an error if its fee is no amount.
    pub(crate) fn read(&self) -> Result<Consultation, StoreError> {
        let fee = read_fee(&self.fee, &self.currency)?;
        let terms = Terms { fee, tax_exempt: self.tax_exempt };
        Ok(Consultation { id: self.id, patient: self.patient, terms })
    }
}

pub(crate) fn record(sql: &Sql<'_>, id: ConsultationId) -> Result<Option<Record>, StoreError> {
    sql.row(sql::CONSULTATION, [id.0], |row| {
        Ok(Record {
            id,
            patient: UserId(column(row, 0)?),
            fee: column(row, 1)?,
            currency: column(row, 2)?,
            tax_exempt: column(row, 3)?,
        })
    })
}

fn put(
    sql: &Sql<'_>,
    id: ConsultationId,
    patient: UserId,
    fee: Money,
    tax_exempt: Option<bool>,
    at: Timestamp,
) -> Result<PutOutcome, StoreError> {
    let old = record(sql, id)?;
    if let Some(old) = &old {
        // An unreadable fee is not this one, and is put right unless somebody pays it.
        let same = old.patient == patient && read_fee(&old.fee, &old.currency) == Ok(fee);
        if !same && sql.any(sql::IS_BEING_PAID, [id.0])? {
            return Ok(PutOutcome::BeingPaid);
        }
    }
    let kept = old.as_ref().is_some_and(|old| old.tax_exempt);
    let terms = Terms { fee, tax_exempt: tax_exempt.unwrap_or(kept) };
    let params = (id.0, patient.0, fee.to_string(), fee.currency.code(), terms.tax_exempt, at.sql());
    let consultation = Consultation { id, patient, terms };
    if old.is_some() {
        sql.run_on_one(sql::UPDATE_CONSULTATION, params)?;
        Ok(PutOutcome::Updated(consultation))
    } else {
        sql.run_on_one(sql::INSERT_CONSULTATION, params)?;
        Ok(PutOutcome::Created(consultation))
    }
}
