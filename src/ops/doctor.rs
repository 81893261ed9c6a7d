//! `doctor`: what kptn finds on this machine, and what to do about it.

use std::path::{Path, PathBuf};

use super::Session;
use super::report::{Finding, Health};
use super::survey::environment;
use crate::model::{Interpreter, Language};
use crate::process;

/// Looks at interpreters, git, the store and the programs on PATH.
pub fn doctor(session: &Session) -> Vec<Finding> {
    let interpreters =
        process::find_interpreters(&session.project, &environment, &process::AlwaysAsk).interpreters;
    let needs = |language| {
        session
            .project
            .graphs
            .values()
            .flat_map(|graph| graph.tasks.values())
            .any(|task| task.script.language == language)
    };
    let mut found = vec![
        finding("kptn", program(), Health::Good, None),
        finding("project", session.project.root.display().to_string(), Health::Good, None),
        interpreter(
            "python",
            interpreters.python.as_ref(),
            true,
            "install Python 3, or set `settings.python`",
        ),
        interpreter("R", interpreters.r.as_ref(), needs(Language::R), "install R, or set `settings.rscript`"),
        git(session),
        store(session),
        outputs(session),
    ];
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

fn store(session: &Session) -> Finding {
    let root = session.store_root().display().to_string();
    match session.state() {
        Ok(_) => finding("store", root, Health::Good, None),
        Err(error) => {
            let found = format!("{root}: {error}");
            finding(
                "store",
                found,
                Health::Bad,
                Some("set `KPTN_STORE` or `settings.store` to a folder you may write to"),
            )
        }
    }
}

fn outputs(session: &Session) -> Finding {
    let folder = session.outputs_dir.display().to_string();
    if same_device(existing(&session.outputs_dir), existing(session.store_root())) {
        return finding("outputs", folder, Health::Good, None);
    }
    let hint = "put the store on the same file system (`settings.store`), so that files need not be copied";
    finding(
        "outputs",
        format!("{folder}, on another file system than the store"),
        Health::Warning,
        Some(hint),
    )
}

/// Returns the nearest folder above that exists.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

#[cfg(unix)]
fn same_device(one: PathBuf, other: PathBuf) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: PathBuf| path.metadata().map(|meta| meta.dev()).ok();
    device(one) == device(other)
}

#[cfg(not(unix))]
fn same_device(_: PathBuf, _: PathBuf) -> bool {
    true
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
