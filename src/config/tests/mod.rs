//! Whole files: what they become, and what is said about the broken ones.

mod disk;
mod refused;
mod schema;
mod understood;

use super::*;

/// Loads a text that must be fine.
fn loaded(text: &str) -> Loaded {
    parse_text(text.as_bytes()).unwrap_or_else(|error| panic!("{}", shown(&error)))
}

/// Returns all that is said about a text that must not load.
fn refused(text: impl AsRef<[u8]>) -> String {
    match parse_text(text.as_ref()) {
        Ok(loaded) => panic!("loaded: {loaded:#?}"),
        Err(error) => shown(&error),
    }
}

fn shown(error: &ConfigError) -> String {
    match error {
        ConfigError::Invalid { diagnostics } => findings(diagnostics),
        other => other.to_string(),
    }
}

/// Shows findings, one a line: `line:column+length severity: message (hint)`.
fn findings(diagnostics: &[Diagnostic]) -> String {
    let line = |found: &Diagnostic| {
        let place = found.location.map(|at| format!("{}:{}+{} ", at.line, at.column, at.length));
        let hint = found.hint.as_ref().map(|hint| format!("\n    {hint}"));
        let severity = format!("{:?}", found.severity).to_lowercase();
        format!("{}{severity}: {}{}", place.unwrap_or_default(), found.message, hint.unwrap_or_default())
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns a file with one graph of these tasks; both parts are indented here.
fn project(graph: &str, tasks: &str) -> String {
    let indent = |text: &str, by: &str| {
        text.trim_matches('\n').lines().map(|line| format!("{by}{line}\n")).collect::<String>()
    };
    format!("graphs:\n  g:\n    tasks:\n{}tasks:\n{}", indent(graph, "      "), indent(tasks, "  "))
}
