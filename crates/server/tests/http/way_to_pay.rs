//! From the first answer to Stripe and back (contract, parts 3 and 6; design, part 3).

use crate::on_every_backend;
use crate::support::client::{Answer, Request, split};
use crate::support::stripe::{GOOD, Opened, visit, way, without_webhooks};
use crate::support::tokens::{golden, stripe_signature};
use crate::support::{Backend, Site, WEBHOOK_SECRET, eventually};
use serde_json::{Value, json};

on_every_backend!(pay_through, settled_by_the_callback_alone, the_same_event_twice,);

/// The callback with the capability that the process page's address carries.
fn callback(checkout_url: &str) -> String {
    checkout_url.replace("/process?", "/callback?")
}

async fn pay_through(backend: Backend) {
    let site = Site::on(backend).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let stripe = site.process(&way(&first)).await;
    assert!(stripe.starts_with(&format!("{}/stripe-simulator/", site.public_url)), "{stripe}");
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "processing");
    assert_eq!(site.process(&way(&first)).await, stripe, "the session that is open is used again");

    let page = visit(&callback(&way(&first))).await;
    assert!(page.text().contains("Belum dibayar") && page.text().contains("Lanjutkan pembayaran"));
    let declined = site.pay_with_card(&stripe, "4000000000000002").await;
    assert_eq!(declined.status, 402);
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "processing");

    let paid = site.pay_with_card(&stripe, GOOD).await;
    assert_eq!(paid.status, 303);
    site.until_status(payment, "completed").await;
    let back = visit(paid.header("location").unwrap()).await;
    assert_eq!(back.status, 200);
    for word in [
        "Pembayaran berhasil",
        "Anda sudah membayar. Kami tidak akan menagih lagi.",
        "PHP 5.000,00",
        "INV-20240115103000-",
        "TEST",
    ] {
        assert!(back.text().contains(word), "{word}");
    }
    let read = site.payment(1, payment).await;
    assert_eq!(
        (&read["payment"]["status"], &read["invoice"]["status"]),
        (&json!("completed"), &json!("paid"))
    );
    assert_eq!(read.get("checkout_url"), None);

    // The way leads nowhere any more but to the good news; there is one session and one capture.
    let again = site.get(&split(&way(&first)).1).send().await;
    assert_eq!(
        (again.status, again.header("location")),
        (303, Some(format!("/payment/{payment}/callback").as_str()))
    );
    assert_eq!(site.count("checkout_sessions").await, 1);
    assert_eq!(site.count("captures").await, 1);
}

async fn settled_by_the_callback_alone(backend: Backend) {
    let (site, _stripe) = without_webhooks(backend, &[]).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let page = site.process(&way(&first)).await;
    let paid = site.pay_with_card(&page, GOOD).await;
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "processing");
    let back = visit(paid.header("location").unwrap()).await;
    assert!(back.text().contains("Pembayaran berhasil"), "{}", back.text());
    assert_eq!(site.payment(1, payment).await["invoice"]["status"], "paid");
    // Shown again it changes nothing.
    assert!(visit(paid.header("location").unwrap()).await.text().contains("Pembayaran berhasil"));
    assert_eq!(site.count("captures").await, 1);
}

