//! What Python and R really use: where their packages are, and which lock files name them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::finding;
use crate::fingerprint::{Memo, Plain, Seen, lockfile_names};
use crate::model::{Interpreter, Language, LockfilePolicy};
use crate::ops::Session;
use crate::ops::report::{Finding, Health};
use crate::process::{Launch, run_captured};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where Python finds packages, and whether that is an environment of the project's own.
pub fn python_packages(session: &Session, python: &Interpreter) -> Finding {
    let ask =
        "import sys, sysconfig; print(sysconfig.get_path('purelib')); print(sys.prefix != sys.base_prefix)";
    let what = "python packages";
    match said(session, python, &["-c", ask]).as_deref() {
        Ok([folder, own]) if own == "True" => {
            finding(what, format!("{folder}, a virtual environment"), Health::Good, None)
        }
        Ok([folder, _]) => {
            let hint = "`python3 -m venv .venv` gives the project its own; kptn finds it there";
            finding(what, format!("{folder}, shared by all projects"), Health::Good, Some(hint))
        }
        Ok(_) => finding(what, "it does not tell".to_owned(), Health::Warning, None),
        Err(error) => finding(what, error.clone(), Health::Bad, Some("set `settings.python`")),
    }
}

/// Where R finds packages, once it has read what a task's R reads.
pub fn r_libraries(session: &Session, r: &Interpreter) -> Finding {
    let ask = "cat('kptn:', Sys.getenv('RENV_PROJECT'), '\\n', sep = ''); cat(.libPaths(), sep = '\\n')";
    let what = "R libraries";
    let lines = match said(session, r, &["-e", ask]) {
        Ok(lines) => lines,
        Err(error) => return finding(what, error, Health::Bad, Some("look at the project's `.Rprofile`")),
    };
    // What `.Rprofile` prints comes first.
    let ours = lines.iter().position(|line| line.starts_with("kptn:")).unwrap_or(0);
    let renv = lines.get(ours).is_some_and(|line| line.len() > "kptn:".len());
    let folders = lines.get(ours + 1..).unwrap_or_default().join(", ");
    let locked = session.project.root.join("renv.lock").is_file();
    match (locked, renv) {
        (_, true) => finding(what, format!("{folders} (renv)"), Health::Good, None),
        (true, false) => {
            let hint = "`renv::activate()` writes the `.Rprofile` that switches renv on";
            let found = format!("{folders}; there is an `renv.lock`, but renv is off");
            finding(what, found, Health::Warning, Some(hint))
        }
        (false, false) => finding(what, folders, Health::Good, None),
    }
}

/// Which lock files count, and what a change in them does.
pub fn lock_files(session: &Session) -> Finding {
    let folders = [Some(session.project.root.as_path()), session.project.config_path.parent()];
    let mut found = BTreeSet::new();
    for folder in folders.into_iter().flatten() {
        for name in lockfile_names(Language::Python).chain(lockfile_names(Language::R)) {
            if name.contains('*') {
                found.extend(Plain.list(folder, name).unwrap_or_default());
            } else if matches!(Plain.look(&folder.join(name)), Ok(Seen::File { .. })) {
                found.insert(folder.join(name));
            }
        }
    }
    let names: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(&session.project.root).unwrap_or(path).display().to_string())
        .collect();
    if names.is_empty() {
        let hint = "with one (`renv::snapshot()`, `uv lock`, `pip freeze > requirements.txt`) a new version of a \
                    package makes stale what uses it";
        return finding("lock files", "none".to_owned(), Health::Good, Some(hint));
    }
    let does = match session.project.settings.lockfiles {
        LockfilePolicy::Stale => "a change makes stale what uses it",
        LockfilePolicy::Warn => "a change is said (`settings.lockfiles: warn`)",
        LockfilePolicy::Ignore => "changes are not looked at (`settings.lockfiles: ignore`)",
    };
    finding("lock files", format!("{}; {does}", names.join(", ")), Health::Good, None)
}

/// Returns the lines that an interpreter prints in the project's root, else what is wrong.
fn said(session: &Session, program: &Interpreter, words: &[&str]) -> Result<Vec<String>, String> {
    let launch = Launch::new(&program.path).arguments(words).folder(&session.project.root);
    let captured = run_captured(&launch, PATIENCE).map_err(|error| error.to_string())?;
    if captured.ended.is_success() {
        Ok(captured.text().lines().map(str::to_owned).collect())
    } else {
        Err(format!("{}: {}", program.path.display(), captured.complaint()))
    }
}
