//! What people get to see: the page, and the PDF as another program reads it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../examples/sample/documents.rs"]
mod documents;
mod hostile;
mod page;
mod pdf;
mod reader;
mod states;
