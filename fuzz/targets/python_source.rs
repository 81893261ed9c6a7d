//! Any bytes as a Python module: gathered without a panic, to the same fingerprint each time.
//!
//! The bytes before the first NUL are the script, those after it a module `other` that it may import.

#![no_main]

mod memory;

use std::sync::LazyLock;

static TASK: LazyLock<memory::OneTask> = LazyLock::new(|| memory::OneTask::new("t.py"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (script, other) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    let once = TASK.fingerprint(script, "other.py", other);
    assert_eq!(once, TASK.fingerprint(script, "other.py", other));
});
