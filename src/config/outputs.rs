//! Outputs: paths that stay below the output folder and have one owner.

use std::collections::{HashMap, HashSet};

use super::report::Report;
use crate::model::{Graph, Location, Task, Template};

/// Returns a path below the output folder without `./` and doubled slashes; absent where it leaves the folder.
pub(super) fn plain(text: &str, place: Option<Location>, what: &str, report: &mut Report) -> Option<String> {
    let refuse = |report: &mut Report, problem: &str, hint: &str| {
        report.error(place, format!("the {what} `{text}` {problem}")).hint = Some(hint.to_owned());
        None
    };
    let relative = "paths are relative to the output folder: write `table.csv` or `plots/map.png`";
    if text.starts_with("duckdb://") {
        let hint = "list the database's file as the output; tasks that update one in place say `keep: true`";
        return refuse(report, "is a table, and tables as outputs are not supported", hint);
    }
    if text.contains("://") {
        return refuse(
            report,
            "is not below the output folder",
            "outputs are local files; a probe in `inputs` can watch what is elsewhere",
        );
    }
    if text.contains('\\') {
        return refuse(report, "has a backslash", "write `/` between folders, on every system");
    }
    let drive = text.as_bytes().get(1) == Some(&b':') && text.as_bytes()[0].is_ascii_alphabetic();
    if text.starts_with(['/', '~']) || drive || text.split('/').any(|part| part == "..") {
        return refuse(report, "leaves the output folder", relative);
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return refuse(report, "holds white space at an end, or a control character", relative);
    }
    let mut parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() {
        return refuse(
            report,
            "is the whole output folder",
            "name a file, a folder in it, or a glob such as `*.csv`",
        );
    }
    if what == "output" && has_open_bracket(text) {
        return refuse(
            report,
            "has a `[` that nothing closes",
            "write `[[]` for a bracket that is meant as such",
        );
    }
    if what == "output" && (parts[0] == ".kept" || parts == [".gitignore"]) {
        return refuse(report, "is a name that kptn uses itself", "choose another");
    }
    if text.ends_with('/') {
        parts.push("");
    }
    Some(parts.join("/"))
}

/// Tells whether a pattern has a set of characters without an end; the first character of a set may be `]`.
fn has_open_bracket(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('[') {
        let set = after.strip_prefix(['!', '^']).unwrap_or(after);
        let Some((at, _)) = set.char_indices().skip(1).find(|(_, c)| *c == ']') else { return true };
        rest = &set[at + 1..];
    }
    false
}

/// Checks that no two tasks claim one path: the same file, or a file in the other's folder.
pub(super) fn owners(graph: &Graph, report: &mut Report) {
    let claimed = |task: &Task| {
        let names = |(position, output): (usize, &Template)| {
            let known = output.variables().all(|name| task.map_over.iter().any(|item| item == name));
            let literal = known && !output.as_str().contains(['*', '?', '[']);
            literal.then(|| (output.as_str().to_owned(), position))
        };
        task.outputs.iter().enumerate().filter_map(names).collect::<Vec<_>>()
    };
    let mut owner: HashMap<String, &Task> = HashMap::new();
    let mut all = Vec::new();
    for task in graph.tasks.values() {
        for (path, position) in claimed(task) {
            let place = task.places.get(&format!("outputs[{position}]")).copied();
            let key = path.trim_end_matches('/').to_owned();
            match owner.get(&key) {
                Some(first) if first.name != task.name => two_owners(&path, first, task, place, report),
                _ => drop(owner.insert(key.clone(), task)),
            }
            all.push((key, task, place));
        }
    }
    let mut told = HashSet::new();
    for (path, task, place) in all {
        for (at, _) in path.match_indices('/') {
            let folder = &path[..at];
            if let Some(other) = owner.get(folder).filter(|other| other.name != task.name)
                && told.insert((path.clone(), task.name.clone()))
            {
                let message =
                    format!("`{}` writes `{path}` into the output `{folder}` of `{}`", task.name, other.name);
                report.error(place, message).hint =
                    Some("every path has one owner; choose another folder".into());
            }
        }
    }
}

fn two_owners(path: &str, first: &Task, second: &Task, place: Option<Location>, report: &mut Report) {
    let message = format!("`{}` and `{}` both write `{path}`", first.name, second.name);
    report.error(place, message).hint = Some("every path has one owner; rename one of the outputs".into());
}
