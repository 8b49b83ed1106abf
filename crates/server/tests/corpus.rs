//! The fuzzers' corpus, through the same functions as `fuzz/`, on a stable compiler: what was found once stays found.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    unreachable_pub,
    clippy::cast_precision_loss,
    reason = "the fuzzers' own file, which others build as well"
)]

#[path = "../../../fuzz/src/checks.rs"]
mod checks;

use std::path::Path;

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

/// The shortest changes of a good input: one byte left out, and one bit turned.
fn neighbours(data: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..data.len().min(300)).flat_map(move |at| {
        let mut shorter = data.to_vec();
        shorter.remove(at);
        let mut turned = data.to_vec();
        turned[at] ^= 1 << (at % 8);
        [shorter, turned]
    })
}

#[test]
fn every_file_of_the_corpus_and_its_neighbours() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut folders: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names: Vec<_> = checks::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(folders, names, "each check has its corpus, and each corpus its check");
    for (name, check) in checks::ALL {
        let files = files(&folder.join(name));
        assert!(files.len() >= 10, "{name}: only {} files", files.len());
        for (file, data) in files {
            // Printed only if what follows fails.
            println!("{file}");
            check(&data);
            neighbours(&data).for_each(|data| check(&data));
        }
    }
}

/// Inputs made at random out of the corpus and the dictionaries: without a fuzzer's eye for what is new, but on every
/// run. `SEKALI_MUTATIONS` (20,000 for each check) makes it longer, `SEKALI_SEED` (1) another.
#[test]
fn mutations_of_the_corpus() {
    let setting =
        |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (rounds, seed) = (setting("SEKALI_MUTATIONS", 20_000), setting("SEKALI_SEED", 1));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    for (name, check) in checks::ALL {
        let corpus: Vec<_> =
            files(&folder.join("corpus").join(name)).into_iter().map(|(_, data)| data).collect();
        let words = dictionary(&folder.join(format!("dictionaries/{name}.dict")));
        let mut random = Random(seed);
        for round in 0..rounds {
            let data = mutated(&mut random, &corpus, &words);
            let fine = std::panic::catch_unwind(|| check(&data));
            assert!(fine.is_ok(), "{name}, seed {seed}, round {round}: {:?}", String::from_utf8_lossy(&data));
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

fn mutated(random: &mut Random, corpus: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => drop(data.remove(at)),
            2 => data.insert(at, u8::try_from(random.below(256)).unwrap()),
            3 => drop(data.splice(at..at, words[random.below(words.len())].iter().copied())),
            4 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => {
                let end = at + random.below(data.len() - at + 1);
                let piece = data[at..end].to_vec();
                data.splice(at..at, piece);
            }
        }
    }
    data.truncate(4096);
    data
}

/// A libFuzzer dictionary: words in quotation marks, one a line, with its escapes.
fn dictionary(file: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(file).unwrap();
    let word = |line: &str| {
        let line = line
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .expect("a word in quotation marks");
        line.replace("\\x0a", "\n").replace("\\\"", "\"").replace("\\\\", "\\").into_bytes()
    };
    let words: Vec<_> = text.lines().map(word).collect();
    assert!(!words.is_empty(), "{}", file.display());
    words
}

/// A fuzzer's binary for each check, and the other way round.
#[test]
fn every_check_has_its_fuzzer() {
    let manifest = include_str!("../../../fuzz/Cargo.toml");
    for (name, _) in checks::ALL {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), checks::ALL.len());
}
