//! Tokens: JWT with HS256, signed for the load and checked by the bare server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// The end of the century: no run lasts longer.
const EXPIRES: i64 = 4_102_444_800;

/// Signs and checks with one secret.
#[derive(Clone)]
pub(crate) struct Signer {
    key: Hmac<Sha256>,
    header: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

impl Signer {
    /// One for `secret`.
    pub(crate) fn new(secret: &str) -> Option<Self> {
        let key = Hmac::new_from_slice(secret.as_bytes()).ok()?;
        Some(Self { key, header: URL_SAFE_NO_PAD.encode(HEADER) })
    }

    /// A patient's token.
    pub(crate) fn sign(&self, user: i64) -> String {
        let claims = format!(r#"{{"sub":"{user}","iat":1705321200,"exp":{EXPIRES}}}"#);
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The user whom a token names, if it was signed with this secret and is still good at `now`, in seconds since
    /// 1970.
    pub(crate) fn verify(&self, token: &str, now: i64) -> Option<i64> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.key.clone().chain_update(signed).verify_slice(&signature).ok()?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        (header.alg == "HS256" && claims.exp > now).then(|| claims.sub.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_tokens_are_good() {
        let signer = Signer::new("one secret").unwrap();
        let token = signer.sign(7);
        assert_eq!(signer.verify(&token, 0), Some(7));
        assert_eq!(signer.verify(&token, EXPIRES), None, "expired");
        assert_eq!(Signer::new("another").unwrap().verify(&token, 0), None, "another's");
        let mut forged = token.clone();
        forged.replace_range(40..41, if &token[40..41] == "A" { "B" } else { "A" });
        assert_eq!(signer.verify(&forged, 0), None, "changed");
    }
}
