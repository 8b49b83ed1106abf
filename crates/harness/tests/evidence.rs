//! The page of evidence shows what is in the files beside it.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use sekali_harness::{campaign, evidence};
use std::fs;
use std::path::Path;

#[test]
fn the_page_of_evidence_is_current() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence"));
    let (file, page) = (folder.join("README.md"), evidence::page(folder));
    if campaign::folder().is_some() {
        fs::write(&file, &page).expect("the page can be written");
    }
    let there = fs::read_to_string(&file).expect("the page");
    assert_eq!(there, page, "make it anew: ./dev evidence the_page_of_evidence_is_current");
}
