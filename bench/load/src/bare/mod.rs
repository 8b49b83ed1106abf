//! What a request costs at least: axum with a fixed answer, and axum that checks the token and reads one key of
//! Redis, the least that an answer from a shared cache can do.

use crate::services::SECRET;
use crate::token::Signer;
use crate::trouble::{Outcome, fail};
use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// As long as Sekali's answer to a duplicate.
pub(crate) const ANSWER: &str = r#"{"data":{"type":"existing","payment_id":100,"status":"pending","message":"Pembayaran sudah dibuat sebelumnya","checkout_url":"http://127.0.0.1:8080/payment/100/process?capability=v1.1705407600.GwXn0zJvq3xvJXf2mJbQw3mZ0ZQ7u7u5m1c9Qk3v0hY"},"message":"Duplicate payment request detected"}"#;

/// The name of the key under which a bare server looks.
pub(crate) fn cache_key(user: i64, key: &str) -> String {
    format!("payment:idempotency:{user}:{key}")
}

/// Serves until the process is ended. `arguments`: the address, and Redis' address for the one that reads.
pub(crate) fn serve(arguments: &[String]) -> Outcome<()> {
    let (address, redis) = match arguments {
        [address] => (address, None),
        [address, redis] => (address, Some(redis)),
        _ => return fail("bare ADDRESS [REDIS]"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = match redis {
            None => Router::new().route("/api/v1/payments", post(fixed)),
            Some(url) => {
                Router::new().route("/api/v1/payments", post(looked_up)).with_state(cache(url).await?)
            }
        };
        axum::serve(TcpListener::bind(address).await?, app).await?;
        Ok(())
    })
}

struct Cache {
    signer: Signer,
    connection: MultiplexedConnection,
}

async fn cache(url: &str) -> Outcome<Arc<Cache>> {
    let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    match Signer::new(SECRET) {
        Some(signer) => Ok(Arc::new(Cache { signer, connection })),
        None => fail("the secret cannot be used"),
    }
}

async fn fixed() -> Response {
    answer(ANSWER.to_owned())
}

async fn looked_up(State(cache): State<Arc<Cache>>, headers: HeaderMap) -> Response {
    let Some(user) = user(&cache.signer, &headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let Some(key) = text(&headers, "x-idempotency-key") else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let kept: Result<Option<String>, _> = cache.connection.clone().get(cache_key(user, key)).await;
    match kept {
        Ok(Some(body)) => answer(body),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn user(signer: &Signer, headers: &HeaderMap) -> Option<i64> {
    let token = text(headers, AUTHORIZATION.as_str())?.strip_prefix("Bearer ")?;
    signer.verify(token, now())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[allow(clippy::disallowed_methods, reason = "a server of its own, whose tokens expire by the wall clock")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn answer(body: String) -> Response {
    (StatusCode::CONFLICT, [(CONTENT_TYPE, "application/json")], body).into_response()
}
