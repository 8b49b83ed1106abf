//! The invoice of a payment as a page and as a PDF.
//!
//! [`InvoiceDocument`] holds what an invoice says, [`html`] and [`pdf`] show it, in Indonesian or
//! English and in the same words. Nothing here reads a clock, a file or the network: the same
//! document always gives the same bytes.
//!
//! [`format_money`] is how the product writes an amount wherever a person reads it.

mod content;
mod document;
mod html;
mod moment;
mod money;
mod pdf;
mod phrases;
mod stamp;

pub use document::{InvoiceDocument, Language, RecordedTax, Seller};
pub use html::{html, style_hash};
pub use money::format_money;
pub use pdf::{PdfError, pdf};
