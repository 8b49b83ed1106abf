//! The PDF as a file.

use crate::documents::{paid, samples};
use crate::reader::{Reading, contains};
use sekali_invoice::{InvoiceDocument, Language, pdf};

#[test]
fn the_same_invoice_is_the_same_file() {
    for (name, document) in samples() {
        assert_eq!(pdf(&document).unwrap(), pdf(&document).unwrap(), "{name}");
    }
    let other = InvoiceDocument { number: "INV-20240115103000-000101".into(), ..paid() };
    assert_ne!(pdf(&paid()).unwrap(), pdf(&other).unwrap());
}

#[test]
fn it_is_small() {
    for (name, document) in samples() {
        let size = pdf(&document).unwrap().len();
        assert!(size < 60_000, "{name} has {size} bytes");
    }
}

#[test]
fn it_says_what_it_is() {
    let indonesian = pdf(&paid()).unwrap();
    assert!(indonesian.starts_with(b"%PDF-1.7"));
    for entry in [
        "/Title (Faktur INV-20240115103000-000100)",
        "/Author (Klinik Sehat Sentosa)",
        "/Lang (id)",
        "/CreationDate (D:20240115103000Z)",
        "/DisplayDocTitle true",
    ] {
        assert!(contains(&indonesian, entry.as_bytes()), "{entry}");
    }
    let english = pdf(&InvoiceDocument { language: Language::English, ..paid() }).unwrap();
    assert!(contains(&english, b"/Title (Invoice INV-20240115103000-000100)"));
    assert!(contains(&english, b"/Lang (en)"));
}

#[test]
fn who_hears_it_is_led_through_it() {
    let pdf = pdf(&paid()).unwrap();
    assert!(contains(&pdf, b"pdfuaid:part"), "it claims PDF/UA");
    for tag in
        ["H1", "H2", "P", "L", "LI", "Lbl", "LBody", "Table", "THead", "TBody", "TFoot", "TR", "TH", "TD"]
    {
        assert!(contains(&pdf, format!("/S /{tag}\n").as_bytes()), "{tag}");
    }
}

#[test]
fn the_foot_of_each_page_numbers_it() {
    let reading = Reading::of(&pdf(&paid()).unwrap());
    assert_eq!(reading.pages, 1);
    assert_eq!(reading.artifacts, ["INV-20240115103000-000100", "Halaman 1 dari 1"]);
}
