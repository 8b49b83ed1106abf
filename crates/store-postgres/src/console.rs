//! What an operator asks, and the notes that are shown.

use crate::operations::case;
use crate::rows::{self, At, at, maybe_at, money, value, word};
use crate::single::values;
use crate::sql::Sql;
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{IdempotencyKey, PaymentId, Receipt, RecordedEvent, Status, Timestamp, UserId};
use sekali_core::ports::console::{
    ConsoleStore, Filter, FoundAs, Glance, InboxDepth, KeptEvent, KeptKey, Listed, MadeSince, Needle, News,
    Note, Place, pick,
};
use sekali_core::ports::{Case, StoreError};
use tokio_postgres::Row;

#[async_trait]
impl ConsoleStore for PostgresStore {
    async fn search(
        &self,
        filter: &Filter,
        before: Option<Place>,
        limit: u32,
    ) -> Result<Listed<Receipt>, StoreError> {
        let looked = filter.looks_at(limit);
        let picked = pick(&self.glances(filter, before, looked).await?, filter, limit, looked);
        Ok(Listed { found: self.in_order(&picked.found).await?, next: picked.next })
    }

    async fn find(&self, needle: &Needle, most: u32) -> Result<Vec<(FoundAs, PaymentId)>, StoreError> {
        let most = i64::from(most);
        let (sql, values): (&'static Sql, _) = match needle.clone() {
            Needle::Number(number) => (&sql::FIND_NUMBER, values![number, most]),
            Needle::Name(name) => (&sql::FIND_NAME, values![name]),
            Needle::Invoice(number) => (&sql::FIND_INVOICE, values![number]),
            Needle::Session(id) => (&sql::FIND_SESSION, values![id]),
            Needle::Intent(id) => (&sql::FIND_INTENT, values![id]),
            Needle::Refund(id) => (&sql::FIND_REFUND, values![id]),
            Needle::Dispute(id) => (&sql::FIND_DISPUTE, values![id]),
            Needle::Key(key) => (&sql::FIND_KEY, values![key.as_str().to_owned(), most]),
        };
        let found = |row: &Row| Ok((word(row, "kind", FoundAs::parse)?, PaymentId(value(row, "id")?)));
        self.pool.list(sql, values, found).await
    }

    async fn receipts(&self, payments: &[PaymentId]) -> Result<Vec<Receipt>, StoreError> {
        let mut found = self.in_order(payments).await?;
        found.sort_by_key(|receipt| std::cmp::Reverse(Place::of(&receipt.payment)));
        Ok(found)
    }

    async fn keys_of(&self, payment: PaymentId) -> Result<Vec<KeptKey>, StoreError> {
        let kept = |row: &Row| {
            Ok(KeptKey {
                user: UserId(value(row, "user_id")?),
                key: word(row, "key", |text| IdempotencyKey::new(text).ok())?,
                at: at(row, "created_at")?,
            })
        };
        self.pool.list(&sql::KEYS_OF_PAYMENT, values![payment.0], kept).await
    }

    async fn kept_events(
        &self,
        ids: &[String],
        objects: &[String],
        limit: u32,
    ) -> Result<Vec<KeptEvent>, StoreError> {
        let values = values![ids.to_vec(), objects.to_vec(), i64::from(limit)];
        self.pool.list(&sql::KEPT_EVENTS, values, kept_event).await
    }

    async fn cases_of(&self, payment: PaymentId) -> Result<Vec<Case>, StoreError> {
        self.pool.list(&sql::CASES_OF_PAYMENT, values![payment.0], case).await
    }

    async fn made_since(&self, since: Timestamp, looked: u32, shown: u32) -> Result<MadeSince, StoreError> {
        let filter = Filter { from: Some(since), ..Filter::default() };
        let (from, to) = filter.invoices(None);
        let counted = |row: &Row| value::<i64>(row, "payments").map(i64::unsigned_abs);
        let payments = self.pool.find(&sql::COUNT_MADE, values![from.clone(), to.clone()], counted).await?;
        let of_status = |row: &Row| Ok((word(row, "status", Status::parse)?, counted(row)?));
        let by_status =
            self.pool.list(&sql::MADE_BY_STATUS, values![from, to, i64::from(looked)], of_status).await?;
        let latest = self.glances(&filter, None, shown).await?;
        let latest = latest.iter().map(|glance| glance.place.payment).collect();
        Ok(MadeSince { payments: payments.unwrap_or(0), by_status, latest })
    }

