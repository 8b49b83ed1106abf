//! Checkout Sessions up to the moment they are settled.

use crate::connection::Sql;
use crate::failure::broken;
use crate::{SqliteStore, payments, rows, settle, sql};
use async_trait::async_trait;
use sekali_core::domain::{CheckoutSession, PaymentId, Status, Timestamp};
use sekali_core::ports::{CheckoutStore, NewSession, OpenOutcome, SettleOutcome, Settlement, StoreError};
use uuid::Uuid;

#[async_trait]
impl CheckoutStore for SqliteStore {
    async fn intend_session(&self, payment: PaymentId, new: &NewSession) -> Result<OpenOutcome, StoreError> {
        let new = new.clone();
        self.write(move |sql| intend(sql, payment, &new)).await
    }

    async fn session_opened(&self, session: Uuid, gateway_id: &str, at: Timestamp) -> Result<(), StoreError> {
        let gateway_id = gateway_id.to_owned();
        self.write(move |sql| {
            let opened = sql.run(sql::OPEN_SESSION, (session.to_string(), &gateway_id, at.sql()))?;
            if opened == 0 && find(sql, session)?.is_none() {
                return Err(broken(format!(
                    "{gateway_id} was opened for session {session}, which is not there"
                )));
            }
            Ok(())
        })
        .await
    }

    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
        self.read(move |sql| find(sql, session)).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError> {
        let gateway_id = gateway_id.to_owned();
        self.read(move |sql| sql.row(sql::SESSION_BY_GATEWAY_ID, [gateway_id], rows::session)).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError> {
        self.read(move |sql| sql.row(sql::LATEST_SESSION, [payment.0], rows::session)).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        let settlement = settlement.clone();
        self.write(move |sql| settle::settle(sql, &settlement)).await
    }
}

pub(crate) fn find(sql: &Sql<'_>, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
    sql.row(sql::SESSION, [session.to_string()], rows::session)
}

fn intend(sql: &Sql<'_>, id: PaymentId, new: &NewSession) -> Result<OpenOutcome, StoreError> {
    let Some(receipt) = payments::find(sql, id)? else { return Ok(OpenOutcome::NoPayment) };
    match receipt.payment.status {
        Status::Pending => {}
        Status::Processing => {
            let live = sql.row(sql::PAYABLE_SESSION, [id.0], rows::session)?;
            // Without one, money is on its way or came in a wrong amount: no second charge.
            return Ok(match live {
                Some(session) => OpenOutcome::Live(receipt, session),
                None => OpenOutcome::NotPayable(receipt),
            });
        }
        Status::Completed | Status::Failed | Status::Cancelled | Status::Expired | Status::Refunded => {
            return Ok(OpenOutcome::NotPayable(receipt));
        }
    }
    let at = new.at.sql();
    let consultation = receipt.payment.consultation;
    sql.run_on_one(sql::INSERT_SESSION, (new.id.to_string(), id.0, consultation.0, &new.request, &at))?;
    sql.run_on_one(sql::START_PROCESSING, (id.0, &at))?;
    let session = find(sql, new.id)?.ok_or_else(|| broken("a session that was just written is missing"))?;
    Ok(OpenOutcome::Intended(payments::get(sql, id)?, session))
}
