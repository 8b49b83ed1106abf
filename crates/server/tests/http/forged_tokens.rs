//! Attacks on tokens, over the wire: what a verifier has ever been talked into (RFC 8725).

use crate::support::tokens::{HS256, hmac_bytes, sign, with_claims};
use crate::support::{JWT_SECRET, Site, WEBHOOK_SECRET};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use std::io::ErrorKind;
use std::net::TcpListener;

const RIGHT: &str = r#"{"sub":1,"exp":1705318200}"#;

type Forged = Vec<(String, String)>;

fn joined(header: &str, claims: &str, signature: &[u8]) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()), encode(signature))
}

/// No algorithm, in every spelling, with nothing or anything for a signature.
fn unsigned() -> Forged {
    let mut all = Forged::new();
    for spelling in ["none", "None", "NONE", "nOnE", "noNe", "none ", "", "null"] {
        let header = format!(r#"{{"alg":"{spelling}","typ":"JWT"}}"#);
        let bare = joined(&header, RIGHT, b"");
        all.push((format!("{spelling:?}, empty signature"), bare.clone()));
        all.push((format!("{spelling:?}, two parts"), bare.trim_end_matches('.').to_owned()));
        all.push((format!("{spelling:?}, our signature"), sign(&header, RIGHT, JWT_SECRET)));
        all.push((format!("{spelling:?}, signed with nothing"), sign(&header, RIGHT, "")));
    }
    all
}

/// Another algorithm than the one that is configured, with our own secret.
fn other_algorithms() -> Forged {
    let names =
        ["HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256 ", "hs256", "dir"];
    let headers = names.iter().map(|name| format!(r#"{{"alg":"{name}","typ":"JWT"}}"#));
    let odd = [
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":{"HS256":1}}"#,
        r#"{"alg":256}"#,
        "{}",
        "[]",
        "null",
    ];
    let headers = headers.chain(odd.map(str::to_owned));
    let mut all: Forged = headers.map(|header| (header.clone(), sign(&header, RIGHT, JWT_SECRET))).collect();
    // Truly HS512, and HS512 under HS256's name.
    for header in [r#"{"alg":"HS512","typ":"JWT"}"#, HS256] {
        let signed = joined(header, RIGHT, b"");
        let mut mac = Hmac::<Sha512>::new_from_slice(JWT_SECRET.as_bytes()).unwrap();
        mac.update(signed.trim_end_matches('.').as_bytes());
        let digest = mac.finalize().into_bytes();
        all.push((format!("HS512 under {header}"), joined(header, RIGHT, &digest)));
        all.push((format!("half of it under {header}"), joined(header, RIGHT, &digest[..32])));
    }
    all
}

/// Signed with what an attacker knows or chooses, and a header that points at it.
fn other_keys(listener: &str) -> Forged {
    let rows = [
        (HS256.to_owned(), ""),
        (HS256.to_owned(), "secret"),
        (HS256.to_owned(), WEBHOOK_SECRET),
        (r#"{"alg":"HS256","kid":"/dev/null"}"#.to_owned(), ""),
        (r#"{"alg":"HS256","kid":"../../../../../../dev/null"}"#.to_owned(), ""),
        (r#"{"alg":"HS256","kid":"x' UNION SELECT 'known"}"#.to_owned(), "known"),
        (r#"{"alg":"HS256","kid":"|id"}"#.to_owned(), "known"),
        (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"a25vd24","alg":"HS256"}}"#.to_owned(), "known"),
        (format!(r#"{{"alg":"HS256","jku":"http://{listener}/keys.json"}}"#), "known"),
        (format!(r#"{{"alg":"HS256","x5u":"http://{listener}/key.pem"}}"#), "known"),
        (r#"{"alg":"HS256","x5c":["a25vd24="],"x5t":"a25vd24"}"#.to_owned(), "known"),
    ];
    rows.into_iter()
        .map(|(header, key)| (format!("{header} with {key:?}"), sign(&header, RIGHT, key)))
        .collect()
}

/// Claims that are missing, odd or doubled, under a true signature.
fn odd_claims() -> Forged {
    let subs = [
        "1.0",
        "1e0",
        "-0",
        "-1",
        "0",
        "true",
        "null",
        "[1]",
        "{\"id\":1}",
        "9223372036854775808",
        "\"1.0\"",
        "\"+1\"",
        "\" 1\"",
        "\"1 \"",
        "\"1\\n\"",
        "\"\u{ff11}\"",
        "\"0x1\"",
        "\"1,2\"",
        "\"1;--\"",
        "\"-1\"",
        "\"\"",
        "\"99999999999999999999\"",
        "\"\\u0031\"",
    ];
    let exps = ["\"1705318200\"", "null", "true", "[]", "{}", "-1", "0", "1705314600", "1e400", "-1e308"];
    let subs = subs.iter().map(|sub| format!(r#"{{"sub":{sub},"exp":1705318200}}"#));
    let exps = exps.iter().map(|exp| format!(r#"{{"sub":1,"exp":{exp}}}"#));
    let others = [
        r#"{"exp":1705318200}"#,
        r#"{"sub":1}"#,
        r#"{"sub":1,"exp":1705318200,"nbf":1705314601}"#,
        r#"{"sub":1,"exp":1705318200,"nbf":"now"}"#,
        r#"{"sub":1,"exp":1705318200,"role":["admin"]}"#,
        r#"{"sub":1,"exp":1705318200,"role":{"name":"admin"}}"#,
        r#"{"sub":1,"exp":1705318200,"role":true}"#,
        r#"{"sub":2,"sub":1,"exp":1705318200}"#,
        r#"{"sub":2,"s\u0075b":1,"exp":1705318200}"#,
        r#"{"sub":1,"exp":1,"exp":1705318200}"#,
        r#"{"sub":1,"exp":1705318200,"role":"patient","role":"admin"}"#,
        r#"[{"sub":1,"exp":1705318200}]"#,
        r#"{"sub":1,"exp":1705318200} {}"#,
        "\u{feff}{\"sub\":1,\"exp\":1705318200}",
        "",
    ];
    let all = subs.chain(exps).chain(others.map(str::to_owned));
    all.map(|claims| (claims.clone(), with_claims(&claims))).collect()
}

/// A good token, bent: each of these is another text than the one that was signed and encoded.
fn bent() -> Forged {
    let good = with_claims(RIGHT);
    let parts: Vec<_> = good.split('.').collect();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut all: Forged = [
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.x"),
        format!("{good}.."),
        format!("{good}="),
        format!("{good}, {good}"),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.{signature}AAAA"),
        format!("{signed}.{}", &signature[..42]),
        format!("{signed}.{}", "A".repeat(43)),
        format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        format!("{}..{}", parts[0], parts[2]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        good.to_ascii_uppercase(),
        good.to_ascii_lowercase(),
        format!("{}.{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[1], parts[2]),
        // Longer than is looked at, and signed well.
        with_claims(&format!(r#"{{"sub":1,"exp":1705318200,"x":"{}"}}"#, "x".repeat(8000))),
        joined("\u{feff}{\"alg\":\"HS256\"}", RIGHT, &hmac_bytes(JWT_SECRET.as_bytes(), b"x")),
        sign(r#"{"alg":"HS256","typ":"JWE"}"#, RIGHT, JWT_SECRET),
        sign(r#"{"alg":"HS256","crit":["exp"]}"#, RIGHT, JWT_SECRET),
        sign(r#"{"alg":"HS256"}{"alg":"HS256"}"#, RIGHT, JWT_SECRET),
    ]
    .into_iter()
    .map(|token| (format!("bent: {token:.40}"), token))
    .collect();
    // The last character holds four bits of the signature and two of nothing: there are four spellings of it.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(&signature[42..]).unwrap();
    for other in (last / 4 * 4..last / 4 * 4 + 4).filter(|other| *other != last) {
        let spelled = format!("{signed}.{}{}", &signature[..42], &alphabet[other..=other]);
        all.push(("another spelling of the same signature".to_owned(), spelled));
    }
    // Every single bit of the signature counts.
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bit in 0..256 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        all.push((format!("bit {bit} flipped"), format!("{signed}.{}", URL_SAFE_NO_PAD.encode(flipped))));
    }
    all
}

#[tokio::test]
async fn none_is_believed() {
    let site = Site::new().await;
    // Where `jku` and `x5u` point: nobody may come there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let list = |token: &str| site.get("/api/v1/payments").header("Authorization", &format!("Bearer {token}"));
    assert_eq!(
        list(&with_claims(RIGHT)).send().await.status,
        200,
        "the good one that the others are made of"
    );
    // A header that nests deeply is passed over without following it down.
    let nested = format!(r#"{{"alg":"HS256","x":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    assert_eq!(list(&sign(&nested, RIGHT, JWT_SECRET)).send().await.status, 200);
    let all = [unsigned(), other_algorithms(), other_keys(&address), odd_claims(), bent()].concat();
    for (what, token) in &all {
        let answer = list(token).send().await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        answer.problem(401, "unauthorized");
    }
    assert_eq!(
        listener.accept().map(drop).unwrap_err().kind(),
        ErrorKind::WouldBlock,
        "a header was followed"
    );
    assert!(!site.logs.text().contains("eyJ"), "no token is logged, good or bad");
}

/// The role is one word in one claim; nothing beside it makes a patient more.
#[tokio::test]
async fn no_other_claim_gives_a_role() {
    let site = Site::new().await;
    for role in [
        r#""role":"Admin""#,
        r#""role":"ADMIN""#,
        r#""role":"admin ""#,
        r#""role":" admin""#,
        r#""role":"admin\u0000""#,
        r#""role":"service,admin""#,
        r#""role":"""#,
        r#""role":"root""#,
        r#""roles":["admin"]"#,
        r#""Role":"admin""#,
        r#""scope":"admin""#,
        r#""is_admin":true"#,
        r#""realm_access":{"roles":["admin"]}"#,
        r#""x":{"role":"admin"}"#,
        r#""role":null"#,
        r#""role":"patient""#,
    ] {
        let token = with_claims(&format!(r#"{{"sub":1,"exp":1705318200,{role}}}"#));
        let answer = site.get("/api/v1/cases").bearer(&token).send().await;
        assert_eq!(answer.status, 403, "{role}: {}", answer.text());
    }
}
