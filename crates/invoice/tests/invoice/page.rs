//! The invoice as a page.

use crate::documents::{long, paid, samples};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sekali_invoice::{InvoiceDocument, Language, html, style_hash};
use sha2::{Digest, Sha256};

/// The texts between the tags of the body, as a browser shows them.
pub(crate) fn texts(page: &str) -> Vec<String> {
    let body = page.split_once("<body>").unwrap().1;
    let texts = body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim());
    let unescaped = |text: &str| {
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    };
    texts.filter(|text| !text.is_empty()).map(unescaped).collect()
}

fn style(page: &str) -> &str {
    page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0
}

#[test]
fn the_policys_hash_is_that_of_the_style_in_the_page() {
    let page = html(&paid());
    let expected = format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style(&page))));
    assert_eq!(style_hash(), expected);
    assert_eq!(page.matches("<style").count(), 1);
}

#[test]
fn nothing_runs_and_nothing_comes_from_elsewhere() {
    for (name, document) in samples() {
        let page = html(&document);
        for forbidden in
            ["<script", "<link", "<img", "<iframe", " src=", " href=", " style=", "url(", "@import", "://"]
        {
            assert!(!page.contains(forbidden), "{name} has {forbidden}");
        }
    }
}

#[test]
fn it_is_a_whole_document_in_its_language() {
    for (language, opening) in
        [(Language::Indonesian, "<html lang=\"id\">"), (Language::English, "<html lang=\"en\">")]
    {
        let page = html(&InvoiceDocument { language, ..paid() });
        assert!(page.starts_with("<!DOCTYPE html>"), "{page:.60}");
        assert!(page.contains(opening));
        assert!(page.ends_with("</html>"));
    }
    assert!(html(&paid()).contains("<title>Faktur INV-20240115103000-000100</title>"));
}

#[test]
fn texts_from_outside_stay_texts() {
    let evil = r#"<script>alert("1")</script> & </style> ' ""#;
    let mut document = long();
    document.number = evil.into();
    document.seller.name = evil.into();
    document.seller.address = vec![evil.into()];
    document.seller.tax_id = Some(evil.into());
    document.seller.email = Some(evil.into());
    document.taxes[0].line.name = evil.into();
    let page = html(&document);
    assert!(!page.contains("<script"));
    assert!(!page.contains(r#"("1")"#), "quotation marks stay quoted in attributes");
    assert_eq!(page.matches("</style>").count(), 1);
    assert_eq!(
        texts(&page).iter().filter(|text| text.contains(evil)).count(),
        6 + 1,
        "the number stands twice"
    );
}

#[test]
fn the_same_invoice_is_the_same_page() {
    for (name, document) in samples() {
        assert_eq!(html(&document), html(&document), "{name}");
    }
}
