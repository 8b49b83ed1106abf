//! Each state of an invoice, in both languages, on the page and in the PDF.

use crate::documents::{paid, pending, refunded, samples, void};
use crate::page::texts;
use crate::reader::Reading;
use sekali_core::domain::{Currency, InvoiceStatus, Money, Status};
use sekali_invoice::{InvoiceDocument, Language, html, pdf};

fn in_pdf(document: &InvoiceDocument) -> String {
    Reading::of(&pdf(document).unwrap()).all()
}

/// Both forms say each of `words`, and no other stamp than the one among them.
fn says(document: &InvoiceDocument, language: Language, words: &[&str]) {
    let document = InvoiceDocument { language, ..document.clone() };
    for (form, text) in [("page", texts(&html(&document)).join("\n")), ("PDF", in_pdf(&document))] {
        for word in words {
            assert!(text.lines().any(|line| line == *word), "the {form} does not say {word:?}: {text}");
        }
        let stamps = text.lines().filter(|line| STAMPS.contains(line)).count();
        assert_eq!(stamps, 1, "the {form}'s stamps: {text}");
    }
}

const STAMPS: [&str; 10] = [
    "MENUNGGU PEMBAYARAN",
    "PENDING",
    "LUNAS",
    "PAID",
    "BATAL",
    "VOID",
    "SEBAGIAN DIKEMBALIKAN",
    "PARTLY REFUNDED",
    "DIKEMBALIKAN",
    "REFUNDED",
];

const INDONESIAN: [&str; 10] = [
    "INV-20240115103000-000100",
    "Klinik Sehat Sentosa",
    "Jakarta Selatan 12190",
    "NPWP: 01.234.567.8-901.000",
    "tagihan@sehatsentosa.example",
    "Pasien nomor 1",
    "15 Januari 2024 10.30 UTC",
    "nomor 100",
    "Konsultasi nomor 5",
    "Pajak dicatat di samping pembayaran dan tidak ditambahkan ke total di atas.",
];

#[test]
fn what_every_invoice_says() {
    says(&pending(), Language::Indonesian, &INDONESIAN);
    let english = [
        "INV-20240115103000-000100",
        "Tax ID (NPWP): 01.234.567.8-901.000",
        "Patient no. 1",
        "15 January 2024 10:30 UTC",
        "no. 100",
        "Consultation no. 5",
        "VAT",
        "12%",
        "PHP\u{a0}600,00",
        "PPh",
        "15%",
        "PHP\u{a0}750,00",
        "Taxes are recorded beside the payment and are not added to the total above.",
    ];
    says(&pending(), Language::English, &english);
}

#[test]
fn pending_asks_for_the_amount_without_the_taxes() {
    let due = ["MENUNGGU PEMBAYARAN", "menunggu pembayaran", "Total yang harus dibayar", "PHP\u{a0}5.000,00"];
    says(&pending(), Language::Indonesian, &due);
    says(&pending(), Language::English, &["PENDING", "pending", "Total due", "PHP\u{a0}5.000,00"]);
}

#[test]
fn paid_says_when() {
    let words = ["LUNAS", "lunas", "Tanggal bayar", "15 Januari 2024 10.32 UTC", "Total dibayar"];
    says(&paid(), Language::Indonesian, &words);
    says(
        &paid(),
        Language::English,
        &["PAID", "completed", "Paid", "15 January 2024 10:32 UTC", "Total paid"],
    );
}

#[test]
fn void_asks_for_nothing() {
    says(&void(), Language::Indonesian, &["BATAL", "kedaluwarsa", "Harus dibayar", "PHP\u{a0}0,00"]);
    says(&void(), Language::English, &["VOID", "expired", "Amount due", "PHP\u{a0}0,00"]);
    for (status, word) in [(Status::Failed, "gagal"), (Status::Cancelled, "dibatalkan")] {
        says(&InvoiceDocument { payment_status: status, ..void() }, Language::Indonesian, &[word]);
    }
}

#[test]
fn a_partial_refund_shows_what_remains() {
    let document = refunded(200_000, InvoiceStatus::Paid);
    let amounts = [
        "PHP\u{a0}5.000,00",
        "-PHP\u{a0}2.000,00",
        "PHP\u{a0}3.000,00",
        "PHP\u{a0}240,00",
        "PHP\u{a0}300,00",
    ];
    says(&document, Language::Indonesian, &amounts);
    let words = ["SEBAGIAN DIKEMBALIKAN", "Sisa setelah pengembalian", "Dikembalikan", "lunas"];
    says(&document, Language::Indonesian, &words);
    let words = ["PARTLY REFUNDED", "Remaining after refund", "Refunded", "completed"];
    says(&document, Language::English, &words);
}

