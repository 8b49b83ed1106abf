//! Verifies the bearer's token: JWT with HS256, as RFC 8725 and OWASP want it read.
//!
//! One algorithm is accepted and the header cannot choose another; an extension marked critical is
//! refused, because none is understood (RFC 7515, part 4.1.11); `exp` is required, and no clock
//! skew is granted. Nothing in the header (`kid`, `jku`, `jwk`, `x5u`) is ever followed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sekali_core::domain::{Role, Timestamp, User, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;
use thiserror::Error;

/// A token longer than this is not looked at.
const LONGEST: usize = 8 * 1024;

/// Why a token is not believed. The caller is told no more than "invalid" or "expired".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not three segments of base64url with JSON in them, or too long.
    #[error("the token is malformed")]
    Malformed,
    /// Another algorithm than HS256, or a critical extension.
    #[error("the token's header is not accepted")]
    Header,
    /// Not signed with our secret.
    #[error("the token's signature does not match")]
    Signature,
    /// A claim is missing or has the wrong form: `sub`, `exp`, `role`, `iss`, `aud`.
    #[error("a claim of the token is missing or wrong")]
    Claims,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// Checks tokens against one secret.
pub struct Verifier {
    key: Hmac<Sha256>,
    issuer: Option<String>,
    audience: Option<String>,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: String,
    typ: Option<String>,
    #[serde(borrow)]
    crit: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    sub: Option<&'a RawValue>,
    exp: Option<f64>,
    nbf: Option<f64>,
    role: Option<String>,
    iss: Option<String>,
    #[serde(borrow)]
    aud: Option<&'a RawValue>,
}

impl Verifier {
    /// Tokens signed with `secret`; where given, they must carry this issuer and this audience.
    pub fn new(secret: &[u8], issuer: Option<String>, audience: Option<String>) -> Self {
        Self { key: keyed(secret), issuer, audience }
    }

    /// Who the token says it is.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<User, TokenError> {
        self.verify_until(token, now).map(|(user, _)| user)
    }

    /// Who the token says it is, and when it ends.
    pub fn verify_until(&self, token: &str, now: Timestamp) -> Result<(User, Timestamp), TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let mut segments = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(TokenError::Malformed);
        };
        check_header(&decode(header)?)?;
        self.check_signature(&token[..header.len() + 1 + claims.len()], &decode(signature)?)?;
        self.check_claims(&decode(claims)?, now)
    }

    /// In constant time.
    fn check_signature(&self, signed: &str, signature: &[u8]) -> Result<(), TokenError> {
        let mut mac = self.key.clone();
        mac.update(signed.as_bytes());
        mac.verify_slice(signature).map_err(|_| TokenError::Signature)
    }

    fn check_claims(&self, json: &[u8], now: Timestamp) -> Result<(User, Timestamp), TokenError> {
        let claims: Claims<'_> = object(json).ok_or(TokenError::Claims)?;
        let now = seconds(now);
        let ends = claims.exp.ok_or(TokenError::Claims)?;
        if now >= ends {
            return Err(TokenError::Expired);
        }
        if claims.nbf.is_some_and(|not_before| now < not_before) {
            return Err(TokenError::NotYetValid);
        }
        if self.issuer.is_some() && claims.iss != self.issuer {
            return Err(TokenError::Claims);
        }
        if let Some(audience) = &self.audience {
            check_audience(claims.aud, audience)?;
        }
        let id = claims.sub.and_then(read_sub).ok_or(TokenError::Claims)?;
        let user = User { id, role: claims.role.map_or(Role::Patient, |word| Role::parse(&word)) };
        Ok((user, moment(ends)))
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}

#[expect(clippy::cast_precision_loss, reason = "claims count seconds, which a double holds exactly for ages")]
fn seconds(now: Timestamp) -> f64 {
    now.as_micros() as f64 / 1e6
}

/// In whole seconds, as nothing lasts longer than what it was made from.
#[expect(clippy::cast_possible_truncation, reason = "what is beyond is the end of time")]
fn moment(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds.floor() as i64)
}

fn decode(segment: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenError::Malformed)
}

/// Header and claims are objects (RFC 7519, part 7.2): serde would take a list's items for the fields in their order,
/// where another reader of the same token sees none of them.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let first = json.iter().find(|byte| !byte.is_ascii_whitespace())?;
    (*first == b'{').then(|| serde_json::from_slice(json).ok()).flatten()
}

fn check_header(json: &[u8]) -> Result<(), TokenError> {
    // serde refuses a field that stands there twice, so no parser can be played against another.
    let header: Header<'_> = object(json).ok_or(TokenError::Malformed)?;
    let is_jwt = header.typ.is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
    (header.alg == "HS256" && header.crit.is_none() && is_jwt).then_some(()).ok_or(TokenError::Header)
}

/// A number or a string of digits (contract, part 1); user ids are positive.
fn read_sub(raw: &RawValue) -> Option<UserId> {
    let text = raw.get();
    let digits = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let id = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten()?;
    (id > 0).then_some(UserId(id))
}

