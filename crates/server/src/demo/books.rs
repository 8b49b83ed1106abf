//! What is counted after a run: at the gateway, and in the database by the contract's own queries.

use super::client::Client;
use super::{EXPECTED_ROWS, QUERIES, Told};
use sekali_core::domain::{ConsultationId, Receipt, Status};
use sekali_core::ports::{Page, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The simulator believes any key that looks like one.
const KEY: &str = "sk_test_demo";

/// What the books say of one consultation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Books {
    /// Its payments in the database.
    pub payments: usize,
    /// Checkout Sessions at the gateway.
    pub sessions: usize,
    /// Charges at the gateway that succeeded.
    pub charges: usize,
    /// Whether no payment is still under way.
    pub settled: bool,
    /// The verification queries with their answers.
    pub queries: Vec<Answered>,
}

/// A query, and what the database answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Answered {
    /// Word for word as it was run.
    pub sql: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows as text.
    pub rows: Vec<Vec<String>>,
    /// Whether it brought as many rows as it has to.
    pub holds: bool,
}

impl Books {
    /// Asks the database, and the gateway's own lists over its API.
    pub(crate) async fn of(consultation: ConsultationId, store: &dyn Store, client: &Client) -> Told<Self> {
        let page = Page { user: None, consultation: Some(consultation), before: None, limit: 100 };
        let payments = store.payments(&page).await?;
        let (sessions, charges) = at_gateway(client, &payments).await?;
        let mut queries = Vec::new();
        if let Some(first) = payments.last() {
            let id = first.payment.id.to_string();
            for (query, expected) in QUERIES.iter().zip(EXPECTED_ROWS) {
                let sql = query.replace("{id}", &id);
                let table = store.query(&sql).await?;
                let holds = table.rows.len() == expected;
                queries.push(Answered { sql, columns: table.columns, rows: table.rows, holds });
            }
        }
        let under_way =
            |receipt: &Receipt| matches!(receipt.payment.status, Status::Pending | Status::Processing);
        let settled = !payments.iter().any(under_way);
        Ok(Self { payments: payments.len(), sessions, charges, settled, queries })
    }
}

/// Sessions and successful charges that carry the reference of one of these payments. The lists come newest first,
/// and a run is counted right after it.
async fn at_gateway(client: &Client, payments: &[Receipt]) -> Told<(usize, usize)> {
    let references: Vec<_> = payments.iter().map(|receipt| receipt.payment.reference.to_string()).collect();
    let ours =
        |reference: &Value| reference.as_str().is_some_and(|text| references.iter().any(|of| of == text));
    let count = |list: &Value, is: &dyn Fn(&Value) -> bool| {
        list["data"].as_array().map_or(0, |all| all.iter().filter(|one| is(one)).count())
    };
    let (sessions, charges) = (list(client, "checkout/sessions").await?, list(client, "charges").await?);
    Ok((
        count(&sessions, &|session| ours(&session["client_reference_id"])),
        count(&charges, &|charge| {
            charge["status"] == "succeeded" && ours(&charge["metadata"]["sekali_payment"])
        }),
    ))
}

async fn list(client: &Client, what: &str) -> Told<Value> {
    client.get(&format!("/stripe-simulator/v1/{what}?limit=100"), Some(KEY)).await
}
