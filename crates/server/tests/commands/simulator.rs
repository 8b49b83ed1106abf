//! `sekali stripe-simulator`, on its own: another service pays through it.

use crate::support::client::{Request, split};
use crate::support::database::Database;
use crate::support::program::{program, started, text};
use crate::support::{JWT_SECRET, eventually};
use serde_json::json;
use std::net::SocketAddr;
use tokio::process::{Child, Command};

const SECRET: &str = "whsec_of_both";

/// It runs, and answers.
async fn simulator(arguments: &[&str]) -> (Child, SocketAddr) {
    let listen = format!("127.0.0.1:{}", sekali_test_support::free_port());
    let all = [&["stripe-simulator", "--listen", &listen], arguments].concat();
    let child = program(&all, &[("SEKALI_LOG", "error")]).spawn().unwrap();
    let address: SocketAddr = listen.parse().unwrap();
    eventually("the simulator listens", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
    (child, address)
}

#[tokio::test]
async fn a_service_takes_payments_through_it() {
    let service = format!("127.0.0.1:{}", sekali_test_support::free_port());
    let hook = format!("http://{service}/webhooks/stripe");
    let (mut child, stripe) = simulator(&["--webhook-url", &hook, "--webhook-secret", SECRET]).await;
    let (database, base) = (Database::sqlite(), format!("http://{stripe}"));
    let url = database.url();
    let env = [
        ("SEKALI_LISTEN", service.as_str()),
        ("SEKALI_JWT_SECRET", JWT_SECRET),
        ("STRIPE_SECRET_KEY", "sk_test_any"),
        ("STRIPE_WEBHOOK_SECRET", SECRET),
        ("STRIPE_API_BASE", base.as_str()),
        ("SEKALI_RECONCILE_INTERVAL", "3600"),
        ("DATABASE_URL", url.as_str()),
    ];
    let _started = started(&env).await;
    let clinic = service.parse().unwrap();
    let (payment, way) = crate::clinic::press_at(clinic, 5).await;
    let (address, path) = split(&way);
    let answer = Request::new(address, "GET", &path).send().await;
    let page = answer.header("location").unwrap().to_owned();
    assert!(page.starts_with(&base), "{page}");
    let session = page.rsplit('/').next().unwrap();
    let pay = Request::new(stripe, "POST", &format!("/simulator/sessions/{session}/pay"));
    let answer = pay.json(json!({ "card": "4242424242424242" }).to_string()).send().await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("succeeded")), "{}", answer.text());
    let sql = format!("SELECT status FROM payments WHERE id = {payment}");
    eventually("the webhook has told", async || database.query(&sql).await == [["completed"]]).await;

    // It ends in good order when it is asked to.
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), child.wait()).await;
    assert!(ended.expect("it stops within 10 s").unwrap().success());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    for arguments in [&["--listen", "0.0.0.0:1"][..], &["--webhook-url", "http://127.0.0.1/h"]] {
        let output = program(&[&["stripe-simulator"], arguments].concat(), &[]).output().await.unwrap();
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("--"), "{said}");
    }
}
