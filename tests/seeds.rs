//! What the fuzz targets start from, and what they once found, is read without a panic.
//!
//! A crash that `make fuzz` finds becomes a file in `fuzz/seeds/`, and from then on this test's.

use std::fs;
use std::path::Path;

use kptn::config::parse_text;

#[path = "../fuzz/targets/memory.rs"]
mod memory;

/// The seeds of one kind, by the ending of their names.
fn seeds(ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let files = fs::read_dir(folder).expect("the seeds").map(|entry| entry.expect("a seed").path());
    let chosen = files.filter(|path| path.extension().is_some_and(|found| found == ending));
    let bytes: Vec<_> = chosen.map(|path| fs::read(path).expect("a seed")).collect();
    assert!(!bytes.is_empty(), "no seed ends in .{ending}");
    bytes
}

#[test]
fn every_seed_of_a_configuration_is_read_or_refused() {
    for text in seeds("yaml") {
        // Which of both it is, `config`'s own tests say.
        drop(parse_text(&text));
    }
}

#[test]
fn every_seed_of_code_has_one_fingerprint() {
    for (ending, script, other) in [("py", "t.py", "other.py"), ("R", "t.R", "other.R")] {
        let task = memory::OneTask::new(script);
        for text in seeds(ending) {
            let (own, imported) =
                text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
            let once = task.fingerprint(own, other, imported);
            assert_eq!(once, task.fingerprint(own, other, imported));
        }
    }
}
