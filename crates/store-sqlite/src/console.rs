//! What an operator asks, and the notes that are shown.

use crate::connection::Sql;
use crate::rows::{self, column, count, payment_id};
use crate::sql::console as sql;
use crate::{SqliteStore, payments};
use async_trait::async_trait;
use rusqlite::Row;
use sekali_core::domain::{PaymentId, Receipt, RecordedEvent, Status, Timestamp};
use sekali_core::ports::console::{
    ConsoleStore, Filter, FoundAs, Glance, InboxDepth, KeptEvent, KeptKey, Listed, MadeSince, Needle, News,
    Note, Place, pick,
};
use sekali_core::ports::{Case, StoreError};
use std::collections::BTreeMap;

#[async_trait]
impl ConsoleStore for SqliteStore {
    async fn search(
        &self,
        filter: &Filter,
        before: Option<Place>,
        limit: u32,
    ) -> Result<Listed<Receipt>, StoreError> {
        let filter = filter.clone();
        self.read(move |sql| {
            sql.snapshot(|| {
                let looked = filter.looks_at(limit);
                let picked = pick(&glances(sql, &filter, before, looked)?, &filter, limit, looked);
                Ok(Listed { found: read_all(sql, &picked.found)?, next: picked.next })
            })
        })
        .await
    }

    async fn find(&self, needle: &Needle, most: u32) -> Result<Vec<(FoundAs, PaymentId)>, StoreError> {
        let needle = needle.clone();
        self.read(move |sql| find(sql, &needle, most)).await
    }

    async fn receipts(&self, payments: &[PaymentId]) -> Result<Vec<Receipt>, StoreError> {
        let payments = payments.to_vec();
        self.read(move |sql| {
            let mut found = read_all(sql, &payments)?;
            found.sort_by_key(|receipt| std::cmp::Reverse(Place::of(&receipt.payment)));
            Ok(found)
        })
        .await
    }

    async fn keys_of(&self, payment: PaymentId) -> Result<Vec<KeptKey>, StoreError> {
        self.read(move |sql| sql.rows(sql::KEYS_OF_PAYMENT, [payment.0], rows::kept_key)).await
    }

    async fn kept_events(
        &self,
        ids: &[String],
        objects: &[String],
        limit: u32,
    ) -> Result<Vec<KeptEvent>, StoreError> {
        let (ids, objects) = (ids.to_vec(), objects.to_vec());
        self.read(move |sql| {
            let mut found = BTreeMap::new();
            for id in &ids {
                for event in sql.rows(sql::KEPT_EVENT, [id], rows::kept_event)? {
                    found.insert((event.received_at, event.id.clone()), event);
                }
            }
            for object in &objects {
                for event in sql.rows(sql::KEPT_EVENTS_ABOUT, (object, limit), rows::kept_event)? {
                    found.insert((event.received_at, event.id.clone()), event);
                }
            }
            Ok(found.into_values().take(limit as usize).collect())
        })
        .await
    }

    async fn cases_of(&self, payment: PaymentId) -> Result<Vec<Case>, StoreError> {
        self.read(move |sql| sql.rows(sql::CASES_OF_PAYMENT, [payment.0], rows::case)).await
    }

    async fn made_since(&self, since: Timestamp, looked: u32, shown: u32) -> Result<MadeSince, StoreError> {
        let (from, to) = Filter { from: Some(since), ..Filter::default() }.invoices(None);
        self.read(move |sql| {
            let payments = sql.row(sql::COUNT_MADE, (&from, &to), |row| count(row, 0))?.unwrap_or(0);
            let newest = sql.rows(sql::MADE_BY_STATUS, (from, to, looked), |row| {
                Ok((payment_id(row, 0)?, rows::status(row, 1)?))
            })?;
            let mut by_status = BTreeMap::new();
            for (_, status) in &newest {
                by_status.entry(status.as_str()).or_insert((*status, 0)).1 += 1;
            }
            let latest = newest.iter().take(shown as usize).map(|(payment, _)| *payment).collect();
            Ok(MadeSince { payments, by_status: by_status.into_values().collect(), latest })
        })
        .await
    }

    async fn duplicates_since(&self, since: Timestamp, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        self.read(move |sql| sql.rows(sql::DUPLICATES_SINCE, (since.as_micros(), limit), rows::event)).await
    }

    async fn inbox_depth(&self, shown: u32) -> Result<InboxDepth, StoreError> {
        self.read(move |sql| {
            let first = sql.row(sql::FIRST_WAITING_EVENT, (), rows::kept_event)?;
            Ok(InboxDepth {
                waiting: sql.row(sql::COUNT_WAITING_EVENTS, (), |row| count(row, 0))?.unwrap_or(0),
                oldest: first.map(|event| event.received_at),
                given_up: sql.row(sql::COUNT_ABANDONED_EVENTS, (), |row| count(row, 0))?.unwrap_or(0),
                abandoned: sql.rows(sql::ABANDONED_EVENTS, [shown], rows::kept_event)?,
            })
        })
        .await
    }

