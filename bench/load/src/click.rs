//! Presses of BAYAR: the bytes of each request, made before anything is measured.

use crate::services::SECRET;
use crate::token::Signer;
use crate::trouble::{Outcome, fail};
use std::fmt::Write;

/// A press of BAYAR by the patient who has the consultation's number.
pub(crate) struct Click {
    /// The consultation, and its patient.
    pub(crate) consultation: i64,
    /// The request as it goes over the wire.
    pub(crate) request: Box<[u8]>,
}

/// The key of the press for a consultation.
pub(crate) fn key(consultation: i64) -> String {
    format!("payment-1705321200000-a3d5f2c1-9e8b-4f6d-8a2c-{consultation:012}")
}

/// One press for each of the consultations.
pub(crate) fn clicks(consultations: impl Iterator<Item = i64>) -> Outcome<Vec<Click>> {
    let Some(signer) = Signer::new(SECRET) else { return fail("the secret cannot be used") };
    Ok(consultations.map(|consultation| click(&signer, consultation)).collect())
}

fn click(signer: &Signer, consultation: i64) -> Click {
    let (token, key) = (signer.sign(consultation), key(consultation));
    let body = format!(
        r#"{{"consultation_id":{consultation},"amount":5000.00,"payment_method":"stripe","idempotency_key":"{key}"}}"#
    );
    let mut request = String::with_capacity(640);
    // Writing to a string does not fail.
    let _ = write!(
        request,
        "POST /api/v1/payments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nX-Idempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Click { consultation, request: request.into_bytes().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole() {
        let click = &clicks(5..6).unwrap()[0];
        let text = std::str::from_utf8(&click.request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["consultation_id"], &body["idempotency_key"]), (&5.into(), &key(5).into()));
    }
}
