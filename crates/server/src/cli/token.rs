//! `sekali token`: a token for a user, signed as `serve` will check it.

use crate::settings::{Group, SettingsError, Surroundings, TokenSettings, Values, add_flags, flags_given};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Arg, ArgMatches, Command, value_parser};
use hmac::{Hmac, KeyInit, Mac};
use sekali_core::domain::{Role, User, UserId};
use serde::Serialize;
use sha2::Sha256;
use std::time::Duration;

/// `{"alg":"HS256","typ":"JWT"}`, the only header there is.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// A longer life than ten years is a slip of the keyboard.
const LONGEST: u64 = 10 * 366 * 86_400;

/// The command with its flags.
pub fn command() -> Command {
    let command = Command::new("token")
        .about("Print a token for a user, signed with SEKALI_JWT_SECRET")
        .after_help("Example: sekali token --user 1 --role service --ttl 30m")
        .arg(
            Arg::new("user")
                .long("user")
                .required(true)
                .value_name("ID")
                .value_parser(value_parser!(i64).range(1..))
                .help("The user's id in the host application, a positive number"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .default_value("patient")
                .value_parser(["patient", "service", "admin"])
                .help("What the user may do"),
        )
        .arg(
            Arg::new("ttl")
                .long("ttl")
                .value_name("TIME")
                .default_value("1h")
                .value_parser(parse_ttl)
                .help("How long it is good for: 90s, 30m, 1h, 7d"),
        );
    add_flags(command, &[Group::Tokens])
}

/// The token for what the command line asks, at `now` in seconds since 1970.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>, now: u64) -> Result<String, SettingsError> {
    let settings = Values::gather(&flags_given(matches), surroundings)?.token()?;
    // The flags are required or have a default, and clap has checked their form.
    let id = matches.get_one::<i64>("user").copied().unwrap_or_default();
    let role = matches.get_one::<String>("role").map_or(Role::Patient, |word| Role::parse(word));
    let ttl = matches.get_one::<Duration>("ttl").copied().unwrap_or_default();
    Ok(mint(&settings, User { id: UserId(id), role }, now, ttl))
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// A token (JWT, HS256) for `user`, made at `now` in seconds since 1970 and good for `ttl`. A
/// patient's has no claim `role` (contract, part 10).
pub fn mint(settings: &TokenSettings, user: User, now: u64, ttl: Duration) -> String {
    let claims = Claims {
        sub: user.id.to_string(),
        role: (user.role != Role::Patient).then(|| user.role.as_str()),
        iat: now,
        exp: now.saturating_add(ttl.as_secs()),
        iss: settings.issuer.as_deref(),
        aud: settings.audience.as_deref(),
    };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(as_json(&claims)));
    let signature = sign(settings.secret.expose().as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn as_json(claims: &Claims<'_>) -> String {
    #[expect(clippy::expect_used, reason = "strings and numbers always have a JSON form")]
    serde_json::to_string(claims).expect("claims are JSON")
}

fn sign(secret: &[u8], text: &[u8]) -> impl AsRef<[u8]> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(text);
    mac.finalize().into_bytes()
}

/// Reads `90s`, `30m`, `1h` or `7d`.
fn parse_ttl(text: &str) -> Result<Duration, String> {
    let seconds = match text.char_indices().last() {
        Some((at, 's')) => in_seconds(&text[..at], 1),
        Some((at, 'm')) => in_seconds(&text[..at], 60),
        Some((at, 'h')) => in_seconds(&text[..at], 3600),
        Some((at, 'd')) => in_seconds(&text[..at], 86_400),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "give a number with s, m, h or d, up to ten years: 1h".into())
}

fn in_seconds(digits: &str, unit: u64) -> Option<u64> {
    // `parse` alone would read "+1".
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??;
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The secret of RFC 7515, appendix A.1, would do; this one is readable.
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn token(arguments: &[&str], env: &[(&str, &str)]) -> Result<String, String> {
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
        let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let command_line = ["token"].iter().chain(arguments);
        let matches = command().try_get_matches_from(command_line).map_err(|error| error.to_string())?;
        run(&matches, Surroundings { env: &env, read: &read }, 1_705_314_600)
            .map_err(|error| error.to_string())
    }

    fn part(token: &str, index: usize) -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_patients_token_has_no_role_and_lives_an_hour() {
        let token = token(&["--user", "1"], &[("SEKALI_JWT_SECRET", SECRET)]).unwrap();
        assert_eq!(part(&token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
        assert_eq!(part(&token, 1), json!({ "sub": "1", "iat": 1_705_314_600, "exp": 1_705_318_200 }));
    }

    #[test]
    fn role_issuer_and_audience_are_claimed() {
        let env =
            [("SEKALI_JWT_SECRET", SECRET), ("SEKALI_JWT_ISSUER", "app"), ("SEKALI_JWT_AUDIENCE", "pay")];
        let claims = part(&token(&["--user", "7", "--role", "service", "--ttl", "90s"], &env).unwrap(), 1);
        assert_eq!(claims["role"], "service");
        assert_eq!(claims["exp"], 1_705_314_690);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!("app"), &json!("pay")));
    }

    /// Computed with: printf '%s' "$HEADER.$CLAIMS" | openssl dgst -sha256 -hmac "$SECRET" -binary | basenc --base64url
    #[test]
    fn the_signature_is_that_of_openssl() {
        let token = token(&["--user", "1"], &[("SEKALI_JWT_SECRET", SECRET)]).unwrap();
        assert_eq!(token.split('.').nth(2), Some("SiJUtyS3ojxmazsKN4xRY7s8D7-9Itkf7AUVxx_ugw0"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let env = [("SEKALI_JWT_SECRET", SECRET)];
        for arguments in [&["--user", "0"][..], &["--user", "-1"], &["--user", "x"], &[]] {
            assert!(token(arguments, &env).unwrap_err().contains("--user"), "{arguments:?}");
        }
        for ttl in ["", "1", "h", "0s", "-1h", "+1h", "1.5h", "1w", "99999999999999999d", "1é"] {
            assert!(token(&["--user", "1", "--ttl", ttl], &env).is_err(), "{ttl}");
        }
        assert!(token(&["--user", "1", "--role", "root"], &env).unwrap_err().contains("--role"));
        assert!(token(&["--user", "1"], &[]).unwrap_err().starts_with("SEKALI_JWT_SECRET is not set"));
    }

    #[test]
    fn times_to_live() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800)] {
            assert_eq!(parse_ttl(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }
}
