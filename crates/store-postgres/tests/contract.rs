//! The suite that every store passes, on PostgreSQL.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use async_trait::async_trait;
use sekali_core::contract::store::console::{self, ConsoleDatabase};
use sekali_core::contract::store::{self as suite, TestDatabase};
use sekali_core::ports::{ConsoleStore, Store};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::postgres::{self, Pooler, Pooling};
use std::sync::Arc;

struct Database {
    postgres: postgres::TestDatabase,
    pooler: Option<Pooler>,
}

impl Database {
    fn direct() -> Self {
        Self { postgres: postgres::database(), pooler: None }
    }

    fn pooled() -> Self {
        let postgres = postgres::database();
        let pooler = Some(Pooler::start(&postgres.url, Pooling::Transaction));
        Self { postgres, pooler }
    }

    fn store(&self) -> PostgresStore {
        let url = self.pooler.as_ref().map(|pooler| pooler.through(&self.postgres.url));
        let options = Options { pooled: url.is_some(), ..Options::default() };
        PostgresStore::connect(url.as_ref().unwrap_or(&self.postgres.url), &options).unwrap()
    }
}

#[async_trait]
impl TestDatabase for Database {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.store())
    }

    async fn execute(&self, sql: &str) -> Result<(), String> {
        self.postgres.execute(sql)
    }

    async fn set_next_ids(&self, payment: i64, invoice: i64, tax: i64) {
        self.store().set_next_ids(payment, invoice, tax).await.unwrap();
    }
}

#[async_trait]
impl ConsoleDatabase for Database {
    async fn console(&self) -> Arc<dyn ConsoleStore> {
        Arc::new(self.store())
    }
}

#[expect(clippy::unused_async, reason = "as the suite wants it")]
async fn direct() -> Database {
    Database::direct()
}

sekali_core::store_contract!(direct);
sekali_core::console_contract!(direct);

/// Through PgBouncer, which hands each transaction to another session: the cases that between them
/// send every statement that writes; those that only ask are in `plans.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn through_a_pooler() {
    macro_rules! hold {
        ($($case:ident),+ $(,)?) => {$( suite::$case(&Database::pooled()).await; )+};
    }
    hold!(
        a_payment_is_written_with_taxes_invoice_and_key,
        what_is_looked_at_first,
        a_batch_answers_each_item_in_its_order,
        fifty_keys_for_one_consultation,
        a_consultation_is_made_and_replaced,
        what_is_being_paid_keeps_patient_and_price,
        a_payment_is_found_or_not,
        a_list_is_narrowed_by_user_and_consultation,
        old_keys_are_forgotten_some_at_a_time,
        a_session_is_opened_and_found,
        the_session_made_last_is_found,
        news_in_every_order,
        an_open_session_has_to_end_first,
        refunds_are_followed_to_their_end,
        one_that_bounces_is_made_up_for_once,
        a_payment_whose_wrong_money_is_back_has_failed,
        a_dispute_is_recorded_and_shown,
        a_lease_is_given_back_by_its_holder,
        an_event_is_postponed_given_up_and_finished,
        the_verification_queries_answer_as_printed,
        the_installation_has_one_name,
        servers_that_start_together_migrate_once,
    );
    macro_rules! console_holds {
        ($($case:ident),+ $(,)?) => {$( console::$case(&Database::pooled()).await; )+};
    }
    console_holds!(
        a_list_is_newest_first_and_goes_on_from_a_place,
        every_kind_of_id_is_found,
        what_belongs_to_a_payment_beside_its_file,
        what_was_made_today,
        duplicates_are_listed_newest_first,
        how_the_inbox_stands,
        the_record_is_followed_by_its_numbers,
        a_note_takes_the_place_of_the_one_before,
    );
}
