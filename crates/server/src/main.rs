//! `sekali`: one binary.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A press allocates some 160 times; the C library's allocator took a fifth of the time that it cost
/// (docs/performance.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sekali::cli::main()
}
