//! What every store does. An adapter's tests say how a new, empty database is made, and get one
//! test for each case:
//!
//! ```ignore
//! async fn create() -> MyDatabase { … }
//! sekali_core::store_contract!(create);
//! ```
//!
//! The calling crate needs tokio with its multi-threaded runtime and macros: the races are run on
//! several threads.

#![expect(clippy::missing_panics_doc, reason = "a case panics when the store does something else")]
#![expect(missing_docs, reason = "the name of a case says what it holds")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a suite of tests fails by panicking")]

mod audit;
mod batches;
mod cancel;
mod cases;
mod checkout;
pub mod console;
mod consultations;
mod create;
mod decide;
mod deciding;
mod disputes;
mod ground;
mod guards;
mod inbox;
mod leases;
mod lists;
mod outbox;
mod races;
mod reconcile;
mod record;
mod refunds;
mod remarks;
mod returns;
mod schema;
mod settle;
mod stray;

use crate::ports::Store;
use async_trait::async_trait;
use std::sync::Arc;

/// A new, empty database for one case. It is thrown away with this value.
#[async_trait]
pub trait TestDatabase: Send + Sync {
    /// Opens the store under test on it, without migrating; each call opens another one, as another
    /// server would.
    async fn open(&self) -> Arc<dyn Store>;

    /// Runs one statement past the store, as the host application would; the error is the database's.
    async fn execute(&self, sql: &str) -> Result<(), String>;

    /// Sets the numbers that the next payment, invoice and tax record get.
    async fn set_next_ids(&self, payment: i64, invoice: i64, tax: i64);
}

