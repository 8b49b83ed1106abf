//! The invoice as a PDF: tagged for who hears it (PDF/UA-1), its text selectable, its fonts inside.

mod draw;
mod face;
mod layout;
mod paragraph;
mod parts;
mod sheet;
mod table;

use crate::InvoiceDocument;
use crate::content::Content;
use crate::moment::utc;
use face::Fonts;
use krilla::metadata::{DateTime, Metadata};
use sekali_core::domain::Timestamp;
use thiserror::Error;

/// Why there is no PDF. No document that a payment can have leads to either.
#[derive(Debug, Error)]
pub enum PdfError {
    /// The fonts that are compiled in cannot be read.
    #[error("the invoice's fonts cannot be read")]
    Font,
    /// The PDF would not be what it promises to be.
    #[error("the invoice's PDF cannot be written: {0}")]
    Unwritable(String),
}

/// The invoice as a PDF of A4 pages.
pub fn pdf(document: &InvoiceDocument) -> Result<Vec<u8>, PdfError> {
    let content = Content::of(document);
    let fonts = Fonts::load()?;
    let laid_out = layout::lay_out(&content, &fonts);
    draw::draw(&laid_out, &fonts, metadata(&content, document.issued_at), content.title())
}

/// The date is the invoice's own, so that the same invoice is the same file at any time.
fn metadata(content: &Content, issued_at: Timestamp) -> Metadata {
    Metadata::new()
        .title(content.title())
        .authors(vec![content.seller.clone()])
        .creator("Sekali".into())
        .language(content.language.code().into())
        .document_id(content.number.clone())
        .creation_date(date(issued_at))
}

fn date(at: Timestamp) -> DateTime {
    let civil = utc(at);
    let small = |part: i8| u8::try_from(part).unwrap_or(0);
    DateTime::new(u16::try_from(civil.year()).unwrap_or(0))
        .month(small(civil.month()))
        .day(small(civil.day()))
        .hour(small(civil.hour()))
        .minute(small(civil.minute()))
        .second(small(civil.second()))
        .utc_offset_hour(0)
}
