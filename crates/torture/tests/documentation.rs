//! What stands beside the code is true: the page about it, and the request files of the peers.
#![allow(clippy::expect_used, reason = "a test whose set-up fails has failed")]

use sekali_torture::{Harm, RequestFile};
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).expect("a file of this repository")
}

#[test]
fn the_page_counts_the_attacks_and_explains_each_harm() {
    let page = read("docs/torture.md");
    let count = format!("It makes {} attacks", sekali_torture::attacks().count());
    assert!(page.contains(&count), "{count}");
    let harms = [
        Harm::ChargedTwice,
        Harm::DataShown,
        Harm::PaymentLost,
        Harm::CannotPay,
        Harm::NotPaid,
        Harm::ErrorShown,
        Harm::ClientMisled,
    ];
    for harm in harms {
        assert!(page.contains(&format!("| {} |", harm.label())), "{harm:?}");
    }
}

#[test]
fn the_peers_request_files_are_understood() {
    for peer in ["express", "fastapi", "laravel-like"] {
        let parsed = RequestFile::parse(&read(&format!("bench/peers/{peer}/request.toml")));
        assert!(parsed.is_ok(), "{peer}: {:?}", parsed.err());
    }
}