/// Writes the list of cases once: it makes them public (one that is missing here is dead code, and
/// the compiler says so) and makes the macro that turns each into a test.
macro_rules! suite {
    ($dollar:tt $($module:ident { $($case:ident,)+ })+) => {
        $($(#[doc(hidden)] pub use $module::$case;)+)+

        /// Makes one test of every case of the store's suite. The argument is the path of an
        /// `async fn() -> impl TestDatabase`.
        #[macro_export]
        macro_rules! store_contract {
            ($dollar create:path) => {
                $($(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let database = $dollar create().await;
                        $crate::contract::store::$case(&database).await;
                    }
                )+)+
            };
        }
    };
}

suite! { $
    create {
        a_payment_is_written_with_taxes_invoice_and_key,
        the_same_write_again_is_created_with_the_same_ids,
        a_known_key_answers_with_its_payment_and_stores_nothing,
        a_key_belongs_to_its_user,
        a_key_that_lost_stores_nothing,
        a_spent_key_stays_spent_and_a_new_one_pays_again,
        what_is_looked_at_first,
        a_fee_is_compared_as_a_number,
        other_terms_are_told,
        amounts_are_exact_in_every_currency,
        an_exempt_consultation_has_no_tax_records,
    }
    batches {
        a_batch_answers_each_item_in_its_order,
        an_empty_batch_does_nothing,
        a_large_batch_is_written_whole,
        a_batch_repeated_is_created_again,
        batches_that_overlap_in_opposite_orders_make_one_payment_each,
    }
    races {
        fifty_keys_for_one_consultation,
        one_key_for_fifty_consultations,
        one_key_for_one_consultation_fifty_times,
        the_same_write_in_parallel,
        two_servers_race_two_hundred_times,
        a_price_that_changes_while_it_is_paid,
        a_caller_that_goes_away_leaves_nothing_half_done,
    }
    guards {
        the_database_refuses_a_second_active_payment,
        the_database_refuses_what_is_no_payment,
        the_database_refuses_a_second_invoice_capture_and_live_session,
        the_database_refuses_what_is_no_consultation,
    }
    consultations {
        a_consultation_is_made_and_replaced,
        the_hosts_own_rows_are_read,
        what_is_being_paid_keeps_patient_and_price,
        a_fee_that_is_no_amount_is_an_error_until_it_is_put_right,
    }
    lists {
        a_payment_is_found_or_not,
        a_list_goes_on_from_a_cursor,
        a_list_is_narrowed_by_user_and_consultation,
        old_keys_are_forgotten_some_at_a_time,
    }
    checkout {
        a_session_is_intended_once,
        a_payment_that_cannot_be_paid_gets_no_session,
        twenty_who_want_a_session_get_one,
        a_session_is_opened_and_found,
        the_session_made_last_is_found,
    }
    settle {
        news_of_an_unknown_session_does_nothing,
        money_completes_the_payment_once,
        twenty_who_bring_the_same_news_change_it_once,
        paid_and_expired_at_once_make_one_transition,
        news_in_every_order,
        a_confirmed_session_awaits_its_money,
        a_refused_session_fails_its_payment_unless_stripe_has_made_it,
        a_bank_that_does_not_pay_fails_the_payment,
    }
    stray {
        money_that_does_not_match_is_kept_for_the_operator,
        money_after_the_end_is_surplus_and_touches_no_other_payment,
        a_second_capture_is_surplus,
        a_capture_is_counted_once_whatever_session_it_is_said_to_be_of,
    }
    decide {
        a_judge_that_decides_nothing_writes_nothing,
        a_change_that_does_not_find_its_state_leaves_nothing,
        a_change_that_the_database_refuses_leaves_nothing,
        a_decision_is_written_with_its_moment,
        fifty_deciders_at_once_take_turns,
        a_file_is_seen_in_one_piece,
    }
    remarks {
        remarks_follow_on_each_payments_record,
        a_remark_on_no_payment_or_on_another_of_its_number_is_passed_over,
        remarks_and_decisions_at_once_make_one_record,
    }
    record {
        a_record_begins_with_the_payment,
        a_record_begins_with_each_payment_of_a_batch,
        entries_follow_one_another,
        the_record_is_never_changed,
        every_record_is_read_page_by_page,
    }
    refunds {
        a_wish_is_one_refund,
        what_was_not_captured_is_not_refunded,
        a_hundred_who_want_sixty_percent_get_one,
        one_key_at_once_is_one_refund,
        of_two_who_saw_the_same_one_refunds,
        refunds_are_followed_to_their_end,
        a_refund_that_fails_frees_its_money,
    }
    returns {
        one_made_in_the_dashboard_is_recorded,
        one_that_bounces_is_made_up_for_once,
        money_that_settles_nothing_goes_back_once,
        a_payment_whose_wrong_money_is_back_has_failed,
        the_database_refuses_to_give_back_more_than_came,
        the_database_refuses_what_is_no_refund,
    }
    disputes {
        a_dispute_is_recorded_and_shown,
        a_second_dispute_has_its_own_row,
    }
    cancel {
        what_has_no_session_is_cancelled_at_once,
        an_open_session_has_to_end_first,
        money_is_not_cancelled,
        cancelled_and_opened_at_once_do_not_cross,
        what_nobody_went_on_with_expires,
    }
    cases {
        a_case_is_opened_once_and_closed,
        cases_are_listed_oldest_first,
    }
    leases {
        a_lease_is_held_by_one_until_it_runs_out,
        a_lease_is_given_back_by_its_holder,
        a_lease_that_was_taken_by_a_clock_ahead_is_free,
        twenty_who_want_a_lease_are_one_holder,
    }
    outbox {
        the_host_is_told_in_order,
        a_claimed_delivery_is_leased,
        a_delivery_that_was_put_off_by_a_clock_ahead_is_brought_forward,
        a_delivery_that_fails_is_tried_again_and_parked,
        something_new_revives_a_parked_delivery,
        a_delivery_is_replayed,
        a_replay_during_a_delivery_is_not_lost,
        claimers_never_share_a_payment,
        deliveries_are_listed,
    }
    reconcile {
        payments_that_nobody_goes_on_with,
        sessions_whose_end_is_awaited,
        refunds_whose_end_is_awaited,
        money_that_is_to_go_back,
        money_that_came_since,
    }
    inbox {
        an_event_is_kept_once,
        a_claimed_event_is_leased,
        an_event_that_was_put_off_by_a_clock_ahead_is_brought_forward,
        claimers_never_share_an_event,
        an_event_is_postponed_given_up_and_finished,
        an_event_that_was_given_up_is_due_again_when_it_is_sent_again,
        a_finished_event_does_not_come_back,
    }
    audit {
        the_verification_queries_answer_as_printed,
        a_query_changes_nothing,
        a_query_tells_columns_rows_and_nulls,
        the_installation_has_one_name,
        statements_are_counted,
    }
    schema {
        a_new_database_is_brought_up_to_date_once,
        servers_that_start_together_migrate_once,
        a_newer_database_is_left_alone,
    }
}
