//! Where Python and R really are, without the shims that some machines put in between.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Returns the PATH for tests: the folder of the real Python first, then the machine's own.
pub fn search_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let machine = std::env::var("PATH").unwrap_or_default();
        match python().parent() {
            Some(folder) => format!("{}:{machine}", folder.display()),
            None => machine,
        }
    })
}

/// Returns the Python that `python3` on PATH really is.
pub fn python() -> &'static PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let answer = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("the tests need python3 on PATH");
        PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim())
    })
}

/// Returns a Python that has numpy, pandas and polars; `make setup` made its environment.
pub fn packages_python() -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_kptn"));
    let target = binary.ancestors().nth(2).expect("cargo builds into target/<profile>");
    let python = target.join("test-python/bin/python");
    assert!(python.exists(), "no {}: run `make setup`", python.display());
    python
}
