//! A hundred presses at the same instant for one consultation, each with a key of its own, through two servers.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use sekali_harness::campaign::Campaign;
use sekali_harness::crowd::crowds;
use sekali_harness::program::Program;
use sekali_harness::site::Combination;
use sekali_harness::violation::none;

const PRESSES: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn campaign_crowd() {
    let what = "100 parallel requests for one consultation with different keys, through two servers on PostgreSQL and Redis";
    let campaign = Campaign::begin("campaign_crowd", what, 6, 1000);
    let last = i64::try_from(campaign.rounds()).expect("not so many");
    let found = crowds(Combination::TwoServers, Program::Shipped, 1..=last, PRESSES).await;
    none(&found, "after the crowds");
    campaign.passed();
}
