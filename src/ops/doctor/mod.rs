//! `doctor`: what kptn finds on this machine, and what to do about it.
//!
//! Everything is looked at anew; programs are asked what they really use, in
//! the project's folder, so that its `.Rprofile` and `.venv` count.

mod languages;
mod places;

use super::Session;
use super::hooks::HookState;
use super::report::{Finding, Health};
use crate::model::{Interpreter, Language};
use crate::ops::survey::environment;
use crate::process;

/// Looks at interpreters, packages, git, the store and the programs on PATH.
pub fn doctor(session: &Session) -> Vec<Finding> {
    let interpreters =
        process::find_interpreters(&session.project, &environment, &process::AlwaysAsk).interpreters;
    let uses = |language| {
        let graphs = session.project.graphs.values();
        graphs.flat_map(|graph| graph.tasks.values()).any(|task| task.script.language == language)
    };
    let (python, r) = (interpreters.python.as_ref(), interpreters.r.as_ref());
    let mut found = vec![
        finding("kptn", program(), Health::Good, None),
        finding("project", session.project.root.display().to_string(), Health::Good, None),
        interpreter("python", python, true, "install Python 3, or set `settings.python`"),
    ];
    found.extend(
        python.filter(|_| uses(Language::Python)).map(|one| languages::python_packages(session, one)),
    );
    found.push(interpreter("R", r, uses(Language::R), "install R, or set `settings.rscript`"));
    found.extend(r.filter(|_| uses(Language::R)).map(|one| languages::r_libraries(session, one)));
    found.push(languages::lock_files(session));
    found.push(git(session));
    found.extend(session.repository.as_ref().map(|_| hooks(session)));
    found.extend([places::store(session), places::outputs(session)]);
    found.extend(foreign_programs());
    found
}

fn finding(what: &str, found: String, health: Health, hint: Option<&str>) -> Finding {
    Finding { what: what.to_owned(), found, health, hint: hint.map(str::to_owned) }
}

fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    format!("{} at {}", env!("CARGO_PKG_VERSION"), path.display())
}

fn interpreter(what: &str, found: Option<&Interpreter>, needed: bool, hint: &str) -> Finding {
    match found {
        Some(found) => {
            finding(what, format!("{} at {}", found.version, found.path.display()), Health::Good, None)
        }
        None if needed => finding(what, "not found".to_owned(), Health::Bad, Some(hint)),
        None => finding(what, "not found, and no task needs it".to_owned(), Health::Good, None),
    }
}

fn git(session: &Session) -> Finding {
    match &session.repository {
        Some(repository) => {
            let found = format!("branch {} in {}", session.head.branch, repository.root().display());
            finding("git", found, Health::Good, None)
        }
        None => {
            let hint = "run `git init` to keep a state per branch";
            finding("git", "no repository".to_owned(), Health::Warning, Some(hint))
        }
    }
}

/// Whether git tells kptn of branches, merges and pushes.
fn hooks(session: &Session) -> Finding {
    let what = "git hooks";
    let report = match super::hooks::status(session) {
        Ok(report) => report,
        Err(error) => {
            return finding(what, error.to_string(), Health::Warning, Some("`kptn hooks status` tells more"));
        }
    };
    let folder = report.folder.display();
    let are = |state: fn(&HookState) -> bool| report.hooks.iter().filter(|hook| state(&hook.state)).count();
    let managed = are(|state| matches!(state, HookState::Managed { .. }));
    let (ours, outdated) = (
        are(|state| matches!(state, HookState::Current | HookState::Outdated)),
        are(|state| matches!(state, HookState::Outdated)),
    );
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).ok();
    let another = report.program.as_ref().filter(|program| program.canonicalize().ok() != own);
    let again = Some("`kptn hooks install` mends that");
    match another {
        _ if managed > 0 => {
            let hint = "have it call `kptn hook NAME \"$@\"`, as docs/guides/hooks.md shows";
            finding(what, format!("left to a hook manager, in {folder}"), Health::Good, Some(hint))
        }
        _ if ours == 0 => {
            let hint = "`kptn hooks install`: then a new branch starts with its parent's finished work";
            finding(what, "not installed".to_owned(), Health::Good, Some(hint))
        }
        Some(program) if report.program_found => {
            let found = format!("in {folder}, calling another kptn: {}", program.display());
            finding(what, found, Health::Warning, again)
        }
        Some(program) => {
            let found = format!("in {folder}, calling {}, which is not there", program.display());
            finding(what, found, Health::Warning, again)
        }
        None if outdated > 0 || ours < report.hooks.len() => {
            let found = format!("in {folder}, some of them of another kptn or missing");
            finding(what, found, Health::Warning, again)
        }
        None => finding(what, format!("installed in {folder}"), Health::Good, None),
    }
}

/// Names programs called `kptn` on PATH that are not this one; the older Python tool has that name.
fn foreign_programs() -> Vec<Finding> {
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("kptn"))
        .filter(|program| program.is_file() && program.canonicalize().ok() != own)
        .map(|program| {
            let script = std::fs::read(&program).is_ok_and(|bytes| bytes.starts_with(b"#!"));
            let kind = if script {
                "another program (a script, perhaps the older Python kptn)"
            } else {
                "another program"
            };
            let hint = "remove it (`pip uninstall kptn` for the older one) or put this one before it on PATH";
            finding("kptn on PATH", format!("{kind} at {}", program.display()), Health::Warning, Some(hint))
        })
        .collect()
}
