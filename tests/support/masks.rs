//! The one list of what differs from run to run, and what stands for it in a snapshot.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b[0-9a-f]{12}-[0-9a-f]{8}\b", "[RUN]"),
        (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
        (r"\b[0-9a-f]{40}\b", "[COMMIT]"),
        (r"\b[0-9a-f]{12}\b", "[SHORT]"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", "[DATE]"),
        // With the blanks around it: a shorter time is padded.
        (r" *\b\d+(\.\d+)? (ms|s|min)\b( \d+ s\b)? *", " [TIME] "),
        // Which part of a line an exception is about: newer Pythons say it.
        (r"(?m)^ *\|[ ~^]+\n", ""),
        (r"(?m)[ \t]+$", ""),
    ]
    .into_iter()
    .map(|(pattern, stand_in)| (Regex::new(pattern).expect("a pattern of this list"), stand_in))
    .collect()
});

/// Returns a text with everything masked that is not the same on every machine and every run.
pub fn masked(text: &str, root: &Path, home: &Path) -> String {
    let mut text = text.replace("\r\n", "\n");
    for (path, stand_in) in [(root, "[ROOT]"), (home, "[HOME]")] {
        for spelled in [path.canonicalize().ok(), Some(path.to_owned())].into_iter().flatten() {
            text = text.replace(&spelled.display().to_string(), stand_in);
        }
    }
    for (pattern, stand_in) in MASKS.iter() {
        text = pattern.replace_all(&text, *stand_in).into_owned();
    }
    text
}
