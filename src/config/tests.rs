//! Whole files: what they become, and what is said about the broken ones.

use super::*;
use crate::model::*;

fn loaded(text: &str) -> Loaded {
    parse_text(text.as_bytes()).unwrap_or_else(|error| panic!("{}", shown(&error)))
}

/// Shows all findings, one a line: `line:column severity: message (hint)`.
fn findings(diagnostics: &[Diagnostic]) -> String {
    let line = |found: &Diagnostic| {
        let place =
            found.location.map_or(String::new(), |at| format!("{}:{}+{} ", at.line, at.column, at.length));
        let hint = found.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        format!("{place}{:?}: {}{hint}", found.severity, found.message)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn shown(error: &ConfigError) -> String {
    match error {
        ConfigError::Invalid { diagnostics } => findings(diagnostics),
        other => other.to_string(),
    }
}

#[expect(dead_code, reason = "the next commit uses it")]
fn refused(text: &str) -> String {
    match parse_text(text.as_bytes()) {
        Ok(loaded) => panic!("loaded: {loaded:#?}"),
        Err(error) => shown(&error),
    }
}

fn name(text: &str) -> TaskName {
    TaskName::parse(text).unwrap()
}

#[test]
fn the_first_example_of_the_readme_is_understood() {
    let project = loaded(
        r#"
graphs:
  example:
    tasks:
      A:
      B: A
      C: [A, B]
      D: {deps: [C], args: {year: 2024}}
      E: []
tasks:
  A: {file: "A/run.R", outputs: ["A.csv"]}
  B: {file: "B/run.R", outputs: ["B.csv"]}
  C: {file: C/run.py, outputs: ["C.csv"]}
  D: {file: "tasks.py:make", args: {year: 2023, keep: NO}}
  E: {file: true}
  F: {file: f.R}
"#,
    )
    .project;
    let graph = &project.graphs[0];
    let deps = |task: &str| graph.tasks[&name(task)].deps.iter().map(TaskName::as_str).collect::<Vec<_>>();
    assert_eq!(deps("A"), [""; 0]);
    assert_eq!(deps("B"), ["A"]);
    assert_eq!(deps("C"), ["A", "B"]);
    let d = &graph.tasks[&name("D")];
    assert_eq!(d.script.function.as_deref(), Some("make"));
    assert_eq!(d.args["year"], Argument::Value(2024.into()));
    assert_eq!(d.args["keep"], Argument::Value("NO".into()));
    assert_eq!(graph.tasks[&name("E")].script.file.as_str(), "E.py");
    assert_eq!(graph.tasks[&name("C")].script.function.as_deref(), Some("C"));
    assert_eq!(project.unused_tasks, [name("F")]);
    assert_eq!(graph.tasks[&name("B")].places["deps.A"], Location { line: 6, column: 10, length: 1 });
}
