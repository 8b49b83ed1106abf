//! `sekali reconcile`, beside a service that runs: one pass now, or a comparison with Stripe's lists.

use crate::clinic::{Clinic, GOOD};
use crate::support::database::Database;
use crate::support::eventually;
use crate::support::program::{run, text};
use serde_json::json;

/// What a pass did, by its summary.
fn count(summary: &str, what: &str) -> u64 {
    let line = summary.lines().find(|line| line.ends_with(what));
    let line = line.unwrap_or_else(|| panic!("no line of {what}: {summary}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}

async fn settles_what_no_webhook_told(database: Database) {
    let clinic = Clinic::open(database, &[]).await;
    clinic.at_stripe("faults", json!({ "kind": "webhook_never" })).await;
    let paid = clinic.paid(5).await;
    let (pending, _) = clinic.press(6).await;
    let (waiting, way) = clinic.press(7).await;
    clinic.open_session(&way).await;
    assert_eq!(clinic.status(paid).await, "processing");

    let output = clinic.command(&["reconcile"]).await;
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert_eq!(clinic.status(paid).await, "completed");
    assert_eq!(clinic.status(pending).await, "pending", "its time has not come");
    assert_eq!(clinic.status(waiting).await, "processing", "its session is open");
    assert!(said.contains("looked at checkout sessions"), "{said}");
    assert_eq!(count(&said, "checkout sessions were asked about"), 2);
    assert_eq!(count(&said, "payments moved on by that"), 1);
    assert_eq!(count(&said, "questions have no answer yet"), 0);

    let again = text(&clinic.command(&["reconcile"]).await.stdout);
    assert_eq!(count(&again, "payments moved on by that"), 0);
    assert_eq!(clinic.database.query("SELECT payment_id FROM captures").await.len(), 1);
}

#[tokio::test]
async fn settles_what_no_webhook_told_on_sqlite() {
    settles_what_no_webhook_told(Database::sqlite()).await;
}

#[tokio::test]
async fn settles_what_no_webhook_told_on_postgres() {
    settles_what_no_webhook_told(Database::postgres()).await;
}

#[tokio::test]
async fn it_is_made_now_whoever_has_the_lease() {
    let clinic = Clinic::open(Database::sqlite(), &[]).await;
    // Whether the first pass is over or under way: the lease is somebody else's now.
    let lease = "INSERT OR REPLACE INTO leases (name, holder, until) VALUES
        ('reconciler', '00000000-0000-4000-8000-000000000001', 9000000000000000)";
    clinic.database.execute(lease).await.unwrap();
    let output = clinic.command(&["reconcile"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("looked at checkout sessions") && said.contains("questions have no answer yet"),
        "{said}"
    );
}

#[tokio::test]
async fn a_question_without_an_answer_is_a_failure() {
    let clinic = Clinic::open(Database::sqlite(), &[]).await;
    let (payment, way) = clinic.press(5).await;
    clinic.open_session(&way).await;
    clinic.at_stripe("faults", json!({ "kind": "server_error" })).await;
    let output = clinic.command(&["reconcile"]).await;
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(count(&said, "questions have no answer yet") >= 1);
    assert_eq!(clinic.status(payment).await, "processing");
}

#[tokio::test]
async fn since_compares_both_ways_and_changes_nothing() {
    let clinic = Clinic::open(Database::sqlite(), &[]).await;
    let told = clinic.paid(5).await;
    eventually("the webhook told", async || clinic.status(told).await == "completed").await;
    let output = clinic.command(&["reconcile", "--since", "1h"]).await;
    let said = text(&output.stdout);
    assert!(
        output.status.success() && said.contains("\nnothing differs\n"),
        "{said}{}",
        text(&output.stderr)
    );

    // Paid at Stripe, and nobody told us.
    clinic.at_stripe("faults", json!({ "kind": "webhook_never" })).await;
    let (untold, way) = clinic.press(6).await;
    let session = clinic.open_session(&way).await;
    clinic.at_stripe(&format!("sessions/{session}/pay"), json!({ "card": GOOD })).await;
    // And a payment here of which Stripe has nothing.
    let invented = "UPDATE checkout_sessions SET gateway_id = 'cs_test_of_nobody' WHERE payment_id = ";
    clinic.database.execute(&format!("{invented}{told}")).await.unwrap();
    let output = clinic.command(&["reconcile", "--since", "1h"]).await;
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let differs: Vec<&str> = said.lines().filter(|line| line.starts_with("DIFFERS")).collect();
    assert!(differs.iter().any(|line| line.contains(&session)), "{said}");
    assert!(differs.iter().any(|line| line.contains("cs_test_of_nobody")), "{said}");
    assert_eq!(clinic.status(untold).await, "processing", "nothing was changed");

    for (since, good) in [("2020-01-31", true), ("2020-01-31T10:30:00Z", true), ("yesterday", false)] {
        let output = clinic.command(&["reconcile", "--since", since]).await;
        let told = text(&output.stderr);
        assert_eq!(told.contains("--since is"), !good, "{since}: {told}");
        assert!(!output.status.success());
    }
}

#[tokio::test]
async fn it_takes_the_settings_of_serve() {
    let database = Database::sqlite();
    let url = database.url();
    let base = [
        ("SEKALI_JWT_SECRET", crate::support::JWT_SECRET),
        ("SEKALI_STRIPE_SIMULATOR", "1"),
        ("DATABASE_URL", url.as_str()),
    ];
    for (more, word) in [
        (("SEKALI_LISTEN", "127.0.0.1:0"), "SEKALI_PUBLIC_URL"),
        (("SEKALI_JWT_SECRET", ""), "SEKALI_JWT_SECRET is not set"),
        (("SEKALI_LISTEN", "127.0.0.1:1"), "sekali migrate"),
    ] {
        let output = run(&["reconcile"], &[&base[..], &[more]].concat()).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word), "{word}: {said}");
    }
}
