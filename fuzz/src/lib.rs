//! What the fuzzers feed; the tests of `crates/server` feed it the corpus on a stable compiler.

pub mod checks;
