use super::*;
use std::fmt::Write as _;
use std::time::Duration;

const PAYLOAD: &[u8] =
    br#"{"id":"evt_1","object":"event","type":"checkout.session.completed","data":{"object":{"id":"cs_1"}}}"#;
const TIME: i64 = 1_705_314_600;
/// HMAC-SHA256 of `1705314600.` and the payload, made with another implementation (Python's `hmac`).
const BY_ONE: &str = "b8dea18a9e5c82cc79346bc5cdf55c17c001534ae0b63ab49a1c525ed7127673";
const BY_TWO: &str = "9bcfa2e594f62e93876b7ed7baab663d6155195ff970cb030c48f39696dffadc";
const NOISE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

fn check(header: &str, payload: &[u8], seconds_later: i64) -> Result<GatewayEvent, WebhookError> {
    let secrets = ["whsec_test_one".to_owned(), "whsec_other".to_owned()];
    verify(&secrets, payload, header, Timestamp::from_seconds(TIME + seconds_later))
}

fn signed(payload: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"whsec_test_one").unwrap();
    mac.update(format!("{TIME}.").as_bytes());
    mac.update(payload);
    let mut header = format!("t={TIME},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").unwrap();
    }
    header
}

#[test]
fn a_signature_of_stripes_is_believed() {
    let event = GatewayEvent {
        id: "evt_1".to_owned(),
        kind: "checkout.session.completed".to_owned(),
        object: Some("cs_1".to_owned()),
    };
    let good = [
        format!("t={TIME},v1={BY_ONE}"),
        format!("v1={BY_ONE},t={TIME}"),
        format!("t={TIME},v1={NOISE},v1={BY_ONE}"),
        format!("t={TIME}, v1={BY_ONE}, v0={NOISE}, v9=what"),
        format!("t={TIME},v1=short,v1={}", BY_ONE.to_uppercase()),
    ];
    for header in good {
        assert_eq!(check(&header, PAYLOAD, 0), Ok(event.clone()), "{header}");
    }
}

#[test]
fn any_of_several_secrets_counts_and_no_other() {
    let (now, header) = (Timestamp::from_seconds(TIME), format!("t={TIME},v1={BY_TWO}"));
    let secrets = ["whsec_test_one".to_owned(), "whsec_test_two".to_owned()];
    assert!(verify(&secrets, PAYLOAD, &header, now).is_ok());
    assert_eq!(verify(&secrets[..1], PAYLOAD, &header, now), Err(WebhookError::Forged));
    assert_eq!(verify(&[], PAYLOAD, &header, now), Err(WebhookError::Forged));
}

#[test]
fn a_forgery_is_told() {
    let forged = [
        format!("t={TIME},v1={NOISE}"),
        format!("t={},v1={BY_ONE}", TIME + 1),
        format!("t=0{TIME},v1={BY_ONE}"),
        format!("t={TIME},v1={}", &BY_ONE[..62]),
        format!("t={TIME},v1={BY_ONE}00"),
        format!("t={TIME},v1="),
        format!("t={TIME},v1={NOISE},v0={BY_ONE}"),
    ];
    for header in forged {
        assert_eq!(check(&header, PAYLOAD, 0), Err(WebhookError::Forged), "{header}");
    }
    let good = format!("t={TIME},v1={BY_ONE}");
    let mut changed = PAYLOAD.to_vec();
    changed[8] ^= 1;
    assert_eq!(check(&good, &changed, 0), Err(WebhookError::Forged));
    let spaced = [PAYLOAD, b" "].concat();
    assert_eq!(check(&good, &spaced, 0), Err(WebhookError::Forged), "the raw bytes are signed, not the JSON");
}

#[test]
fn a_header_that_cannot_be_read_is_told() {
    let malformed = [
        String::new(),
        "nonsense".to_owned(),
        format!("t={TIME}"),
        format!("v1={BY_ONE}"),
        format!("t=,v1={BY_ONE}"),
        format!("t=soon,v1={BY_ONE}"),
        format!("t=-{TIME},v1={BY_ONE}"),
        format!("t={TIME},t={TIME},v1={BY_ONE}"),
        format!("t={TIME},v0={BY_ONE}"),
        format!("t={TIME},v1={BY_ONE},"),
        format!("t={TIME},v1={BY_ONE}{}", ",v1=x".repeat(1000)),
    ];
    for header in malformed {
        assert_eq!(check(&header, PAYLOAD, 0), Err(WebhookError::Malformed), "{header}");
    }
}

#[test]
fn the_time_may_lie_five_minutes_away_and_no_more_in_either_direction() {
    let header = format!("t={TIME},v1={BY_ONE}");
    let tolerance = i64::try_from(WEBHOOK_TOLERANCE.as_secs()).unwrap();
    assert_eq!(WEBHOOK_TOLERANCE, Duration::from_secs(300));
    for later in [-tolerance, tolerance] {
        assert!(check(&header, PAYLOAD, later).is_ok(), "{later} s");
    }
    for later in [-tolerance - 1, tolerance + 1, 86_400, -86_400] {
        assert_eq!(check(&header, PAYLOAD, later), Err(WebhookError::OutOfTolerance), "{later} s");
    }
}

#[test]
fn a_signed_body_that_is_no_event_is_told() {
    for payload in
        ["", "null", "[]", "{\"id\":\"evt_1\"}", "{\"type\":\"x\"}", "{\"id\":1,\"type\":\"x\"}", "{"]
    {
        let payload = payload.as_bytes();
        assert_eq!(check(&signed(payload), payload, 0), Err(WebhookError::NoEvent));
    }
    let bare = br#"{"id":"evt_1","type":"ping","data":{}}"#;
    assert_eq!(check(&signed(bare), bare, 0).unwrap().object, None);
}