#[tokio::test]
async fn while_stripe_does_not_answer_nothing_is_lost() {
    let (site, mut stripe) = without_webhooks(Backend::SqliteMemory, &[]).await;
    site.pesos(5, 1).await;
    site.pesos(6, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let (_, second) = site.paid_for(1, 6, "l").await;
    site.process(&way(&first)).await;
    stripe.stop().await;

    let back = visit(&callback(&way(&first))).await;
    assert_eq!(back.status, 200);
    assert!(back.text().contains("Pembayaran sedang dikonfirmasi"), "{}", back.text());
    asks_again(&back, 3);
    assert!(!back.text().contains("TEST"), "this one is not the built-in simulator");
    for url in [way(&first), way(&second)] {
        let page = visit(&url).await;
        assert_eq!(page.status, 503);
        assert!(page.text().contains("belum ada yang ditagih"));
        assert_eq!(page.header("retry-after"), Some("5"));
        asks_again(&page, 5);
        // What it is about, and a way on by hand.
        assert!(page.text().contains("PHP 5.000,00") && page.text().contains(">Coba sekarang</a>"));
    }
    let read = site.payment(1, payment).await;
    assert_eq!(read["payment"]["status"], "processing", "unknown is a state");
    assert_eq!(read["checkout_url"], way(&first).as_str());
}

/// It asks for news by itself: with a script that changes it in place, and without by loading itself again.
#[track_caller]
fn asks_again(page: &Answer, seconds: u32) {
    let text = page.text();
    assert!(text.contains(&format!(" data-refresh=\"{seconds}\">")), "{text}");
    assert!(text.contains("<script src=\"/pages/live.js\" defer></script>"));
    let meta = format!("<noscript><meta http-equiv=\"refresh\" content=\"{seconds}\"></noscript>");
    assert!(text.contains(&meta), "{text}");
    assert!(text.contains("<div id=\"news\" role=\"status\">"), "what changes is read out");
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("script-src 'self'; connect-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
}

#[tokio::test]
async fn a_slow_stripe_keeps_nobody_before_an_empty_page() {
    let (site, stripe) = without_webhooks(Backend::SqliteMemory, &[]).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let slow = json!({ "kind": "slow", "method": "POST", "path": "/v1/checkout/sessions", "delay_ms": 8000, "times": 1 });
    stripe.at_stripe("faults", slow).await;
    let begun = tokio::time::Instant::now();
    let page = visit(&way(&first)).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(7), "{:?}", begun.elapsed());
    assert_eq!(page.status, 503);
    assert!(page.text().contains("kami sedang menghubungi Stripe"), "{}", page.text());
    asks_again(&page, 5);
    // The call went on meanwhile: whoever asks again finds the session that it opened.
    eventually("the page leads on", async || visit(&way(&first)).await.status == 303).await;
    assert_eq!(site.count("checkout_sessions").await, 1);
    assert_eq!(stripe.stripe_totals().await["sessions"]["open"], 1, "{}", stripe.stripe_totals().await);
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "processing");
}

