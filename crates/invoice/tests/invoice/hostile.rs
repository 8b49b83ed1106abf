//! More, longer and stranger than anyone should have: nothing is lost and nothing panics.

use crate::documents::{long, paid};
use crate::reader::Reading;
use sekali_core::domain::{Money, Timestamp};
use sekali_invoice::{InvoiceDocument, RecordedTax, html, pdf};

fn read(document: &InvoiceDocument) -> Reading {
    Reading::of(&pdf(document).unwrap())
}

#[test]
fn an_address_of_several_pages_keeps_every_line() {
    let mut document = paid();
    document.seller.address = (1..=200).map(|line| format!("Baris alamat ke-{line}")).collect();
    let reading = read(&document);
    assert!(reading.pages > 2, "{}", reading.pages);
    for line in &document.seller.address {
        assert!(reading.texts.contains(line), "{line}");
    }
    assert!(reading.artifacts.contains(&format!("Halaman 2 dari {}", reading.pages)));
    assert!(reading.all().contains("PHP\u{a0}5.000,00"));
}

#[test]
fn a_table_goes_on_over_the_page_with_its_headings() {
    let reading = read(&long());
    assert_eq!(reading.pages, 2);
    let spoken = reading.texts.iter().filter(|text| *text == "Tarif").count();
    let repeated = reading.artifacts.iter().filter(|text| *text == "Tarif").count();
    assert_eq!((spoken, repeated), (1, 1), "heard once, seen on both pages");
    for tax in 1..=10 {
        assert!(reading.texts.contains(&format!("nomor {tax}")), "{tax}");
    }
    assert!(reading.texts.contains(&"PHP\u{a0}9.999.999.999,90".into()));
}

#[test]
fn words_without_end_are_broken_and_kept() {
    let mut document = paid();
    document.number = "N".repeat(1500);
    document.seller.name = "W".repeat(2500);
    document.taxes[0].line.name = "X".repeat(6000);
    let reading = read(&document);
    for (letter, count) in [('N', 1500), ('W', 2500), ('X', 6000)] {
        let run = letter.to_string().repeat(12);
        let parts =
            reading.texts.iter().filter(|text| text.contains(&run) || text.chars().all(|c| c == letter));
        assert_eq!(parts.map(String::len).sum::<usize>(), count, "{letter}");
    }
    assert!(reading.texts.contains(&"LUNAS".into()));
}

#[test]
fn what_the_font_lacks_can_still_be_copied() {
    let mut document = paid();
    let names = ["李明 Clinic", "عيادة الشفاء", "คลินิก", "😀 👩‍⚕️"];
    document.seller.address = names.map(String::from).to_vec();
    document.seller.name = "Nguyễn Thị Ánh Đặng · Peñaflor · e\u{301}".into();
    let reading = read(&document);
    assert!(reading.texts.contains(&document.seller.name), "{reading:?}");
    for name in &names[..3] {
        assert!(reading.texts.contains(&(*name).into()), "{name}: {reading:?}");
    }
    assert!(html(&document).contains("李明 Clinic"));
}

#[test]
fn what_is_no_text_is_replaced() {
    let mut document = paid();
    document.seller.name = "a\0b\u{202e}c\u{feff}d\u{ffff}e\u{1b}f\ng".into();
    document.number = "\u{200b}\u{ad}".into();
    let shown = "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f g";
    assert!(read(&document).texts.contains(&shown.into()));
    assert!(html(&document).contains(shown));
}

#[test]
fn nothing_at_all_is_still_an_invoice() {
    let mut document = paid();
    document.number = String::new();
    document.seller.name = String::new();
    document.seller.address = vec![String::new(), "   ".into()];
    document.seller.tax_id = None;
    document.seller.email = None;
    document.taxes.clear();
    assert!(read(&document).texts.contains(&"LUNAS".into()));
    assert!(html(&document).contains("LUNAS"));
}

#[test]
fn numbers_at_their_ends_do_not_panic() {
    for minor in [i64::MIN, -1, 0, i64::MAX] {
        let mut document = paid();
        document.amount.minor = minor;
        document.refunded.minor = minor.saturating_neg();
        document.issued_at = Timestamp::from_micros(minor);
        let RecordedTax { mut line, .. } = document.taxes.remove(0);
        line.rate_ppm = minor;
        line.amount.minor = minor;
        document.taxes.push(RecordedTax { refunded: Money::new(minor, line.amount.currency), line });
        assert!(!read(&document).texts.is_empty());
        assert!(!html(&document).is_empty());
    }
}
