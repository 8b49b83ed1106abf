//! `sekali`: one binary.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A press allocates some 160 times; the C library's allocator takes a quarter of the time that it costs
/// (docs/performance.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sekali::cli::main()
}
