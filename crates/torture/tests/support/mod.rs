//! A tiny service that takes payments, right or wrong in one chosen way, and a run against it.
#![allow(dead_code, reason = "each of the test programs uses a part of it")]

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use sekali_torture::{Bounds, Finding, Halt, Plan, Progress, Report, RequestFile, Strength, Target};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// What is wrong with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Keys are not looked at.
    NoIdempotency,
    /// Looks for the key, then waits for its database, then inserts.
    CheckThenInsert,
    /// The same, and the payment is there before its key is.
    KeyAfterPayment,
    /// Keys are one name space for all users.
    KeyNotScoped,
    /// A refusal is remembered under the key.
    RemembersRefusals,
    /// The key alone decides, whatever the request is.
    NoFingerprint,
    /// Keys are cut at 36 characters.
    CutsKeys,
    /// Anybody pays for anything.
    NoOwner,
    /// A duplicate of a request that is being worked on is answered 500.
    FailsWhenBusy,
    /// Anybody reads every list.
    OpenList,
    /// Tokens are not looked at.
    NoLogin,
    /// Each answer says that real money moves.
    LiveMode,
    /// The first answer of all is 429.
    LimitsFirst,
    /// Everything makes a new payment.
    Careless,
    /// Everything is answered with the first payment.
    SaysYes,
    /// After the first payment everything is refused.
    Refuses,
}

/// What the service holds.
pub(crate) struct Service {
    pub(crate) fault: Fault,
    pub(crate) requests: AtomicUsize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Consultation and user of each payment; its id is its place, from 1.
    payments: Vec<(i64, i64)>,
    /// What a key stands for: the request, and the answer to it.
    keys: HashMap<String, (String, StatusCode, Value)>,
    busy: Vec<String>,
}

type Answer = (StatusCode, axum::Json<Value>);

fn answer(status: u16, body: Value) -> Answer {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body))
}

/// `Bearer user-7`.
fn user(headers: &HeaderMap, fault: Fault) -> Option<i64> {
    let text = headers.get("authorization").and_then(|value| value.to_str().ok());
    let id = text.and_then(|text| text.strip_prefix("Bearer user-")?.parse().ok());
    id.filter(|id| *id <= 2).or((fault == Fault::NoLogin).then_some(1))
}

/// Who may pay for a consultation.
fn owner(consultation: i64) -> i64 {
    if consultation <= 5000 { 1 } else { 2 }
}

async fn pay(State(service): State<Arc<Service>>, headers: HeaderMap, body: String) -> Answer {
    let first = service.requests.fetch_add(1, Ordering::SeqCst) == 0;
    if first && service.fault == Fault::LimitsFirst {
        return answer(429, json!({}));
    }
    match service.fault {
        Fault::Careless => return service.careless(&body),
        Fault::Refuses if !first => return answer(403, json!({})),
        Fault::SaysYes | Fault::Refuses => return answer(201, json!({ "payment": { "id": 1 } })),
        _ => {}
    }
    let Some(user) = user(&headers, service.fault) else { return answer(401, json!({})) };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if headers.get_all("idempotency-key").iter().count() > 1 || key.is_empty() {
        return answer(400, json!({}));
    }
    let is_json = headers.get("content-type").is_some_and(|value| value == "application/json");
    if !is_json || body.len() > 16_384 {
        return answer(if is_json { 413 } else { 415 }, json!({}));
    }
    service.answered(user, key, &body).await
}

impl Service {
    fn careless(&self, body: &str) -> Answer {
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let mut kept = self.kept.lock().unwrap();
        kept.payments.push((request["consultation"].as_i64().unwrap_or(0), 1));
        answer(201, json!({ "payment": { "id": kept.payments.len() } }))
    }

    fn scope(&self, user: i64, key: &str) -> String {
        match self.fault {
            Fault::KeyNotScoped => key.to_owned(),
            Fault::CutsKeys => format!("{user}:{key:.36}"),
            _ => format!("{user}:{key}"),
        }
    }

    async fn answered(&self, user: i64, key: &str, body: &str) -> Answer {
        let key = self.scope(user, key);
        if let Some(known) = self.known(&key, body) {
            return known;
        }
        let Ok(request) = serde_json::from_str::<Value>(body) else { return self.refuse(&key, body, 400) };
        let (Some(consultation), Some(amount)) =
            (request["consultation"].as_i64(), request["amount"].as_i64())
        else {
            return self.refuse(&key, body, 422);
        };
        if amount <= 0 {
            return self.refuse(&key, body, 422);
        }
        if owner(consultation) != user && !matches!(self.fault, Fault::NoOwner | Fault::NoLogin) {
            return answer(403, json!({}));
        }
        self.paid(&key, body, consultation, user).await
    }

    /// The answer to a key that was there before.
    fn known(&self, key: &str, body: &str) -> Option<Answer> {
        let kept = self.kept.lock().unwrap();
        if kept.busy.iter().any(|busy| busy == key) {
            return Some(answer(500, json!({})));
        }
        let (request, status, said) = kept.keys.get(key).filter(|_| self.fault != Fault::NoIdempotency)?;
        if status.is_success() && request != body && self.fault != Fault::NoFingerprint {
            return Some(answer(422, json!({})));
        }
        Some((*status, axum::Json(said.clone())))
    }

    fn refuse(&self, key: &str, body: &str, status: u16) -> Answer {
        let refusal = answer(status, json!({}));
        if self.fault == Fault::RemembersRefusals {
            let kept = (body.to_owned(), refusal.0, json!({}));
            self.kept.lock().unwrap().keys.insert(key.to_owned(), kept);
        }
        refusal
    }

