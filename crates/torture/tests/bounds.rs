//! What a run never does: more requests than it may, longer than it may, anything with real money.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test whose set-up fails has failed")]

mod support;

use sekali_torture::{Bounds, Halt, Plan, RequestFile, Strength, Target, Verdict};
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::{Fault, Quiet, against, attack, file, start};

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_than_are_allowed() {
    let (service, address) = start(Fault::None).await;
    let report = attack(address, &file(), &[], 60).await.unwrap();
    assert!(service.requests.load(Ordering::SeqCst) <= 60 && report.requests <= 60);
    assert!(report.halted.as_deref().is_some_and(|why| why.contains("--limit")), "{:?}", report.halted);
    assert!(report.totals.not_finished > 20 && report.totals.wrong == 0, "{:?}", report.totals);
    assert_eq!(report.findings.last().map(|finding| finding.verdict), Some(Verdict::NotFinished));
}

/// What was found wrong before the end came stays in the report.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_off_keeps_what_it_found() {
    let (_service, address) = start(Fault::NoIdempotency).await;
    let report = attack(address, &file(), &["double-click"], 10).await.unwrap();
    let first = &report.findings[0];
    assert_eq!((first.id, first.verdict), ("double-click", Verdict::Wrong), "{}", report.text());
    assert!(first.reason.as_deref().is_some_and(|why| why.contains("--limit")));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_longer_than_is_allowed() {
    let (_service, address) = start(Fault::None).await;
    let plan = Plan {
        target: Target::find(&format!("http://{address}"), None).await.unwrap(),
        file: RequestFile::parse(&file()).unwrap(),
        mint: None,
        strength: Strength { rounds: 1000, storm: 2 },
        bounds: Bounds { requests: 1_000_000, time: Duration::from_millis(300) },
        only: vec!["rapid".into(), "slow".into()],
    };
    let begun = tokio::time::Instant::now();
    let report = sekali_torture::torture(plan, &Quiet).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(report.totals.not_finished, 3, "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_more_after_a_sign_of_real_money() {
    let (service, address) = start(Fault::LiveMode).await;
    let halt = attack(address, &file(), &[], 5000).await.unwrap_err();
    assert_eq!(halt, Halt::Live("cs_live_"));
    assert_eq!(service.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_asks_for_patience_gets_it() {
    let begun = tokio::time::Instant::now();
    let report = against(Fault::LimitsFirst, &["late-replay"]).await;
    assert_eq!(report.totals.right, 1, "{}", report.text());
    assert!(begun.elapsed() >= Duration::from_secs(1), "it did not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_begin_says_why() {
    let (_service, address) = start(Fault::None).await;
    for (file, words) in [
        (file().replace("\"/pay\"", "\"/elsewhere\""), "made no payment: 404"),
        (file().replace("user-", "nobody-"), "answered 401: the token is not taken"),
        (file().replace("/count\"", "/sum\""), "cannot be counted"),
        (file().replace("token = \"user-1\"", ""), "there are no tokens"),
    ] {
        let sentence = attack(address, &file, &[], 100).await.unwrap_err().to_string();
        assert!(sentence.contains(words) && !sentence.contains('\n'), "{sentence}");
    }
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sentence = attack(gone, &file(), &[], 100).await.unwrap_err().to_string();
    assert!(sentence.contains("no answer"), "{sentence}");
    let nothing = attack(address, &file(), &["no-such"], 100).await.unwrap_err().to_string();
    assert!(nothing.contains("--list"), "{nothing}");
}

/// Programs read it: names stay.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_as_json() {
    let report = against(Fault::NoFingerprint, &["key-other-consultation", "no-token"]).await;
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["totals"]["wrong"], 1, "{json:#}");
    let finding = &json["findings"][0];
    assert_eq!((&finding["id"], &finding["verdict"]), (&"key-other-consultation".into(), &"wrong".into()));
    assert_eq!((&finding["harm"], &finding["problems"][0]["harm"]), (&"not_paid".into(), &"not_paid".into()));
    assert_eq!(finding["rules"][2]["source"], "draft");
    for field in ["target", "counted_by", "run", "requests", "took_ms", "halted"] {
        assert!(json.get(field).is_some(), "{field}");
    }
    for field in ["title", "evidence", "reason", "requests"] {
        assert!(finding.get(field).is_some(), "{field}");
    }
    assert_eq!(json["findings"][1]["verdict"], "right");
}

/// Without a count the ids in the answers are counted, and the report says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_how_it_counted() {
    let (begin, end) = (file().find("[count]").unwrap(), file().find("[[users]]").unwrap());
    let mut without = file();
    without.replace_range(begin..end, "");
    let (_service, address) = start(Fault::NoIdempotency).await;
    let report = attack(address, &without, &["double-click"], 5000).await.unwrap();
    assert!(report.counted_by.contains("the different ids"), "{}", report.counted_by);
    assert!(report.totals.wrong >= 1, "{}", report.text());
}
