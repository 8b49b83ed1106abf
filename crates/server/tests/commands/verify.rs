//! `sekali verify`: a record that was tampered with is found, and open cases are shown.

use crate::clinic::{Clinic, GOOD};
use crate::support::database::Database;
use crate::support::eventually;
use crate::support::program::text;
use serde_json::{Value, json};

async fn verify(clinic: &Clinic) -> (Option<i32>, String) {
    let output = clinic.command(&["verify"]).await;
    (output.status.code(), text(&output.stdout))
}

/// Takes away what keeps the record from being changed.
async fn disarm(database: &Database) {
    let drop = match database {
        Database::Sqlite(_) => "DROP TRIGGER payment_events_keep; DROP TRIGGER payment_events_stay",
        Database::Postgres(_) => "DROP TRIGGER payment_events_append_only ON payment_events",
    };
    database.execute(drop).await.unwrap();
}

async fn tampering_is_found(database: Database) {
    let clinic = Clinic::open(database, &[]).await;
    let (first, second) = (clinic.paid(5).await, clinic.paid(6).await);
    for payment in [first, second] {
        eventually("it is settled", async || clinic.status(payment).await == "completed").await;
    }
    assert_eq!(clinic.health().await["verify"], Value::Null, "nobody has asked yet");
    let (code, said) = verify(&clinic).await;
    assert_eq!(code, Some(0), "{said}");
    let noted = clinic.health().await["verify"].clone();
    assert_eq!((&noted["holds"], &noted["broken"]), (&json!(true), &json!([])), "{noted}");
    assert_eq!((&noted["entries"], &noted["payments"]), (&json!(8), &json!(2)), "{noted}");
    assert!(noted["at"].is_string() && noted["checks"].as_u64() > Some(10), "{noted}");
    assert!(said.contains("ok      I10  the record of each payment is as it was written"), "{said}");
    assert!(said.contains("8 entries in the records of 2 payments"), "{said}");

    let lie = format!(
        "UPDATE payment_events SET data = replace(data, '5000.00', '50.00') WHERE payment_id = {first} AND seq = 4"
    );
    let refused = clinic.database.execute(&lie).await;
    assert!(refused.unwrap_err().contains("append-only"));
    disarm(&clinic.database).await;
    clinic.database.execute(&lie).await.unwrap();
    let gone = format!("DELETE FROM payment_events WHERE payment_id = {second} AND seq = 2");
    clinic.database.execute(&gone).await.unwrap();
    let (code, said) = verify(&clinic).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("BROKEN  I10  the record of each payment is as it was written"), "{said}");
    assert!(said.contains(&format!("payment {first}: entry 4 does not follow, or was changed")), "{said}");
    assert!(said.contains(&format!("payment {second}: entry 3 does not follow, or was changed")), "{said}");
    // Operators see it as well.
    let noted = clinic.health().await["verify"].clone();
    assert_eq!(noted["holds"], json!(false));
    let broken = noted["broken"].as_array().unwrap();
    let record = broken.iter().find(|check| check["part_of"] == "I10" && check["rows"] == 2);
    assert!(record.is_some(), "{noted}");
}

#[tokio::test]
async fn tampering_is_found_on_sqlite() {
    tampering_is_found(Database::sqlite()).await;
}

#[tokio::test]
async fn tampering_is_found_on_postgres() {
    tampering_is_found(Database::postgres()).await;
}

/// Money that comes through a session that is over is shown here, as over the API.
#[tokio::test]
async fn open_cases_are_listed_and_break_nothing() {
    // Nothing is given back by itself: the case stays open.
    let clinic = Clinic::open(Database::sqlite(), &[("SEKALI_AUTOMATIC_REFUNDS", "0")]).await;
    let (payment, way) = clinic.press(5).await;
    let session = clinic.open_session(&way).await;
    let cancel = format!("/api/v1/payments/{payment}/cancel");
    let patient = sekali_core::domain::Role::Patient;
    assert_eq!(clinic.ask("POST", &cancel, patient).send().await.status, 200);
    clinic.at_stripe(&format!("sessions/{session}/pay"), json!({ "card": GOOD, "force": true })).await;
    let cases = "SELECT object FROM cases";
    eventually("the case is open", async || clinic.database.query(cases).await.len() == 1).await;
    let (code, said) = verify(&clinic).await;
    assert_eq!(code, Some(0), "{said}");
    let object = clinic.database.query(cases).await.remove(0).remove(0);
    let line =
        format!("LOOK AT surplus {object} (payment {payment}): 5000.00 PHP came for payment {payment}");
    assert!(said.contains(&line), "{line}: {said}");
    assert_eq!(clinic.status(payment).await, "cancelled");
}

/// Nothing could ever tell how it ends, and the consultation could not be paid again.
#[tokio::test]
async fn a_payment_that_is_stuck_breaks_the_promise_that_one_can_go_on() {
    let clinic = Clinic::open(Database::sqlite(), &[]).await;
    let (payment, way) = clinic.press(5).await;
    clinic.open_session(&way).await;
    assert_eq!(verify(&clinic).await.0, Some(0));
    clinic.database.execute("UPDATE checkout_sessions SET state = 'expired'").await.unwrap();
    let (code, said) = verify(&clinic).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("BROKEN  I9   a payment that is being processed has a session"), "{said}");
    assert!(said.contains(&format!("          {payment}")), "{said}");
}
