//! `kptn check`: what was found, counted.

use crate::cli::words;
use crate::model::{Diagnostic, Severity};

/// Returns the closing line: `2 errors, 1 warning`, or that all is well.
pub fn closing(findings: &[Diagnostic], graphs: u64, tasks: u64) -> String {
    let count = |severity| findings.iter().filter(|found| found.severity == severity).count() as u64;
    let parts = [
        (count(Severity::Error), "error", "errors"),
        (count(Severity::Warning), "warning", "warnings"),
        (count(Severity::Note), "note", "notes"),
    ];
    let looked =
        format!("{} in {}", words::count(tasks, "task", "tasks"), words::count(graphs, "graph", "graphs"));
    let parts: Vec<String> =
        parts.iter().filter(|(n, _, _)| *n > 0).map(|(n, one, many)| words::count(*n, one, many)).collect();
    if parts.is_empty() {
        format!("{looked}: nothing to mend")
    } else {
        format!("{looked}: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_how_bad_it_is() {
        let found = |severity| Diagnostic::new(severity, "x");
        let findings = [found(Severity::Warning), found(Severity::Error), found(Severity::Error)];
        assert_eq!(closing(&findings, 1, 12), "12 tasks in 1 graph: 2 errors, 1 warning");
        assert_eq!(closing(&[], 2, 1), "1 task in 2 graphs: nothing to mend");
    }
}
