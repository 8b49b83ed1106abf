//! Checkout Sessions: the intent to open one, and what is known of them.

use crate::pool::{Connection, work};
use crate::rows::{self, At};
use crate::sql::Sql;
use crate::{PostgresStore, settle, sql};
use async_trait::async_trait;
use sekali_core::domain::{CheckoutSession, PaymentId, SessionState, Status, Timestamp};
use sekali_core::ports::{CheckoutStore, NewSession, OpenOutcome, SettleOutcome, Settlement, StoreError};
use uuid::Uuid;

#[async_trait]
impl CheckoutStore for PostgresStore {
    async fn intend_session(&self, payment: PaymentId, new: &NewSession) -> Result<OpenOutcome, StoreError> {
        let new = new.clone();
        self.pool.write(work(move |c| Box::pin(async move { intend(c, payment, &new).await }))).await
    }

    async fn session_opened(&self, session: Uuid, gateway_id: &str, at: Timestamp) -> Result<(), StoreError> {
        let gateway_id = gateway_id.to_owned();
        let work = work(move |c| {
            Box::pin(async move {
                match c.write(&sql::OPEN_SESSION, &[&session, &gateway_id, &At(at)]).await?[..] {
                    [_] => Ok(()),
                    _ => Err(StoreError::Broken("a session was opened that nobody intended".to_owned())),
                }
            })
        });
        self.pool.write(work).await
    }

    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
        self.find(&sql::SESSION, session).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError> {
        self.find(&sql::SESSION_BY_GATEWAY_ID, gateway_id.to_owned()).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError> {
        self.find(&sql::LATEST_SESSION, payment.0).await
    }

    async fn settle(&self, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        let settlement = settlement.clone();
        self.pool.write(work(move |c| Box::pin(async move { settle::settle(c, &settlement).await }))).await
    }
}

impl PostgresStore {
    async fn find(
        &self,
        sql: &'static Sql,
        by: impl tokio_postgres::types::ToSql + Send + Sync + 'static,
    ) -> Result<Option<CheckoutSession>, StoreError> {
        let work =
            work(move |c| Box::pin(async move { rows::first(&c.read(sql, &[&by]).await?, rows::session) }));
        self.pool.read(work).await
    }
}

async fn intend(
    connection: &mut Connection,
    payment: PaymentId,
    new: &NewSession,
) -> Result<OpenOutcome, StoreError> {
    let tx = connection.begin().await?;
    tx.send(&sql::LOCK_CONSULTATION_OF_PAYMENT, &[&payment.0]).await?;
    let Some(mut receipt) = rows::first(&tx.send(&sql::LOCK_PAYMENT, &[&payment.0]).await?, rows::receipt)?
    else {
        return Ok(OpenOutcome::NoPayment);
    };
    if receipt.payment.status == Status::Processing {
        let live = rows::first(&tx.send(&sql::LIVE_SESSION, &[&payment.0]).await?, rows::session)?;
        return Ok(match live {
            Some(session) if session.state != SessionState::Submitted => OpenOutcome::Live(receipt, session),
            _ => OpenOutcome::NotPayable(receipt),
        });
    }
    if receipt.payment.status != Status::Pending {
        return Ok(OpenOutcome::NotPayable(receipt));
    }
    tx.change(&sql::INSERT_SESSION, &[&new.id, &payment.0, &new.request, &At(new.at)]).await?;
    tx.change(&sql::START_PROCESSING, &[&payment.0, &At(new.at)]).await?;
    tx.commit().await?;
    receipt.payment.status = Status::Processing;
    receipt.payment.updated_at = new.at;
    let session = CheckoutSession {
        id: new.id,
        payment,
        state: SessionState::Creating,
        request: new.request.clone(),
        gateway_id: None,
        created_at: new.at,
    };
    Ok(OpenOutcome::Intended(receipt, session))
}