    async fn newest_entry(&self) -> Result<i64, StoreError> {
        let newest = self.read(|sql| sql.row(sql::NEWEST_ENTRY, (), |row| column(row, 0))).await?;
        Ok(newest.unwrap_or(0))
    }

    async fn entries_after(&self, ordinal: i64, limit: u32) -> Result<Vec<News>, StoreError> {
        self.read(move |sql| {
            sql.rows(sql::ENTRIES_AFTER, (ordinal, limit), |row| {
                Ok(News { ordinal: column(row, 0)?, payment: payment_id(row, 1)? })
            })
        })
        .await
    }

    async fn leave_note(&self, name: &str, note: &Note) -> Result<(), StoreError> {
        let row = (name.to_owned(), note.at.as_micros(), note.text.clone());
        self.write(move |sql| sql.run_on_one(sql::LEAVE_NOTE, row)).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError> {
        let name = name.to_owned();
        self.read(move |sql| {
            sql.row(sql::NOTE, [name], |row| {
                Ok(Note { at: Timestamp::from_micros(column(row, 0)?), text: column(row, 1)? })
            })
        })
        .await
    }
}

/// The places in the list that the filter's time and states leave, in order, at most `looked`.
fn glances(
    sql: &Sql<'_>,
    filter: &Filter,
    before: Option<Place>,
    looked: u32,
) -> Result<Vec<Glance>, StoreError> {
    if filter.statuses.is_empty() {
        let (from, to) = filter.invoices(before);
        return sql.rows(sql::GLANCES, (from, to, looked), glance);
    }
    let (from, before) = filter.places(before);
    let bounds = (from.sql(), before.at.sql(), before.payment.0, looked);
    let mut all = Vec::new();
    for status in &filter.statuses {
        let (from, at, id, looked) = &bounds;
        all.extend(match status {
            Status::Pending => sql.rows(sql::GLANCES_PENDING, (from, at, id, looked), glance)?,
            other => sql.rows(sql::GLANCES_IN_STATE, (from, at, id, looked, other.as_str()), glance)?,
        });
    }
    all.sort_by_key(|glance| std::cmp::Reverse(glance.place));
    all.dedup();
    all.truncate(looked as usize);
    Ok(all)
}

fn glance(row: &Row<'_>) -> Result<Glance, StoreError> {
    let place = Place { payment: payment_id(row, 0)?, at: rows::second(row, 1)? };
    Ok(Glance { place, amount: rows::money(row, 2, 3)? })
}

/// In the order in which they are named.
fn read_all(sql: &Sql<'_>, ids: &[PaymentId]) -> Result<Vec<Receipt>, StoreError> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.extend(payments::find(sql, *id)?);
    }
    Ok(all)
}

fn find(sql: &Sql<'_>, needle: &Needle, most: u32) -> Result<Vec<(FoundAs, PaymentId)>, StoreError> {
    let mut found = Vec::new();
    let mut add = |kind: FoundAs, ids: Vec<PaymentId>| found.extend(ids.into_iter().map(|id| (kind, id)));
    let one = |row: &Row<'_>| payment_id(row, 0);
    match needle {
        Needle::Number(number) => {
            let payment = payments::find(sql, PaymentId(*number))?;
            add(FoundAs::Payment, payment.into_iter().map(|receipt| receipt.payment.id).collect());
            add(FoundAs::Consultation, sql.rows(sql::FIND_CONSULTATION, (number, most), one)?);
            add(FoundAs::Patient, sql.rows(sql::FIND_PATIENT, (number, most), one)?);
        }
        Needle::Name(name) => {
            let name = name.to_string();
            add(FoundAs::Reference, sql.rows(sql::FIND_REFERENCE, [&name], one)?);
            add(FoundAs::SessionName, sql.rows(sql::FIND_SESSION_NAME, [&name], one)?);
            add(FoundAs::RefundName, sql.rows(sql::FIND_REFUND_NAME, [&name], one)?);
        }
        Needle::Invoice(number) => add(FoundAs::Invoice, sql.rows(sql::FIND_INVOICE, [number], one)?),
        Needle::Session(id) => add(FoundAs::CheckoutSession, sql.rows(sql::FIND_SESSION, [id], one)?),
        Needle::Intent(id) => {
            add(FoundAs::PaymentIntent, sql.rows(crate::sql::PAYMENT_OF_INTENT, [id], one)?);
        }
        Needle::Refund(id) => add(FoundAs::Refund, sql.rows(sql::FIND_REFUND, [id], one)?),
        Needle::Dispute(id) => add(FoundAs::Dispute, sql.rows(sql::FIND_DISPUTE, [id], one)?),
        Needle::Key(key) => {
            add(FoundAs::IdempotencyKey, sql.rows(sql::FIND_KEY, (key.as_str(), most), one)?);
        }
    }
    Ok(found)
}
