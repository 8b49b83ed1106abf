//! An operator's session in the console: a signed cookie, so that every server knows it and none has to keep it.
//!
//! It is made from a token of role `admin` and holds no more than whose it is and until when, so what lies in the
//! browser opens the console and nothing else. It ends with the token, and after [`LONGEST`] at the latest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sekali_core::domain::{Timestamp, UserId};
use sha2::Sha256;
use std::time::Duration;

/// The cookie's name.
pub const COOKIE: &str = "sekali_console";
/// No session lasts longer, however long the token does: a browser is left open.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Whose session, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The operator.
    pub user: UserId,
    /// In whole seconds.
    pub signed_in_at: Timestamp,
    /// In whole seconds; over at that moment.
    pub expires_at: Timestamp,
}

impl Session {
    /// One that begins now, from a token that ends then.
    pub fn begin(user: UserId, now: Timestamp, token_ends: Timestamp) -> Self {
        let (now, ends) = (now.whole_second(), token_ends.whole_second());
        Self { user, signed_in_at: now, expires_at: ends.min(now.plus(LONGEST)) }
    }
}

/// Makes sessions and knows them again.
pub struct Sessions {
    key: Hmac<Sha256>,
    secure: bool,
}

impl Sessions {
    /// With a key derived from the token secret, for pages under `public_url`.
    pub fn new(secret: &[u8], public_url: &str) -> Self {
        let mut derived = keyed(secret);
        derived.update(b"sekali console session v1");
        Self { key: keyed(&derived.finalize().into_bytes()), secure: public_url.starts_with("https://") }
    }

    /// The `Set-Cookie` value that begins a session.
    pub fn cookie(&self, session: &Session) -> String {
        let lasts = (session.expires_at.as_seconds() - session.signed_in_at.as_seconds()).max(0);
        self.set_cookie(&self.sealed(session), lasts)
    }

    /// The `Set-Cookie` value that ends one in this browser.
    pub fn ended_cookie(&self) -> String {
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, value: &str, lasts: i64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/console; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}")
    }

    fn sealed(&self, session: &Session) -> String {
        let claims = format!(
            "{}.{}.{}",
            session.user,
            session.signed_in_at.as_seconds(),
            session.expires_at.as_seconds()
        );
        let mut mac = self.key.clone();
        mac.update(claims.as_bytes());
        format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// The session that a cookie's value stands for, if it is ours and not over. Compared in constant time.
    pub fn read(&self, value: &str, now: Timestamp) -> Option<Session> {
        let (claims, signature) = value.rsplit_once('.')?;
        let mut mac = self.key.clone();
        mac.update(claims.as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let mut numbers = claims.split('.').map(str::parse::<i64>);
        let (Some(Ok(user)), Some(Ok(signed_in)), Some(Ok(expires)), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            return None;
        };
        let session = Session {
            user: UserId(user),
            signed_in_at: Timestamp::from_seconds(signed_in),
            expires_at: Timestamp::from_seconds(expires),
        };
        (now < session.expires_at).then_some(session)
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_705_314_600);

    fn value(cookie: &str) -> &str {
        cookie.split_once('=').unwrap().1.split(';').next().unwrap()
    }

    #[test]
    fn a_session_is_known_again_until_it_ends_and_by_its_own_installation() {
        let ours = Sessions::new(b"secret", "https://pay.example");
        let session = Session::begin(UserId(7), NOW, NOW.plus(Duration::from_secs(60)));
        let cookie = ours.cookie(&session);
        let value = value(&cookie);
        assert_eq!(ours.read(value, NOW), Some(session));
        assert_eq!(ours.read(value, NOW.plus(Duration::from_secs(59))), Some(session));
        assert_eq!(ours.read(value, NOW.plus(Duration::from_secs(60))), None, "it ends with the token");
        assert_eq!(Sessions::new(b"other", "").read(value, NOW), None);
        for bent in [
            value.replacen("7.", "8.", 1),
            value.replacen("1705314660", "1805314660", 1),
            value[1..].to_owned(),
            format!("{value}A"),
            format!("7.{value}"),
            String::new(),
            ".".to_owned(),
            "7.1705314600.1705314660.".to_owned(),
        ] {
            assert_eq!(ours.read(&bent, NOW), None, "{bent}");
        }
    }

    #[test]
    fn a_token_of_a_year_makes_no_session_of_a_year() {
        let session = Session::begin(UserId(7), NOW, NOW.plus(Duration::from_secs(365 * 86_400)));
        assert_eq!(session.expires_at, NOW.plus(LONGEST));
    }

    #[test]
    fn the_cookie_is_for_the_console_alone_and_no_script() {
        let secure = Sessions::new(b"secret", "https://pay.example");
        let session = Session::begin(UserId(7), NOW, NOW.plus(Duration::from_secs(60)));
        let cookie = secure.cookie(&session);
        for attribute in ["Path=/console;", "HttpOnly", "SameSite=Strict", "Secure", "Max-Age=60;"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(secure.ended_cookie().starts_with("sekali_console=; Path=/console; Max-Age=0;"));
        assert!(!Sessions::new(b"secret", "http://127.0.0.1").cookie(&session).contains("Secure"));
    }
}
