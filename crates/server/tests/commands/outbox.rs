//! `sekali outbox`: what the host was not told, and telling it again.

use crate::clinic::Clinic;
use crate::support::database::Database;
use crate::support::eventually;
use crate::support::program::text;
use crate::support::receiver::{HOST_SECRET, Receiver};

async fn clinic(database: Database, host: &Receiver) -> Clinic {
    let url = host.url();
    let more = [("SEKALI_HOST_WEBHOOK_URL", url.as_str()), ("SEKALI_HOST_WEBHOOK_SECRET", HOST_SECRET)];
    Clinic::open(database, &more).await
}

/// What the command says, which must succeed.
async fn says(clinic: &Clinic, arguments: &[&str]) -> String {
    let output = clinic.command(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The table's rows, without the one of names.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
    table.lines().skip(1).map(cells).collect()
}

#[tokio::test]
async fn listed_and_replayed_on_sqlite() {
    listed_and_replayed(Database::sqlite()).await;
}

#[tokio::test]
async fn listed_and_replayed_on_postgres() {
    listed_and_replayed(Database::postgres()).await;
}

async fn listed_and_replayed(database: Database) {
    let host = Receiver::start().await;
    let clinic = clinic(database, &host).await;
    assert_eq!(says(&clinic, &["outbox", "list"]).await, "The host application was told everything.\n");

    host.answers(500);
    let (payment, _) = clinic.press(5).await;
    eventually("the host was tried", async || {
        clinic.database.query("SELECT 1 FROM outbox WHERE error IS NOT NULL").await.len() == 1
    })
    .await;
    let table = says(&clinic, &["outbox", "list"]).await;
    assert!(table.contains("payment | delivered | last | attempts | due"), "{table}");
    let row = &rows(&table)[0];
    assert_eq!(row[..3], [payment.to_string(), "0".into(), "1".into()], "{table}");
    assert!(row[6].contains("500"), "{table}");
    let parked = says(&clinic, &["outbox", "list", "--parked"]).await;
    assert_eq!(parked, "The host application was told everything.\n");

    host.answers(204);
    let due = says(&clinic, &["outbox", "replay", "--payment", &payment.to_string()]).await;
    assert_eq!(due, format!("The delivery of payment {payment} is due now; a running server sends it.\n"));
    eventually("the running server sends it", async || host.messages().len() == 2).await;
    eventually("and nothing is left", async || {
        says(&clinic, &["outbox", "list"]).await == "The host application was told everything.\n"
    })
    .await;
    let all = says(&clinic, &["outbox", "list", "--all"]).await;
    assert_eq!(rows(&all)[0][1..3], ["1", "1"], "{all}");
}

#[tokio::test]
async fn a_whole_record_is_told_again_in_order() {
    let host = Receiver::start().await;
    let clinic = clinic(Database::sqlite(), &host).await;
    let payment = clinic.paid(5).await;
    let kinds = ["payment.created", "payment.processing", "payment.completed"];
    eventually("it is told once", async || host.told_of(payment).len() == 3).await;
    says(&clinic, &["outbox", "replay", "--payment", &payment.to_string(), "--from", "1"]).await;
    eventually("it is told again", async || host.told_of(payment).len() == 6).await;
    assert_eq!(host.told_of(payment), [kinds, kinds].concat());
    let messages = host.messages();
    for (first, again) in messages[..3].iter().zip(&messages[3..]) {
        assert_eq!((&first.id, &first.body), (&again.id, &again.body), "the host can tell that it knows it");
    }
}

#[tokio::test]
async fn parked_deliveries_go_on() {
    let host = Receiver::start().await;
    host.answers(500);
    let clinic = clinic(Database::sqlite(), &host).await;
    let (payment, _) = clinic.press(5).await;
    eventually("the host was tried", async || {
        clinic.database.query("SELECT 1 FROM outbox WHERE error IS NOT NULL").await.len() == 1
    })
    .await;
    // As three days of failures leave it.
    clinic.database.execute("UPDATE outbox SET due_at = NULL, parked_at = 1").await.unwrap();
    let parked = says(&clinic, &["outbox", "list", "--parked"]).await;
    assert_eq!(rows(&parked)[0][0], payment.to_string(), "{parked}");
    host.answers(204);
    let told = says(&clinic, &["outbox", "replay", "--parked"]).await;
    assert_eq!(told, "1 parked deliveries are due now; a running server sends them.\n");
    eventually("the running server sends it", async || host.told_of(payment).len() == 2).await;
    let told = says(&clinic, &["outbox", "replay", "--parked"]).await;
    assert_eq!(told, "0 parked deliveries are due now; a running server sends them.\n");
}

#[tokio::test]
async fn what_cannot_be_replayed_is_said() {
    let host = Receiver::start().await;
    let clinic = clinic(Database::sqlite(), &host).await;
    let unknown = says(&clinic, &["outbox", "replay", "--payment", "999"]).await;
    assert_eq!(unknown, "There is no payment 999 with anything to tell.\n");
    for arguments in [
        &["outbox"][..],
        &["outbox", "replay"],
        &["outbox", "replay", "--payment", "x"],
        &["outbox", "replay", "--payment", "0"],
        &["outbox", "replay", "--from", "1"],
        &["outbox", "replay", "--parked", "--payment", "1"],
    ] {
        let output = clinic.command(arguments).await;
        assert!(!output.status.success() && !output.stderr.is_empty(), "{arguments:?}");
    }
}