#[tokio::test]
async fn in_an_outage_a_patient_reads_words_and_a_program_a_problem() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (_, first) = site.paid_for(1, 5, "k").await;
    site.database.execute("ALTER TABLE payments RENAME TO elsewhere").await.unwrap();
    for url in [way(&first), callback(&way(&first))] {
        let path = split(&url).1;
        let browser = site.get(&path).header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let page = browser.send().await;
        assert!(page.status >= 500, "{}", page.status);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().contains("Anda tidak akan ditagih dua kali."), "{}", page.text());
        assert!(page.text().contains("TEST"));
        asks_again(&page, 5);
        assert_eq!(page.header("retry-after"), Some("5"));
        let english =
            site.get(&path).header("Accept", "text/html").header("Accept-Language", "en").send().await;
        assert!(english.text().contains("you will not be charged twice"), "{}", english.text());
        let program = site.get(&path).send().await;
        assert_eq!(program.header("content-type"), Some("application/problem+json"), "{}", program.text());
    }
    let api =
        site.get("/api/v1/payments").bearer(&site.patient(1)).header("Accept", "text/html").send().await;
    assert_eq!(api.header("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn an_amount_is_written_as_on_the_button() {
    let site = Site::new().await;
    let rows = [
        (5, "5000.00", "PHP", "PHP 5.000,00"),
        (6, "150000.00", "IDR", "Rp 150.000,00"),
        (7, "5000", "JPY", "JPY 5.000"),
    ];
    for (consultation, fee, currency, shown) in rows {
        site.consultation(consultation, 1, fee, currency).await;
        let key = format!("k{consultation}");
        let press =
            site.pay(1).header("X-Idempotency-Key", &key).json(crate::support::body(consultation, fee));
        let first = press.send().await;
        assert_eq!(first.status, 201, "{}", first.text());
        let opened = Opened::of(&first, site.process(&way(&first)).await);
        let at_stripe = visit(&opened.page).await;
        assert!(at_stripe.text().contains(&format!("<h1>{shown}</h1>")), "{}", at_stripe.text());
        assert!(at_stripe.text().contains(&format!("Bayar {shown}</button>")), "{}", at_stripe.text());
        let unpaid = opened.come_back().await;
        assert!(unpaid.text().contains(&format!("<dd class=\"amount\">{shown}</dd>")), "{}", unpaid.text());
        site.at_stripe(&format!("sessions/{}/pay", opened.session), json!({ "card": GOOD })).await;
        site.until_status(opened.payment, "completed").await;
        let paid = opened.come_back().await;
        assert!(paid.text().contains(&format!("<dd class=\"amount\">{shown}</dd>")), "{}", paid.text());
        let invoice =
            paid.text().split("href=\"").nth(2).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        // A document holds an amount in one piece.
        let invoice = site.get(&invoice).send().await.text().replace('\u{a0}', " ");
        assert!(invoice.contains(shown), "{invoice}");
    }
}

#[tokio::test]
async fn the_paid_page_hands_out_the_invoice_in_the_same_tab() {
    let site = Site::new().await;
    let opened = site.completed(1, 5, GOOD).await;
    let page = opened.come_back().await;
    let number =
        site.payment(1, opened.payment).await["invoice"]["invoice_number"].as_str().unwrap().to_owned();
    assert!(page.text().contains(&format!("download=\"{number}.pdf\"")), "{}", page.text());
    for word in ["target=", "<script", "http-equiv"] {
        assert!(!page.text().contains(word), "{word}: {}", page.text());
    }
    let back = json!({ "amount": "2000.00" });
    assert_eq!(site.refund(opened.payment, "r", &back).send().await.status, 201);
    let page = opened.come_back().await;
    assert!(
        page.text().contains("<dt>Dikembalikan</dt><dd class=\"amount\">PHP 2.000,00</dd>"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_session_that_ran_out() {
    let (site, _stripe) = without_webhooks(Backend::SqliteMemory, &[]).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let (address, path) = split(&site.process(&way(&first)).await);
    let session = path.rsplit('/').next().unwrap();
    let path = format!("/stripe-simulator/v1/checkout/sessions/{session}/expire");
    assert_eq!(Request::new(address, "POST", &path).bearer("sk_test_tests").send().await.status, 200);
    let back = visit(&callback(&way(&first))).await;
    assert!(back.text().contains("Pembayaran ini tidak dilanjutkan"), "{}", back.text());
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "expired");
    let english = site.get(&split(&callback(&way(&first))).1).header("Accept-Language", "en").send().await;
    assert!(english.text().contains("This payment has ended") && english.text().contains("lang=\"en\""));
}

#[tokio::test]
async fn who_is_through_finds_back_to_the_app_however_it_ended() {
    let app = "https://app.example.org/consultations";
    let leads_back = format!("<a href=\"{app}\">Kembali ke aplikasi</a>");
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_APP_URL", app)]).await;
    let paid = site.completed(1, 5, GOOD).await.come_back().await;
    assert!(
        paid.text().contains("Pembayaran berhasil") && paid.text().contains(&leads_back),
        "{}",
        paid.text()
    );
    site.pesos(6, 1).await;
    let (payment, made) = site.paid_for(1, 6, "k6").await;
    let unpaid = visit(&callback(&way(&made))).await;
    assert!(
        unpaid.text().contains("Belum dibayar") && unpaid.text().contains(&leads_back),
        "{}",
        unpaid.text()
    );
    let cancel = site.post(&format!("/api/v1/payments/{payment}/cancel")).bearer(&site.patient(1));
    assert_eq!(cancel.send().await.status, 200);
    let ended = visit(&callback(&way(&made))).await;
    assert!(
        ended.text().contains("tidak dilanjutkan") && ended.text().contains(&leads_back),
        "{}",
        ended.text()
    );
    let english = site.get(&split(&callback(&way(&made))).1).header("Accept-Language", "en").send().await;
    assert!(english.text().contains(">Back to the app</a>"), "{}", english.text());

    // Without the setting they lead nowhere that nobody named.
    let site = Site::new().await;
    let paid = site.completed(1, 5, GOOD).await.come_back().await;
    assert!(!paid.text().contains("Kembali ke"), "{}", paid.text());
}

#[tokio::test]
async fn the_way_holds_in_any_browser_and_for_nobody_else() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    site.pesos(6, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let (_, other) = site.paid_for(1, 6, "l").await;
    assert!(way(&first).starts_with(&format!("{}/payment/{payment}/process?", site.public_url)));

    // The cookie of the 201 opens the plain address; that of the other payment does not.
    let cookie = |answer: &Answer| answer.header("set-cookie").unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", &format!("Path=/payment/{payment};")] {
        assert!(cookie(&first).contains(attribute), "{}", cookie(&first));
    }
    let process = format!("/payment/{payment}/process");
    let pair = |answer: &Answer| cookie(answer).split(';').next().unwrap().to_owned();
    assert_eq!(site.get(&process).header("Cookie", &pair(&first)).send().await.status, 303);

    // A fresh client with the signed address gets the cookie, and comes back with it.
    let visited = visit(&way(&first)).await;
    assert_eq!(visited.status, 303);
    let callback = format!("/payment/{payment}/callback");
    let back = site.get(&callback).header("Cookie", &format!("a=b; {}", pair(&visited))).send().await;
    assert_eq!((back.status, back.text().contains("Belum dibayar")), (200, true));

    let others_value = pair(&other).split_once('=').unwrap().1.to_owned();
    let others_token = way(&other).split_once('?').unwrap().1.to_owned();
    let strangers = [
        site.get(&process),
        site.get(&process).bearer(&site.patient(1)),
        site.get(&process).header("Cookie", &pair(&other)),
        site.get(&process).header("Cookie", &format!("sekali_payment_{payment}={others_value}")),
        site.get(&format!("{process}?{others_token}")),
        site.get(&format!("{process}?token=")),
        site.get(&format!("{process}?token=%00")),
        site.get(&callback),
        site.get(&format!("{callback}?{others_token}")),
        site.get(&format!("{callback}?session_id=cs_test_guessed")),
        site.get("/payment/999/process"),
        site.get("/payment/x/process"),
        site.get("/payment/999/callback"),
    ];
    let mut pages = Vec::new();
    for stranger in strangers {
        let page = stranger.send().await;
        assert_eq!(page.status, 403, "{}", page.text());
        assert_eq!(page.header("set-cookie"), None);
        pages.push(page.text().to_owned());
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "whether the payment exists is not told");
    for word in ["5000", "INV-", "PHP"] {
        assert!(!pages[0].contains(word), "{word}");
    }
}

#[tokio::test]
async fn the_pages_tell_nobody_where_the_patient_comes_from() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (_, first) = site.paid_for(1, 5, "k").await;
    let url = way(&first);
    let pages =
        [visit(&url).await, visit(&callback(&url)).await, site.get("/payment/999/process").send().await];
    for page in pages {
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "{}", page.status);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    }
    let page = visit(&callback(&url)).await;
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(!page.text().contains("<script"));
    let token = url.split_once("token=").unwrap().1;
    assert!(!site.logs.text().contains(token), "the address is never logged");
}

