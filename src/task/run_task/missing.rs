//! A failed task that looked for a file which another task makes: the hint says so.
//!
//! Only files of direct dependencies are put back before a task runs, so a
//! dependency that is not declared shows itself when its file is not there.

use crate::model::Task;
use crate::task::work::Shared;

/// Returns a hint where the last lines of a log name an absent file of a task that is no dependency.
pub fn hint(shared: &Shared<'_>, task: &Task, log_tail: &[String]) -> Option<String> {
    let graph = &shared.run.plan.graph;
    let others = graph.tasks.keys().filter(|name| **name != task.name && !task.deps.contains(name));
    for other in others {
        let files = shared.known.current_files(other);
        let named = files.iter().find(|file| {
            let is_named = log_tail.iter().any(|line| names(line, &file.path));
            is_named && !shared.folder.path(&file.path).exists()
        });
        if let Some(file) = named {
            let path = &file.path;
            return Some(format!(
                "`{path}`, which its log names, is made by `{other}` and is not here; add `{other}` to the deps of `{}`",
                task.name
            ));
        }
    }
    None
}

/// Tells whether a line holds a path as a whole, perhaps behind folders.
fn names(line: &str, path: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    line.match_indices(path).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + path.len()..].chars().next());
        !before.is_some_and(|c| part_of_name(c) || c == '.') && !after.is_some_and(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_named_as_a_whole() {
        assert!(names("cannot open file '/x/scratch/main/a.csv': No such file", "a.csv"));
        assert!(names("no a.csv.", "a.csv"));
        assert!(!names("no data.csv", "a.csv") && !names("a.csvx", "a.csv"));
    }
}
