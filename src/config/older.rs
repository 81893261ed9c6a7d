//! Fields that older versions knew.
//!
//! Those of 0.1 that mean nothing any more are accepted with one note, so that
//! old projects run as they are; those whose work nothing does are refused by
//! name, with what to do instead.

use super::node::{Key, Node};
use super::report::Report;

/// A field that is accepted and has no effect: which struct, its name, why.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("settings", "db", "state is kept beside the repository, in no other database"),
    ("settings", "imports_slot", "the generated runner imports no tasks"),
    ("settings", "logging", "each task's log is kept; see `kptn output TASK`"),
    ("settings", "storage_key", "the git branch tells states apart; `outputs_dir` moves outputs"),
    ("settings", "branch", "the branch is git's own"),
];

/// A field that is refused: which struct, its name, what is so, what to do.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "a task",
        "duckdb_checkpoint",
        "`duckdb_checkpoint` is not supported",
        "let the task write its database as an output, or set `keep: true` on a task that updates one in place",
    ),
    (
        "a task",
        "wrapper",
        "`wrapper` is not supported",
        "put what it does into the task's script, or before `Rscript` with `prefix_args`",
    ),
    ("a task", "r_script", "`r_script` is now `file`", "write `file: path/to/script.R`"),
    ("a task", "py_script", "`py_script` is now `file`", "write `file: path/to/script.py:function`"),
    (
        "a task",
        "deps",
        "what a task depends on belongs to a graph",
        "write `graphs: {G: {tasks: {TASK: [deps]}}}`",
    ),
    (
        "kptn.yaml",
        "profiles",
        "`profiles` belongs to kptn 0.2, whose files this version does not read",
        "give each profile a graph with `extends` and its own `config`",
    ),
    ("kptn.yaml", "pipelines", "`pipelines` is called `graphs`", "rename it to `graphs`"),
];

/// Tells whether `key` of the struct `of` is an older field; if so, says what about it.
pub(super) fn take(of: &str, key: &Key, _node: &Node, report: &mut Report) -> bool {
    if let Some((_, name, why)) = ACCEPTED.iter().find(|(s, name, _)| *s == of && *name == key.text) {
        report.note(Some(key.place), format!("`{name}` has no effect any more")).hint =
            Some((*why).to_owned());
        return true;
    }
    if let Some((.., problem, remedy)) = REFUSED.iter().find(|(s, name, ..)| *s == of && *name == key.text) {
        report.error(Some(key.place), *problem).hint = Some((*remedy).to_owned());
        return true;
    }
    false
}