    async fn paid(&self, key: &str, body: &str, consultation: i64, user: i64) -> Answer {
        if self.fault == Fault::FailsWhenBusy {
            self.kept.lock().unwrap().busy.push(key.to_owned());
            sleep(Duration::from_millis(15)).await;
            self.kept.lock().unwrap().busy.retain(|busy| busy != key);
        }
        if self.fault == Fault::CheckThenInsert {
            sleep(Duration::from_millis(15)).await;
        }
        let id = {
            let mut kept = self.kept.lock().unwrap();
            let there = kept.payments.iter().position(|(paid, _)| *paid == consultation);
            let twice = [Fault::NoIdempotency, Fault::CheckThenInsert, Fault::KeyAfterPayment];
            if let Some(there) = there.filter(|_| !twice.contains(&self.fault)) {
                return answer(200, json!({ "payment": { "id": there + 1 } }));
            }
            kept.payments.push((consultation, user));
            kept.payments.len()
        };
        if self.fault == Fault::KeyAfterPayment {
            sleep(Duration::from_millis(15)).await;
        }
        let live = if self.fault == Fault::LiveMode { "cs_live_a1" } else { "cs_test_a1" };
        let said = json!({ "payment": { "id": id }, "session": live });
        let kept = (body.to_owned(), StatusCode::CREATED, said.clone());
        self.kept.lock().unwrap().keys.insert(key.to_owned(), kept);
        answer(201, said)
    }
}

async fn list(
    State(service): State<Arc<Service>>,
    Query(query): Query<HashMap<String, i64>>,
    headers: HeaderMap,
) -> Answer {
    service.requests.fetch_add(1, Ordering::SeqCst);
    if matches!(service.fault, Fault::SaysYes | Fault::Refuses) {
        return answer(200, json!({ "count": 1 }));
    }
    let Some(user) = user(&headers, service.fault) else { return answer(401, json!({})) };
    let all = service.kept.lock().unwrap().payments.clone();
    let open = matches!(service.fault, Fault::OpenList | Fault::Careless);
    let seen = all.iter().filter(|(paid, payer)| *paid == query["consultation"] && (open || *payer == user));
    answer(200, json!({ "count": seen.count() }))
}

/// A service that runs until its test ends, and its address.
pub(crate) async fn start(fault: Fault) -> (Arc<Service>, SocketAddr) {
    let service = Arc::new(Service { fault, requests: AtomicUsize::new(0), kept: Mutex::default() });
    let table = Router::new().route("/pay", post(pay)).route("/payments", get(list));
    let table = table.route("/consultations/{id}", put(async || answer(200, json!({}))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = table.with_state(service.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (service, address)
}

const FILE: &str = r#"
[request]
method = "POST"
path = "/pay"
headers = { Authorization = "Bearer {token}", Content-Type = "application/json" }
body = '{"consultation": {consultation}, "amount": {amount}}'
amount = "5000"
other_amount = "4999"
[key]
header = "Idempotency-Key"
standard_header = "Idempotency-Key"
[answers]
payment_id = ["/payment/id"]
created = [201]
duplicate = [200, 201]
key_reused = [422]
[count]
path = "/payments?consultation={consultation}"
headers = { Authorization = "Bearer {token}" }
items = "/count"
[[users]]
id = 1
token = "user-1"
consultations = [1, 5000]
[[users]]
id = 2
token = "user-2"
consultations = [5001, 9999]
"#;

/// Tells nobody.
pub(crate) struct Quiet;

impl Progress for Quiet {
    fn begins(&self, _: usize, _: usize, _: &str) {}
    fn ends(&self, _: &Finding) {}
}

/// A run of the attacks whose names hold one of `only`, with at most `limit` requests.
pub(crate) async fn attack(
    address: SocketAddr,
    file: &str,
    only: &[&str],
    limit: u64,
) -> Result<Report, Halt> {
    let plan = Plan {
        target: Target::find(&format!("http://{address}"), None).await.unwrap(),
        file: RequestFile::parse(file).unwrap(),
        mint: None,
        strength: Strength { rounds: 3, storm: 20 },
        bounds: Bounds { requests: limit, time: Duration::from_secs(60) },
        only: only.iter().map(|&name| name.to_owned()).collect(),
    };
    sekali_torture::torture(plan, &Quiet).await
}

/// The usual run against the service with this fault.
pub(crate) async fn against(fault: Fault, only: &[&str]) -> Report {
    let (_service, address) = start(fault).await;
    attack(address, &file(), only, 5000).await.unwrap()
}

/// The service's own request file: it repeats the first answer, and answers another key with 200.
pub(crate) fn file() -> String {
    FILE.to_owned()
}

/// The same service, if it promised all that can be promised.
pub(crate) fn demanding_file() -> String {
    let key = "[key]\nheader = \"X-Key\"\nbody = \"/key\"\nlongest = 255\nprintable_ascii = true\n";
    let fresh = "[fresh]\nmethod = \"PUT\"\npath = \"/consultations/{consultation}\"\ntoken = \"any\"\n";
    let promises = "[promises]\nsekali_answers = true\n[count]";
    let file = FILE.replace("[key]\nheader = \"Idempotency-Key\"\n", key).replace("\"5000\"", "\"5000.00\"");
    file.replace("[count]", &format!("{fresh}{promises}"))
}
