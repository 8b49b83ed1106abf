//! The simulated database passes the suite of every store, as far as its cases need no SQL: so it is not easier to
//! live with than the real ones.

use async_trait::async_trait;
use sekali_core::contract::store::TestDatabase;
use sekali_core::ports::Store;
use std::sync::Arc;

struct Simulated(Arc<dyn Store>);

#[async_trait]
impl TestDatabase for Simulated {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0)
    }

    async fn execute(&self, sql: &str) -> Result<(), String> {
        Err(format!("there is no SQL here: {sql}"))
    }

    async fn set_next_ids(&self, _: i64, _: i64, _: i64) {}
}

macro_rules! cases {
    ($($case:ident,)+) => {
        $(
            // On one thread, as everything is that is simulated.
            #[tokio::test]
            async fn $case() {
                let database = Simulated(sekali_simulate::database());
                sekali_core::contract::store::$case(&database).await;
            }
        )+
    };
}

cases! {
    a_known_key_answers_with_its_payment_and_stores_nothing,
    a_key_belongs_to_its_user,
    a_key_that_lost_stores_nothing,
    a_spent_key_stays_spent_and_a_new_one_pays_again,
    other_terms_are_told,
    an_exempt_consultation_has_no_tax_records,
    an_empty_batch_does_nothing,
    a_large_batch_is_written_whole,
    a_batch_repeated_is_created_again,
    batches_that_overlap_in_opposite_orders_make_one_payment_each,
    fifty_keys_for_one_consultation,
    one_key_for_fifty_consultations,
    one_key_for_one_consultation_fifty_times,
    the_same_write_in_parallel,
    two_servers_race_two_hundred_times,
    a_caller_that_goes_away_leaves_nothing_half_done,
    a_consultation_is_made_and_replaced,
    a_payment_is_found_or_not,
    a_list_goes_on_from_a_cursor,
    a_list_is_narrowed_by_user_and_consultation,
    old_keys_are_forgotten_some_at_a_time,
    a_session_is_intended_once,
    twenty_who_want_a_session_get_one,
    a_session_is_opened_and_found,
    news_of_an_unknown_session_does_nothing,
    twenty_who_bring_the_same_news_change_it_once,
    paid_and_expired_at_once_make_one_transition,
    news_in_every_order,
    a_confirmed_session_awaits_its_money,
    a_refused_session_fails_its_payment_unless_stripe_has_made_it,
    a_bank_that_does_not_pay_fails_the_payment,
    a_capture_is_counted_once_whatever_session_it_is_said_to_be_of,
    a_judge_that_decides_nothing_writes_nothing,
    a_change_that_does_not_find_its_state_leaves_nothing,
    a_change_that_the_database_refuses_leaves_nothing,
    a_decision_is_written_with_its_moment,
    fifty_deciders_at_once_take_turns,
    a_file_is_seen_in_one_piece,
    a_record_begins_with_each_payment_of_a_batch,
    every_record_is_read_page_by_page,
    a_wish_is_one_refund,
    what_was_not_captured_is_not_refunded,
    one_key_at_once_is_one_refund,
    a_dispute_is_recorded_and_shown,
    what_has_no_session_is_cancelled_at_once,
    money_is_not_cancelled,
    cancelled_and_opened_at_once_do_not_cross,
    what_nobody_went_on_with_expires,
    a_case_is_opened_once_and_closed,
    cases_are_listed_oldest_first,
    a_lease_is_held_by_one_until_it_runs_out,
    a_lease_is_given_back_by_its_holder,
    a_lease_that_was_taken_by_a_clock_ahead_is_free,
    twenty_who_want_a_lease_are_one_holder,
    the_host_is_told_in_order,
    a_claimed_delivery_is_leased,
    a_delivery_that_was_put_off_by_a_clock_ahead_is_brought_forward,
    a_delivery_that_fails_is_tried_again_and_parked,
    something_new_revives_a_parked_delivery,
    a_delivery_is_replayed,
    a_replay_during_a_delivery_is_not_lost,
    claimers_never_share_a_payment,
    deliveries_are_listed,
    payments_that_nobody_goes_on_with,
    sessions_whose_end_is_awaited,
    refunds_whose_end_is_awaited,
    money_that_is_to_go_back,
    money_that_came_since,
    a_claimed_event_is_leased,
    an_event_that_was_put_off_by_a_clock_ahead_is_brought_forward,
    claimers_never_share_an_event,
    an_event_that_was_given_up_is_due_again_when_it_is_sent_again,
    a_finished_event_does_not_come_back,
}
