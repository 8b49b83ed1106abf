//! The invoice as a page of its own: no script, nothing from elsewhere, made to be printed as well.

use crate::InvoiceDocument;
use crate::content::{Content, Table, Total};
use crate::stamp::Stamp;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("invoice.css");

/// The invoice as a complete HTML document. Its style sheet stands inside, so a Content Security
/// Policy has to allow it by [`style_hash`]; it needs nothing else.
pub fn html(document: &InvoiceDocument) -> String {
    let content = Content::of(document);
    let page = markup! {
        (DOCTYPE)
        html lang=(content.language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="author" content=(content.seller);
                title { (content.title()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if let Some(test) = &content.test { p class="test" { strong { (test) } } }
                main class=(if content.test.is_some() { "sheet specimen" } else { "sheet" }) { (sheet(&content)) }
            }
        }
    };
    page.into_string()
}

/// The source for `style-src` that allows the style sheet of [`html`] and no other:
/// `'sha256-…'`, with its quotation marks.
pub fn style_hash() -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(STYLE)))
}

fn sheet(content: &Content) -> Markup {
    markup! {
        header {
            div class="title" {
                h1 { (content.heading) " " span class="number" { (content.number) } }
                p class={ "stamp " (tone(content.stamp)) } { (content.stamp.words(content.language)) }
            }
            address {
                strong { (content.seller) }
                @for line in &content.seller_lines { br; (line) }
            }
        }
        dl {
            @for (label, value) in &content.facts { div { dt { (label) } dd { (value) } } }
        }
        (table(&content.items, &content.totals))
        section {
            h2 { (content.taxes_heading) }
            @if let Some(taxes) = &content.taxes { (table(taxes, &[])) }
            p class="quiet" { (content.taxes_note) }
        }
        @for note in &content.notes { p class="note" { (note) } }
        footer { (content.number) " · " (content.closing) }
    }
}

/// On a narrow screen each row becomes a block; the roles keep it a table for who hears it.
fn table(table: &Table, totals: &[Total]) -> Markup {
    markup! {
        table role="table" class={ "columns-" (table.headings.len()) } {
            thead role="rowgroup" {
                tr role="row" {
                    @for heading in &table.headings { th role="columnheader" scope="col" { (heading) } }
                }
            }
            tbody role="rowgroup" { @for row in &table.rows { (body_row(table, row)) } }
            @if !totals.is_empty() {
                tfoot role="rowgroup" {
                    @for total in totals {
                        tr role="row" class=[total.strong.then_some("strong")] {
                            th role="rowheader" scope="row" { (total.label) }
                            td role="cell" { (total.amount) }
                        }
                    }
                }
            }
        }
    }
}

fn body_row(table: &Table, row: &[String]) -> Markup {
    markup! {
        tr role="row" {
            @for (index, (heading, cell)) in table.headings.iter().zip(row).enumerate() {
                @if index == 0 {
                    th role="rowheader" scope="row" { (cell) }
                } @else {
                    td role="cell" data-label=(heading) { (cell) }
                }
            }
        }
    }
}

fn tone(stamp: Stamp) -> &'static str {
    match stamp {
        Stamp::Pending => "pending",
        Stamp::Paid => "paid",
        Stamp::Void => "void",
        Stamp::PartlyRefunded => "partly",
        Stamp::Refunded => "refunded",
    }
}
