//! `doctor`: what kptn finds on this machine, and what to do about it.
//!
//! Everything is looked at anew; programs are asked what they really use, in
//! the project's folder, so that its `.Rprofile` and `.venv` count.

mod languages;
mod places;

use super::Session;
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
    found.extend([git(session), places::store(session), places::outputs(session)]);
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