fn check_audience(claim: Option<&RawValue>, wanted: &str) -> Result<(), TokenError> {
    let text = claim.ok_or(TokenError::Claims)?.get();
    let one = serde_json::from_str::<String>(text).map(|one| vec![one]);
    let all = one.or_else(|_| serde_json::from_str::<Vec<String>>(text)).map_err(|_| TokenError::Claims)?;
    all.iter().any(|audience| audience == wanted).then_some(()).ok_or(TokenError::Claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
    const NOW: Timestamp = Timestamp::from_seconds(1_705_314_600);

    fn sign(header: &str, claims: &str, secret: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn verify(header: &str, claims: &str) -> Result<User, TokenError> {
        Verifier::new(SECRET, None, None).verify(&sign(header, claims, SECRET), NOW)
    }

    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    #[test]
    fn a_patients_token() {
        for claims in [
            r#"{"sub":"1","exp":1705314601}"#,
            " \t\r\n{\"sub\":\"1\",\"exp\":1705314601} ",
            r#"{"sub":1,"exp":1705314600.5,"role":"patient"}"#,
        ] {
            assert_eq!(verify(HS256, claims), Ok(User { id: UserId(1), role: Role::Patient }), "{claims}");
        }
        let service = r#"{"sub":7,"exp":1705314601,"role":"service","nbf":1705314600}"#;
        assert_eq!(verify(r#"{"alg":"HS256"}"#, service), Ok(User { id: UserId(7), role: Role::Service }));
        let doctor = r#"{"sub":7,"exp":1705314601,"role":"doctor"}"#;
        assert_eq!(verify(HS256, doctor).map(|user| user.role), Ok(Role::Other));
    }

    #[test]
    fn claims_that_are_missing_or_wrong() {
        let rows = [
            (r#"{"exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":"1"}"#, TokenError::Claims),
            (r#"{"sub":"1","exp":"1705314601"}"#, TokenError::Claims),
            (r#"{"sub":"1","exp":null}"#, TokenError::Claims),
            (r#"{"sub":"1","exp":1705314600}"#, TokenError::Expired),
            (r#"{"sub":"1","exp":1705314540}"#, TokenError::Expired),
            (r#"{"sub":"1","exp":-1}"#, TokenError::Expired),
            (r#"{"sub":"1","exp":1705314601,"exp":9999999999}"#, TokenError::Claims),
            (r#"{"sub":"1","exp":1705314700,"nbf":1705314601}"#, TokenError::NotYetValid),
            (r#"{"sub":"1","exp":1705314700,"nbf":"soon"}"#, TokenError::Claims),
            (r#"{"sub":"1","exp":1705314700,"role":7}"#, TokenError::Claims),
            (r#"{"sub":"abc","exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":"","exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":"0","exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":-1,"exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":1.5,"exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":["1"],"exp":1705314601}"#, TokenError::Claims),
            (r#"{"sub":"99999999999999999999","exp":1705314601}"#, TokenError::Claims),
            ("[]", TokenError::Claims),
            (r#"["1",1705314601]"#, TokenError::Claims),
            (r#" ["1",1705314601,null,"admin",null,null]"#, TokenError::Claims),
            ("null", TokenError::Claims),
        ];
        for (claims, error) in rows {
            assert_eq!(verify(HS256, claims), Err(error), "{claims}");
        }
    }

    #[test]
    fn the_header_chooses_nothing() {
        let claims = r#"{"sub":"1","exp":1705314601}"#;
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"HS384"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","typ":"JWE"}"#,
        ] {
            assert_eq!(verify(header, claims), Err(TokenError::Header), "{header}");
        }
        for header in
            ["{}", "[]", r#"["HS256","JWT",null]"#, r#"{"alg":["HS256"]}"#, r#"{"alg":"HS256","alg":"none"}"#]
        {
            assert_eq!(verify(header, claims), Err(TokenError::Malformed), "{header}");
        }
        let followed =
            r#"{"alg":"HS256","kid":"../../dev/null","jku":"http://127.0.0.1/keys","jwk":{"k":""}}"#;
        assert!(verify(followed, claims).is_ok(), "what the header points at is never followed");
    }

    #[test]
    fn what_is_signed_by_others_or_changed() {
        let verifier = Verifier::new(SECRET, None, None);
        let claims = r#"{"sub":"1","exp":1705314601}"#;
        let good = sign(HS256, claims, SECRET);
        let (signed, _) = good.rsplit_once('.').unwrap();
        assert_eq!(verifier.verify(&format!("{signed}."), NOW), Err(TokenError::Signature));
        assert_eq!(verifier.verify(&sign(HS256, claims, b"another"), NOW), Err(TokenError::Signature));
        let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"2","exp":1705314601}"#);
        let parts: Vec<_> = good.split('.').collect();
        let swapped = format!("{}.{other}.{}", parts[0], parts[2]);
        assert_eq!(verifier.verify(&swapped, NOW), Err(TokenError::Signature));
        for malformed in
            ["", ".", "..", "a.b.c.d", &format!("{good}="), &format!("{good} "), &"a".repeat(9000)]
        {
            assert_eq!(verifier.verify(malformed, NOW), Err(TokenError::Malformed), "{malformed:.30}");
        }
    }

    #[test]
    fn issuer_and_audience_where_they_are_configured() {
        let verifier = Verifier::new(SECRET, Some("host".into()), Some("sekali".into()));
        let check = |claims: &str| verifier.verify(&sign(HS256, claims, SECRET), NOW).is_ok();
        assert!(check(r#"{"sub":1,"exp":1705314601,"iss":"host","aud":"sekali"}"#));
        assert!(check(r#"{"sub":1,"exp":1705314601,"iss":"host","aud":["x","sekali"]}"#));
        assert!(!check(r#"{"sub":1,"exp":1705314601,"iss":"other","aud":"sekali"}"#));
        assert!(!check(r#"{"sub":1,"exp":1705314601,"aud":"sekali"}"#));
        assert!(!check(r#"{"sub":1,"exp":1705314601,"iss":"host"}"#));
        assert!(!check(r#"{"sub":1,"exp":1705314601,"iss":"host","aud":["x"]}"#));
    }
}
