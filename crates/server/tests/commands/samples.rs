//! The commands of the API's description, taken from it and run as they stand there, in a shell and by curl.

use crate::clinic::{Clinic, GOOD};
use crate::support::JWT_SECRET;
use crate::support::client::Request;
use crate::support::database::{Database, Folder};
use crate::support::eventually;
use sekali_core::domain::Role;
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

/// The order in which a payment is lived through. An operation that is not here fails the test.
const STORY: [&str; 11] = [
    "put_consultation",
    "create_payment",
    "list_payments",
    "read_payment",
    "timeline",
    "invoice",
    "invoice_pdf",
    "refund_payment",
    "list_refunds",
    "cases",
    "cancel_payment",
];

/// The document's operations by their names.
fn operations(document: &Value) -> Vec<&Value> {
    let paths = document["paths"].as_object().unwrap().values();
    paths.flat_map(|item| item.as_object().unwrap().values()).collect()
}

fn samples<'a>(document: &'a Value, name: &str) -> &'a Vec<Value> {
    let operation = operations(document).into_iter().find(|operation| operation["operationId"] == name);
    operation.unwrap()["x-codeSamples"].as_array().unwrap()
}

/// A shell with the document's own set-up, at this service instead of the one that it names.
struct Shell {
    folder: Folder,
    setup: String,
}

impl Shell {
    fn of(document: &Value, clinic: &Clinic) -> Self {
        let setup = document["x-sample-setup"].as_str().unwrap();
        let here = setup.replace("http://127.0.0.1:8080", &format!("http://{}", clinic.address));
        assert_ne!(here, setup, "the set-up names where the service is");
        Self { folder: Folder::new(), setup: here }
    }

    /// What the command prints; `payment` in place of the number in the set-up.
    async fn run(&self, source: &str, payment: i64) -> String {
        let script = format!("{}export PAYMENT={payment}\n{source}\n", self.setup);
        let programs = Path::new(env!("CARGO_BIN_EXE_sekali")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script]).current_dir(&self.folder.0).env_clear();
        bash.env("PATH", path).env("SEKALI_JWT_SECRET", JWT_SECRET).env("NO_PROXY", "*").kill_on_drop(true);
        let output = bash.output().await.unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{source}\n{printed}\n{complaints}");
        printed
    }
}

#[tokio::test]
async fn every_command_of_the_description_does_what_it_promises() {
    let clinic = Clinic::open(Database::sqlite(), &[]).await;
    let document = Request::new(clinic.address, "GET", "/openapi.json").send().await.json();
    let mut names: Vec<_> =
        operations(&document).iter().map(|one| one["operationId"].as_str().unwrap()).collect();
    let mut story = STORY.to_vec();
    names.sort_unstable();
    story.sort_unstable();
    assert_eq!(names, story, "each operation has its place in the story");

    let shell = Shell::of(&document, &clinic);
    let mut payment = 0;
    let mut run = 0;
    for name in STORY {
        match name {
            "refund_payment" => pay(&clinic, payment).await,
            // A payment of its own: the first one is paid by now.
            "cancel_payment" => payment = clinic.press(6).await.0,
            _ => {}
        }
        for sample in samples(&document, name) {
            let (source, status) = (sample["source"].as_str().unwrap(), sample["x-status"].as_u64().unwrap());
            let printed = shell.run(source, payment).await;
            let first = printed.lines().next().unwrap_or_default();
            assert_eq!(first.split(' ').nth(1), Some(status.to_string().as_str()), "{source}\n{printed}");
            if name == "create_payment" && payment == 0 {
                payment = number_in(&printed);
            }
            run += 1;
        }
        assert!(!samples(&document, name).is_empty(), "{name} has a command");
    }
    assert!(run >= STORY.len());
    let pdf = std::fs::read(shell.folder.0.join("invoice.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
}

/// The payment's number in an answer that was printed with its head.
fn number_in(printed: &str) -> i64 {
    let body = printed.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str::<Value>(body).unwrap()["data"]["payment_id"].as_i64().unwrap()
}

/// The patient goes to Stripe's page and pays.
async fn pay(clinic: &Clinic, payment: i64) {
    let path = format!("/api/v1/payments/{payment}");
    let read = clinic.ask("GET", &path, Role::Patient).send().await.json();
    let session = clinic.open_session(read["data"]["checkout_url"].as_str().unwrap()).await;
    clinic.at_stripe(&format!("sessions/{session}/pay"), json!({ "card": GOOD })).await;
    eventually("the payment is completed", async || clinic.status(payment).await == "completed").await;
}