    async fn duplicates_since(&self, since: Timestamp, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        let values = values![At(since), i64::from(limit)];
        self.pool.list(&sql::DUPLICATES_SINCE, values, rows::event).await
    }

    async fn inbox_depth(&self, shown: u32) -> Result<InboxDepth, StoreError> {
        let depth = |row: &Row| {
            Ok(InboxDepth {
                waiting: value::<i64>(row, "waiting")?.unsigned_abs(),
                oldest: maybe_at(row, "oldest")?,
                given_up: value::<i64>(row, "given_up")?.unsigned_abs(),
                abandoned: Vec::new(),
            })
        };
        let depth = self.pool.find(&sql::COUNT_EVENTS, values![], depth).await?.unwrap_or_default();
        let abandoned = self.pool.list(&sql::ABANDONED_EVENTS, values![i64::from(shown)], kept_event).await?;
        Ok(InboxDepth { abandoned, ..depth })
    }

    async fn newest_entry(&self) -> Result<i64, StoreError> {
        let newest = self.pool.find(&sql::NEWEST_ENTRY, values![], |row| value(row, "newest")).await?;
        Ok(newest.unwrap_or(0))
    }

    async fn entries_after(&self, ordinal: i64, limit: u32) -> Result<Vec<News>, StoreError> {
        let news = |row: &Row| {
            Ok(News { ordinal: value(row, "id")?, payment: PaymentId(value(row, "payment_id")?) })
        };
        self.pool.list(&sql::ENTRIES_AFTER, values![ordinal, i64::from(limit)], news).await
    }

    async fn leave_note(&self, name: &str, note: &Note) -> Result<(), StoreError> {
        let values = values![name.to_owned(), At(note.at), note.text.clone()];
        self.pool.change(&sql::LEAVE_NOTE, values).await.map(drop)
    }

    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError> {
        let note = |row: &Row| Ok(Note { at: at(row, "at")?, text: value(row, "text")? });
        self.pool.find(&sql::NOTE, values![name.to_owned()], note).await
    }
}

impl PostgresStore {
    /// The places in the list that the filter's time and states leave, in order, at most `looked`.
    async fn glances(
        &self,
        filter: &Filter,
        before: Option<Place>,
        looked: u32,
    ) -> Result<Vec<Glance>, StoreError> {
        let looked = i64::from(looked);
        if filter.statuses.is_empty() {
            let (from, to) = filter.invoices(before);
            return self.pool.list(&sql::GLANCES, values![from, to, looked], glance).await;
        }
        let (from, before) = filter.places(before);
        let mut states: Vec<_> = filter.statuses.iter().map(|status| status.as_str()).collect();
        states.sort_unstable();
        states.dedup();
        let values = values![states, At(from), At(before.at), before.payment.0, looked];
        self.pool.list(&sql::GLANCES_IN_STATES, values, glance).await
    }

    /// In the order in which they are named.
    async fn in_order(&self, payments: &[PaymentId]) -> Result<Vec<Receipt>, StoreError> {
        if payments.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = payments.iter().map(|payment| payment.0).collect();
        self.pool.list(&sql::RECEIPTS, values![ids], rows::receipt).await
    }
}

fn glance(row: &Row) -> Result<Glance, StoreError> {
    let place = Place { payment: PaymentId(value(row, "id")?), at: at(row, "created_at")? };
    Ok(Glance { place, amount: money(row, "amount_minor")? })
}

fn kept_event(row: &Row) -> Result<KeptEvent, StoreError> {
    Ok(KeptEvent {
        id: value(row, "id")?,
        kind: value(row, "kind")?,
        object: value(row, "object")?,
        received_at: at(row, "received_at")?,
        attempts: u32::try_from(value::<i64>(row, "attempts")?).unwrap_or(u32::MAX),
        waits: value(row, "waits")?,
        finished_at: maybe_at(row, "finished_at")?,
        error: value(row, "error")?,
    })
}
