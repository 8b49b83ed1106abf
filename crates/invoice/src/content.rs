//! The invoice in words, before it has a form: what the page and the PDF both show.

use crate::moment::spelled;
use crate::money::unbroken_money;
use crate::phrases::{Phrases, payment_status, phrases};
use crate::stamp::Stamp;
use crate::{InvoiceDocument, Language, RecordedTax};
use sekali_core::domain::{Decimal, InvoiceStatus, Money};

/// All texts of one invoice, in the order in which they are read.
pub(crate) struct Content {
    pub language: Language,
    /// What moves no money says so first.
    pub test: Option<String>,
    /// `Faktur`.
    pub heading: &'static str,
    pub number: String,
    pub stamp: Stamp,
    pub seller: String,
    /// Address, tax number, e-mail.
    pub seller_lines: Vec<String>,
    /// Label and value.
    pub facts: Vec<(&'static str, String)>,
    pub items: Table,
    pub totals: Vec<Total>,
    pub taxes_heading: &'static str,
    /// None for a consultation without taxes.
    pub taxes: Option<Table>,
    pub taxes_note: &'static str,
    pub notes: Vec<String>,
    pub closing: &'static str,
    /// `Halaman`, `dari`.
    pub page_words: (&'static str, &'static str),
}

/// Text in the first column, figures in the others.
pub(crate) struct Table {
    pub headings: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// One line under the items.
pub(crate) struct Total {
    pub label: &'static str,
    pub amount: String,
    /// The one that counts.
    pub strong: bool,
}

impl Content {
    /// What `document` says.
    pub(crate) fn of(document: &InvoiceDocument) -> Self {
        let words = phrases(document.language);
        Self {
            language: document.language,
            test: document.test.then(|| format!("TEST · {}", words.test)),
            heading: words.invoice,
            number: clean(&document.number),
            stamp: Stamp::of(document),
            seller: clean(&document.seller.name),
            seller_lines: seller_lines(document, words),
            facts: facts(document, words),
            items: items(document, words),
            totals: totals(document, words),
            taxes_heading: words.taxes,
            taxes: (!document.taxes.is_empty()).then(|| taxes(&document.taxes, words)),
            taxes_note: if document.taxes.is_empty() { words.no_taxes } else { words.taxes_note },
            notes: notes(document, words),
            closing: words.electronic,
            page_words: (words.page, words.of),
        }
    }

    /// `Faktur INV-20240115103000-000100`.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.heading, self.number)
    }
}

fn seller_lines(document: &InvoiceDocument, words: &Phrases) -> Vec<String> {
    let seller = &document.seller;
    let mut lines: Vec<String> = seller.address.iter().map(|line| clean(line)).collect();
    lines.extend(seller.tax_id.iter().map(|id| format!("{}: {}", words.tax_id, clean(id))));
    lines.extend(seller.email.iter().map(|email| clean(email)));
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn facts(document: &InvoiceDocument, words: &Phrases) -> Vec<(&'static str, String)> {
    let language = document.language;
    let mut facts = vec![
        (words.billed_to, format!("{} {} {}", words.patient, words.number, document.payer)),
        (words.issued, spelled(document.issued_at, language)),
    ];
    facts.extend(document.paid_at.map(|at| (words.paid_at, spelled(at, language))));
    facts.push((words.consultation, format!("{} {}", words.number, document.consultation)));
    facts.push((words.payment, format!("{} {}", words.number, document.payment)));
    facts.push((words.payment_status, payment_status(document.payment_status, language).into()));
    facts
}

fn items(document: &InvoiceDocument, words: &Phrases) -> Table {
    let description = format!("{} {} {}", words.consultation, words.number, document.consultation);
    Table {
        headings: vec![words.description, words.amount],
        rows: vec![vec![description, unbroken_money(document.amount)]],
    }
}

fn totals(document: &InvoiceDocument, words: &Phrases) -> Vec<Total> {
    let amount = document.amount;
    let line = |label, money, strong| Total { label, amount: unbroken_money(money), strong };
    match document.status {
        InvoiceStatus::Pending => vec![line(words.total_due, amount, true)],
        InvoiceStatus::Void => {
            let nothing = Money::new(0, amount.currency);
            vec![line(words.total, amount, false), line(words.due, nothing, true)]
        }
        InvoiceStatus::Paid | InvoiceStatus::Refunded if document.refunded.minor == 0 => {
            vec![line(words.total_paid, amount, true)]
        }
        InvoiceStatus::Paid | InvoiceStatus::Refunded => {
            let back = Money::new(document.refunded.minor.saturating_neg(), amount.currency);
            let rest = Money::new(amount.minor.saturating_sub(document.refunded.minor), amount.currency);
            vec![
                line(words.total_paid, amount, false),
                line(words.refunded, back, false),
                line(words.remaining, rest, true),
            ]
        }
    }
}

/// The column of what went back is there only if something did.
fn taxes(taxes: &[RecordedTax], words: &Phrases) -> Table {
    let any_refunded = taxes.iter().any(|tax| tax.refunded.minor != 0);
    let mut headings = vec![words.tax, words.rate, words.amount];
    headings.extend(any_refunded.then_some(words.refunded));
    let row = |tax: &RecordedTax| {
        let mut cells = vec![clean(&tax.line.name), rate(tax.line.rate_ppm), unbroken_money(tax.line.amount)];
        cells.extend(any_refunded.then(|| unbroken_money(tax.refunded)));
        cells
    };
    Table { headings, rows: taxes.iter().map(row).collect() }
}

/// `12%`, `12,5%`: from parts of a million.
fn rate(ppm: i64) -> String {
    format!("{}%", Decimal::new(i128::from(ppm), -4)).replace('.', ",")
}

fn notes(document: &InvoiceDocument, words: &Phrases) -> Vec<String> {
    let unpaid = matches!(document.status, InvoiceStatus::Pending | InvoiceStatus::Void);
    let mut notes = Vec::new();
    if unpaid && document.refunded.minor != 0 {
        notes.push(format!("{} {}.", words.returned, unbroken_money(document.refunded)));
    }
    if document.disputed {
        notes.push(words.disputed.to_owned());
    }
    notes
}

/// One line of printable text: white space becomes a space, and what would be invisible or turn the
/// direction of the text around it (and so make it read as something else) becomes U+FFFD.
fn clean(text: &str) -> String {
    let printable = |character: char| match character {
        '\u{a0}' => character,
        _ if character.is_whitespace() => ' ',
        _ if character.is_control() || turns_or_hides(character) => char::REPLACEMENT_CHARACTER,
        _ => character,
    };
    text.chars().map(printable).collect()
}

fn turns_or_hides(character: char) -> bool {
    matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{ad}'
        | '\u{feff}' | '\u{fff0}'..='\u{fffc}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact() {
        let rows = [(120_000, "12%"), (125_000, "12,5%"), (1, "0,0001%"), (0, "0%"), (1_000_000, "100%")];
        for (ppm, expected) in rows {
            assert_eq!(rate(ppm), expected);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown_as_such() {
        assert_eq!(clean("Klinik\tSehat\r\nJaya"), "Klinik Sehat  Jaya");
        assert_eq!(clean("a\0b\u{202e}c\u{feff}d\u{7f}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(clean("Nguyễn Thị Hồng · Peña · 李\u{a0}✓"), "Nguyễn Thị Hồng · Peña · 李\u{a0}✓");
    }
}