#[test]
fn a_whole_refund_leaves_nothing() {
    let document = refunded(500_000, InvoiceStatus::Refunded);
    says(
        &document,
        Language::Indonesian,
        &["DIKEMBALIKAN", "dikembalikan", "-PHP\u{a0}5.000,00", "PHP\u{a0}0,00"],
    );
    says(&document, Language::English, &["REFUNDED", "refunded", "-PHP\u{a0}5.000,00", "PHP\u{a0}0,00"]);
    // In the moment between the last refund and the status that follows it.
    says(&refunded(500_000, InvoiceStatus::Paid), Language::English, &["REFUNDED"]);
}

#[test]
fn money_that_came_for_a_void_payment_and_went_back_is_told() {
    let document = InvoiceDocument { refunded: Money::new(500_000, Currency::PHP), ..void() };
    let told = "Money that arrived for this payment was returned: PHP\u{a0}5.000,00.";
    says(&document, Language::English, &["VOID", "PHP\u{a0}0,00", told]);
}

#[test]
fn a_dispute_is_told() {
    let document = InvoiceDocument { disputed: true, ..paid() };
    let told = "Pembayaran ini sedang disanggah melalui bank penerbit kartu.";
    says(&document, Language::Indonesian, &["LUNAS", told]);
    let told = "This payment is disputed through the bank that issued the card.";
    says(&document, Language::English, &["PAID", told]);
    assert!(!in_pdf(&paid()).contains("disanggah"));
}

#[test]
fn a_consultation_without_taxes_says_so() {
    let document = InvoiceDocument { taxes: Vec::new(), ..paid() };
    says(&document, Language::Indonesian, &["Tidak ada pajak yang dicatat untuk konsultasi ini."]);
    says(&document, Language::English, &["No tax was recorded for this consultation."]);
    assert!(!in_pdf(&document).contains("Tarif"));
}

#[test]
fn what_moves_no_money_says_so_and_nothing_else_does() {
    let document = InvoiceDocument { test: true, ..paid() };
    says(&document, Language::Indonesian, &["TEST · bukan uang sungguhan"]);
    says(&document, Language::English, &["TEST · no real money"]);
    assert!(html(&document).contains(r#"class="sheet specimen""#), "the watermark");
    for (name, document) in samples().into_iter().filter(|(_, document)| !document.test) {
        assert!(!in_pdf(&document).contains("TEST"), "{name}");
        assert!(!html(&document).contains(r#"class="test""#), "{name}");
        assert!(!html(&document).contains(r#"class="sheet specimen""#), "{name}");
    }
}

#[test]
fn each_currency_has_its_own_decimals() {
    for (minor, code, expected) in [
        (500_000, "PHP", "PHP\u{a0}5.000,00"),
        (15_000_000, "IDR", "Rp\u{a0}150.000,00"),
        (5000, "JPY", "JPY\u{a0}5.000"),
        (1_234_567, "KWD", "KWD\u{a0}1.234,567"),
        (999_999_999_999, "JPY", "JPY\u{a0}999.999.999.999"),
    ] {
        let currency = Currency::from_code(code).unwrap();
        let amount = Money::new(minor, currency);
        let document =
            InvoiceDocument { amount, refunded: Money::new(0, currency), taxes: Vec::new(), ..paid() };
        for language in [Language::Indonesian, Language::English] {
            says(&document, language, &[expected]);
        }
    }
}

#[test]
fn page_and_pdf_say_the_same() {
    for (name, document) in samples().into_iter().filter(|(name, _)| *name != "long") {
        for language in [Language::Indonesian, Language::English] {
            let document = InvoiceDocument { language, ..document.clone() };
            let page = texts(&html(&document));
            let pdf = Reading::of(&pdf(&document).unwrap()).texts;
            // The page sets its heading in capitals by style, and its last line is the number with
            // what the PDF has in two places.
            let lower = |texts: &[String]| {
                let mut texts: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
                texts.sort();
                texts
            };
            let (closing, page) = page.split_last().unwrap();
            let mut expected = lower(page);
            expected.push(closing.split_once(" · ").unwrap().1.to_lowercase());
            expected.sort();
            assert_eq!(lower(&pdf), expected, "{name}");
        }
    }
}