/// An event as Stripe would send it, signed with the secret that this service knows.
fn event(id: &str, kind: &str, session: &str) -> String {
    json!({ "id": id, "object": "event", "type": kind,
        "data": { "object": { "id": session, "object": "checkout.session" } } })
    .to_string()
}

fn webhook(site: &Site, payload: &str, signature: &str) -> Request {
    site.post("/webhooks/stripe").header("Stripe-Signature", signature).json(payload.to_owned())
}

async fn the_same_event_twice(backend: Backend) {
    let (site, _stripe) = without_webhooks(backend, &[]).await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let page = site.process(&way(&first)).await;
    let session = split(&page).1.rsplit('/').next().unwrap().to_owned();
    site.pay_with_card(&page, GOOD).await;
    let payload = event("evt_1", "checkout.session.completed", &session);
    let signature = stripe_signature(WEBHOOK_SECRET, golden(), &payload);
    for _ in 0..2 {
        let answer = webhook(&site, &payload, &signature).send().await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "received": true })));
    }
    site.until_status(payment, "completed").await;
    assert_eq!(webhook(&site, &payload, &signature).send().await.status, 200);
    // Older news that comes late changes nothing.
    let late = event("evt_0", "checkout.session.expired", &session);
    let signature = stripe_signature(WEBHOOK_SECRET, golden(), &late);
    assert_eq!(webhook(&site, &late, &signature).send().await.status, 200);
    eventually("the inbox is empty", async || {
        site.database.query("SELECT id FROM gateway_events WHERE finished_at IS NULL").await.is_empty()
    })
    .await;
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "completed");
    assert_eq!(site.count("gateway_events").await, 2);
    assert_eq!(site.count("captures").await, 1);
    let told = site.logs.lines().into_iter().filter(|line| line["message"] == "Payment: Outcome recorded");
    assert_eq!(told.count(), 1, "one transition");
}

