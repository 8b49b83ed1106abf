//! What is said of an answer that is no receipt, or of none: a short sentence for an operator.

use reqwest::{Response, StatusCode};

/// Read of an answer's body, at most.
const LARGEST_BODY: usize = 4096;
/// Repeated of it, in characters.
const LONGEST_WORDS: usize = 200;

/// Status and words of an answer. What goes wrong while the words are read does not matter: the status
/// stands. `masked` takes out what must not be repeated, before anything is cut off.
pub(crate) async fn refusal(response: Response, masked: impl Fn(&str) -> String) -> String {
    let status = response.status();
    let answered = format!("the host answered {status}");
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return format!("{answered}; redirects are not followed, so configure the address it leads to");
    }
    let words = masked(&String::from_utf8_lossy(&beginning(response).await));
    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().filter(|c| !c.is_control()).take(LONGEST_WORDS).collect();
    if words.is_empty() { answered } else { format!("{answered}: {words}") }
}

async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < LARGEST_BODY {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(LARGEST_BODY);
    body
}

/// Why there is no answer, without the address.
pub(crate) fn silence(error: reqwest::Error, seconds: u64) -> String {
    if error.is_timeout() {
        return format!("the host has not answered within {seconds} s");
    }
    let what =
        if error.is_connect() { "the host cannot be reached" } else { "the connection to the host broke" };
    format!("{what}: {}", innermost(&error.without_url()))
}

/// The causes around it say no more than that there is one.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
