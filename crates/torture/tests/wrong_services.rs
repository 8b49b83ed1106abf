//! Each fault that payment services are known for is found, and named for what it does to a patient.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test whose set-up fails has failed")]

mod support;

use sekali_torture::{Finding, Harm, Report, Verdict};
use support::{Fault, against, attack, demanding_file, start};

fn wrong(report: &Report) -> Vec<&'static str> {
    let wrong = report.findings.iter().filter(|finding| finding.verdict == Verdict::Wrong);
    wrong.map(|finding| finding.id).collect()
}

fn finding<'a>(report: &'a Report, id: &str) -> &'a Finding {
    report.findings.iter().find(|finding| finding.id == id).expect("the attack was made")
}

/// Checks that these attacks find this harm.
async fn found(fault: Fault, harm: Harm, ids: &[&str]) {
    let report = against(fault, ids).await;
    for id in ids {
        let finding = finding(&report, id);
        let harms: Vec<Harm> = finding.problems.iter().map(|problem| problem.harm).collect();
        assert!(harms.contains(&harm), "{fault:?}, {id}: {:?} {harms:?}", finding.verdict);
        assert!(!finding.evidence.is_empty() && !finding.rules.is_empty(), "{fault:?}, {id}");
        assert!(report.text().contains(harm.suffered()), "{}", report.text());
    }
}

/// The same service without the fault: else the findings below would prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_the_right_one() {
    let report = against(Fault::None, &[]).await;
    assert_eq!(wrong(&report), Vec::<&str>::new(), "{}", report.text());
    assert_eq!((report.totals.wrong, report.totals.not_finished), (0, 0));
    assert!(report.totals.right >= 30, "{:?}", report.totals);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_looks_at() {
    let ids = ["double-click", "rapid-clicks", "storm-one-key", "lost-answer", "late-replay", "slow-body"];
    found(Fault::NoIdempotency, Harm::ChargedTwice, &ids).await;
    found(Fault::NoIdempotency, Harm::ChargedTwice, &["pipelined-one-key", "header-name-case", "quoted-key"])
        .await;
    found(Fault::NoIdempotency, Harm::ClientMisled, &["key-many-consultations"]).await;
}

/// Right whenever one request ends before the next begins, which is how it is tested as a rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_and_then_an_insert() {
    found(Fault::CheckThenInsert, Harm::ChargedTwice, &["double-click", "storm-one-key", "storm-many-keys"])
        .await;
    let report = against(Fault::CheckThenInsert, &["late-replay", "rapid-clicks"]).await;
    assert_eq!(wrong(&report), Vec::<&str>::new(), "{}", report.text());
}

/// The client hangs up between the two, and the handler is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_stored_after_its_payment() {
    found(Fault::KeyAfterPayment, Harm::ChargedTwice, &["lost-answer", "lost-answer-at-once"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_users_see_of_each_other() {
    found(Fault::KeyNotScoped, Harm::CannotPay, &["other-users-key"]).await;
    found(Fault::NoOwner, Harm::DataShown, &["other-users-consultation"]).await;
    found(Fault::OpenList, Harm::DataShown, &["other-users-list"]).await;
    found(Fault::NoLogin, Harm::DataShown, &["no-token", "retry-after-lost-login"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_use_up_a_key() {
    let ids = ["retry-after-refused-amount", "broken-json", "no-json", "empty-body"];
    found(Fault::RemembersRefusals, Harm::CannotPay, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_stand_for_more_than_one_request() {
    let ids = ["key-other-amount", "key-other-consultation", "key-many-consultations"];
    found(Fault::NoFingerprint, Harm::NotPaid, &ids).await;
    found(Fault::CutsKeys, Harm::CannotPay, &["keys-alike"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_for_a_payment_that_was_made() {
    found(Fault::FailsWhenBusy, Harm::ErrorShown, &["double-click", "storm-one-key"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presses_without_a_key() {
    let (_service, address) = start(Fault::Careless).await;
    let report = attack(address, &demanding_file(), &["no-key", "empty-key"], 5000).await.unwrap();
    for finding in &report.findings {
        assert_eq!(finding.harm, Some(Harm::ChargedTwice), "{}", report.text());
    }
}

/// An attack that nothing fails proves nothing: each of them finds something in one of these three.
#[tokio::test(flavor = "multi_thread")]
async fn every_attack_can_find_something() {
    let mut found = Vec::new();
    for fault in [Fault::Careless, Fault::SaysYes, Fault::Refuses] {
        let (_service, address) = start(fault).await;
        let report = attack(address, &demanding_file(), &[], 5000).await.unwrap();
        found.extend(wrong(&report));
    }
    let never = sekali_torture::attacks().map(|(id, _)| id).filter(|id| !found.contains(id));
    assert_eq!(never.collect::<Vec<_>>(), Vec::<&str>::new());
}