#[tokio::test]
async fn a_webhook_that_is_not_stripes() {
    let site = Site::new().await;
    let payload = event("evt_1", "checkout.session.completed", "cs_test_1");
    let sign = |secret: &str, time: i64| stripe_signature(secret, time, &payload);
    let right = sign(WEBHOOK_SECRET, golden());
    let rows = [
        ("another secret", sign("whsec_other", golden())),
        ("signed for another body", stripe_signature(WEBHOOK_SECRET, golden(), "{}")),
        ("too old", sign(WEBHOOK_SECRET, golden() - 301)),
        ("from the future", sign(WEBHOOK_SECRET, golden() + 301)),
        ("an older scheme", right.replace("v1=", "v0=")),
        ("no time", right.split_once(',').unwrap().1.to_owned()),
        ("no signature", format!("t={}", golden())),
        ("nothing", String::new()),
        ("nonsense", "nonsense".to_owned()),
    ];
    for (what, signature) in rows {
        let answer = webhook(&site, &payload, &signature).send().await;
        assert_eq!(answer.status, 400, "{what}");
        answer.problem(400, "webhook-rejected");
    }
    site.post("/webhooks/stripe").json(payload.clone()).send().await.problem(400, "webhook-rejected");
    let no_event = "[]";
    let signature = stripe_signature(WEBHOOK_SECRET, golden(), no_event);
    webhook(&site, no_event, &signature).send().await.problem(400, "webhook-rejected");
    webhook(&site, &" ".repeat(300_000), &right).send().await.problem(413, "body-too-large");
    assert_eq!(site.count("gateway_events").await, 0);
    for time in [golden() - 300, golden() + 300] {
        assert_eq!(webhook(&site, &payload, &sign(WEBHOOK_SECRET, time)).send().await.status, 200);
    }
    let rotated = format!("{right},v1={}", "0".repeat(64));
    assert_eq!(webhook(&site, &payload, &rotated).send().await.status, 200, "one good signature is enough");
    assert_eq!(site.count("gateway_events").await, 1);
}

/// A payment that is paid is told apart from one that only says so: the callback proves nothing.
#[tokio::test]
async fn the_callback_proves_nothing() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let session = split(&site.process(&way(&first)).await).1.rsplit('/').next().unwrap().to_owned();
    let back = site.get(&format!("/payment/{payment}/callback?session_id={session}")).send().await;
    assert!(back.text().contains("Belum dibayar"), "{}", back.text());
    let read = site.payment(1, payment).await;
    assert_eq!(read["payment"]["status"], Value::from("processing"));
}

#[tokio::test]
async fn a_sessions_name_shows_how_it_stands_but_gives_no_right_to_pay() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    let stripe = site.process(&way(&first)).await;
    let session = stripe.rsplit('/').next().unwrap();
    let page = site.get(&format!("/payment/{payment}/callback?session_id={session}")).send().await;
    assert_eq!((page.status, page.text().contains("Belum dibayar")), (200, true), "{}", page.text());
    assert!(!page.text().contains("token="), "{}", page.text());
}

#[tokio::test]
async fn an_error_on_the_way_tells_no_other_site_either() {
    let site = Site::new().await;
    let error = Request::new(site.address, "POST", "/payment/1/process").send().await;
    assert_eq!((error.status, error.header("referrer-policy")), (405, Some("no-referrer")));
}
