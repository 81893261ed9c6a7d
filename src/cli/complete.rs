//! Completions that know this project's tasks and this repository's branches.
//!
//! The shell asks by calling `kptn` itself with `COMPLETE` set and the words that
//! were typed so far: `-C`, `--config` and `-g` among them count. Where there is
//! no project, or its `kptn.yaml` cannot be read, there is nothing to suggest:
//! a completion never shows an error.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Arguments;
use crate::ops::{Start, names};

/// Answers a shell that asks for completions; tells whether one did.
pub fn answered() -> bool {
    if std::env::var_os("COMPLETE").is_none() {
        return false;
    }
    let here = std::env::current_dir().ok();
    let asked =
        CompleteEnv::with_factory(Arguments::command).try_complete(std::env::args_os(), here.as_deref());
    asked.unwrap_or(true)
}

/// Returns what a shell has to read once, so that it asks from then on; absent for a shell that cannot.
pub fn registration(shell: &str) -> Option<Vec<u8>> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    shells.completer(shell)?.write_registration("COMPLETE", "kptn", "kptn", "kptn", &mut script).ok()?;
    Some(script)
}

/// Suggests tasks.
pub fn tasks() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, Typed::now().tasks()))
}

/// Suggests tasks, and files.
pub fn tasks_and_files() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let now = Typed::now();
        let mut all = candidates(typed, now.tasks());
        all.extend(PathCompleter::any().current_dir(&now.start.folder).complete(typed));
        all
    })
}

/// Suggests graphs and tasks, also behind `+`.
pub fn selection() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let now = Typed::now();
        // A graph was named already.
        let graphs = if now.graph.is_some() { Vec::new() } else { names::graphs(&now.start) };
        let all = [graphs, now.tasks()].concat();
        match typed.to_str().and_then(|text| text.strip_prefix('+')) {
            Some(rest) => {
                let after = candidates(OsStr::new(rest), all);
                after.into_iter().map(|one| one.add_prefix("+")).collect()
            }
            None => candidates(typed, all),
        }
    })
}

/// Suggests graphs.
pub fn graphs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, names::graphs(&Typed::now().start)))
}

/// Suggests branches.
pub fn branches() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(typed, names::branches(&Typed::now().start)))
}

/// What of the words that were typed so far says which project and graph are meant.
struct Typed {
    start: Start,
    graph: Option<String>,
}

impl Typed {
    fn now() -> Self {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        // The shell's words come after a `--`; the first is the program.
        let words = std::env::args_os().skip_while(|word| word != "--").skip(2);
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        Self::of(&words, here)
    }

    fn of(words: &[String], here: PathBuf) -> Self {
        let path = |text: String| match (text.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(text),
        };
        let folder = match value_of(words, "-C", "--project") {
            Some(folder) => here.join(path(folder)),
            None => here,
        };
        let config = value_of(words, "", "--config").map(|text| folder.join(path(text)));
        let graph = value_of(words, "-g", "--graph").filter(|graph| !graph.is_empty());
        Self { start: Start { folder, config, branch: None }, graph }
    }

    fn tasks(&self) -> Vec<String> {
        names::tasks(&self.start, self.graph.as_deref())
    }
}

/// Returns the value of a flag, without the shell's quotes: `-C DIR`, `-CDIR`, `--project DIR`, `--project=DIR`.
fn value_of(words: &[String], short: &str, long: &str) -> Option<String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let glued = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let glued =
            glued.or_else(|| word.strip_prefix(short).filter(|rest| !short.is_empty() && !rest.is_empty()));
        let value = match glued {
            Some(value) => Some(value),
            None if word == long || (word == short) => words.next().map(String::as_str),
            None => None,
        };
        if let Some(value) = value {
            let plain =
                shlex::split(value).filter(|parts| parts.len() == 1).and_then(|mut parts| parts.pop());
            return Some(plain.unwrap_or_else(|| value.to_owned()));
        }
    }
    None
}

fn candidates(typed: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().into_owned();
    let fitting = names.into_iter().filter(|name| name.starts_with(&typed));
    fitting.map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_were_typed_say_where_and_which() {
        let typed = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let typed = Typed::of(&words, PathBuf::from("/here"));
            let config = typed.start.config.map(|path| path.display().to_string()).unwrap_or_default();
            (typed.start.folder.display().to_string(), config, typed.graph.unwrap_or_default())
        };
        let found = |folder: &str, config: &str, graph: &str| (folder.into(), config.into(), graph.into());
        assert_eq!(typed(&["run", ""]), found("/here", "", ""));
        assert_eq!(typed(&["-C", "a", "run", "-g", "g", ""]), found("/here/a", "", "g"));
        assert_eq!(typed(&["run", "-Ca", "--graph=g"]), found("/here/a", "", "g"));
        assert_eq!(
            typed(&["--project", "'a b'", "--config", "x.yaml"]),
            found("/here/a b", "/here/a b/x.yaml", "")
        );
        assert_eq!(typed(&["--config=/x.yaml", "-C"]), found("/here", "/x.yaml", ""));
    }
}
