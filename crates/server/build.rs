//! Puts the built web pages (`web/dist`) into the binary, compressed.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../web/dist");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default());
    println!("cargo:rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut files)?;
    } else {
        // `cargo check` alone needs no pages; `./dev build` makes them first.
        println!(
            "cargo:warning=web/dist is not there: this binary has no web pages (./dev build makes them)"
        );
        let missing = out.join("index.html");
        fs::write(
            &missing,
            "<!doctype html><title>Sekali</title><p>The web pages are not built: use ./dev build.",
        )?;
        files.push((missing.clone(), "index.html".to_owned()));
        files.push((missing, "console/index.html".to_owned()));
    }
    files.sort();
    let mut code = String::from("static ASSETS: &[Asset] = &[\n");
    for (number, (file, name)) in files.into_iter().enumerate() {
        let file = fs::canonicalize(file)?;
        println!("cargo:rerun-if-changed={}", file.display());
        let packed = out.join(format!("asset-{number}.gz"));
        fs::write(&packed, gzipped(&fs::read(&file)?)?)?;
        let _ = writeln!(
            code,
            "    Asset {{ path: {name:?}, gzipped: include_bytes!({:?}) }},",
            packed.display().to_string()
        );
    }
    code.push_str("];\n");
    fs::write(out.join("assets.rs"), code)
}

fn gzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn collect(dist: &Path, files: &mut Vec<(PathBuf, String)>) -> io::Result<()> {
    let mut folders = vec![dist.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(below) = path.strip_prefix(dist) {
                let name = below.to_string_lossy().replace('\\', "/");
                files.push((path.clone(), name));
            }
        }
    }
    Ok(())
}
