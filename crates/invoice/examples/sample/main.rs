//! Writes invoices of every kind into a folder, for people to look at:
//! `cargo run -p sekali-invoice --example sample -- FOLDER`.

mod documents;

use sekali_invoice::{InvoiceDocument, Language, html, pdf};
use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/invoices"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    for language in [Language::Indonesian, Language::English] {
        for (name, document) in documents::samples() {
            let name = format!("{name}-{}", language.code());
            write(&folder, &name, &InvoiceDocument { language, ..document })?;
        }
    }
    Ok(())
}

fn write(folder: &Path, name: &str, document: &InvoiceDocument) -> Result<(), Box<dyn Error>> {
    std::fs::write(folder.join(format!("{name}.html")), html(document))?;
    std::fs::write(folder.join(format!("{name}.pdf")), pdf(document)?)?;
    Ok(())
}
