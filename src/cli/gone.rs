//! What older versions of kptn could be told, and how one says it now.
//!
//! kptn 0.1 and 0.2 were Python programs; the words here are theirs. A word
//! that still means the same is an alias of its command instead.

use super::paint::Tone;

/// Returns how one does now what a command of kptn 0.1 or 0.2 did.
pub fn command(word: &str) -> Option<&'static str> {
    Some(match word {
        "validate" => "`kptn check` does this",
        "ls" => "`kptn status` lists the tasks and how they stand",
        "version" => "`kptn --version` prints it",
        "fetch" => "`kptn restore TASK` puts a task's files into the output folder",
        "lineage" => "`kptn graph` draws the tasks; SQL tasks are not supported any more",
        "ui" | "serve" | "backend" | "watch-files" => {
            "nothing has to be served: `kptn status` and `kptn why TASK` say what the page showed"
        }
        "serve-docker" | "build" => {
            "`kptn docker build` makes the image that `docker_image` in `kptn.yaml` names"
        }
        "codegen-infra" | "bundle-decider" => {
            "`kptn render` writes what an engine needs; workers ask `kptn task run`, so no decider is built"
        }
        "flow" | "exec" => "`kptn run [GRAPH] [TASK…]` runs a graph or some of its tasks",
        _ => return None,
    })
}

/// Returns how one does now what an option of kptn 0.1 or 0.2 did.
pub fn flag(word: &str) -> Option<&'static str> {
    let name = word.split(['=', ' ']).next().unwrap_or(word);
    Some(match name {
        "-p" | "--project-dir" => "`-C DIR` names the project's folder",
        "--local" => "`kptn run` always runs here",
        "--follow" => "`-v` shows tasks' own lines, and `kptn output TASK -f` follows one task",
        "--pipeline" => "`-g GRAPH` names the graph",
        "--emit-vanilla-runner" | "--no-emit-vanilla-runner" => "the Python runner is always written",
        "--profile"
        | "--region"
        | "--state-machine"
        | "--stack-param-name"
        | "--launch-type"
        | "--subnet-id"
        | "--security-group-id" => "`kptn run` runs here; an engine runs what `kptn render` writes",
        "--record" | "--no-record" => "every finished task is recorded",
        "--subset" => "`kptn run TASK --item ITEM` runs some items of a task",
        _ => return None,
    })
}

/// Returns the whole message.
pub fn message(what: &str, word: &str, way: &str) -> String {
    format!(
        "{} the {what} `{word}` of an older kptn is gone\n{} {way}\n",
        Tone::Bad.paint("error:"),
        Tone::Hint.paint("hint:")
    )
}
