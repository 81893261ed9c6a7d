//! Asks the `git` program, for repositories that libgit2 cannot open.
//!
//! Looking takes no locks, starts no monitor and takes paths literally. Answers
//! are those of `super`, whichever way they come. Once found, a repository is
//! named to git by its own folder and worktree, whatever the environment of a
//! hook says and wherever git is started.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::GitError;
use crate::process::{Captured, Launch, ProcessError, run_captured};

/// How many paths go into one command: system calls have a longest argument list.
const AT_ONCE: usize = 500;

/// How long git may take; looking at a huge worktree over a network is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a hook's environment says of the repository that it was called in.
const OF_A_HOOK: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"];

/// By what a repository is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// By the folder that is asked about.
    Folder,
    /// By `GIT_DIR`.
    Environment,
}

/// A repository and the worktree that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) worktree: PathBuf,
    git_dir: PathBuf,
}

/// What was found.
pub(super) struct Places {
    pub(super) root: PathBuf,
    pub(super) common: PathBuf,
    pub(super) place: Place,
}

impl Place {
    /// Names a worktree and git's own folder for it.
    pub(super) fn new(worktree: &Path, git_dir: &Path) -> Self {
        Self { worktree: worktree.to_owned(), git_dir: git_dir.to_owned() }
    }

    /// Runs `git` there and returns what it said, less the last line's end.
    pub(super) fn said<S: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = S>,
    ) -> Result<String, GitError> {
        let launch = launch(&self.worktree)
            .variable("GIT_DIR", self.git_dir.as_os_str())
            .variable("GIT_WORK_TREE", self.worktree.as_os_str());
        answer(&self.worktree, launch, words)
    }
}

/// Returns where a repository is; absent where there is no worktree.
pub(super) fn places(start: &Path, lookup: Lookup) -> Result<Option<Places>, GitError> {
    let folder = if start.is_dir() { start } else { start.parent().unwrap_or(start) };
    let ask = |words: &[&str]| {
        let launch = match lookup {
            Lookup::Folder => OF_A_HOOK.iter().fold(launch(folder), |launch, name| launch.without(name)),
            // It may be relative to the folder that we were started in.
            Lookup::Environment => Launch { folder: None, ..launch(folder) },
        };
        answer(folder, launch, words)
    };
    let path = |what: &str| ask(&["rev-parse", "--path-format=absolute", what]).map(PathBuf::from);
    if ask(&["rev-parse", "--is-inside-work-tree"])? != "true" {
        return Ok(None);
    }
    let root = path("--show-toplevel")?;
    let place = Place::new(&root, &path("--absolute-git-dir")?);
    Ok(Some(Places { root, common: path("--git-common-dir")?, place }))
}

/// Returns the branch's full reference name (absent where detached) and the commit (absent where unborn).
pub(super) fn head(place: &Place) -> Result<(Option<String>, Option<String>), GitError> {
    // Both fail quietly where there is nothing to say.
    let reference = place.said(["symbolic-ref", "--quiet", "HEAD"]).ok();
    let commit = place.said(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).ok();
    if reference.is_none() && commit.is_none() {
        place.said(["rev-parse", "--git-dir"])?;
    }
    Ok((reference, commit))
}

/// Returns those of these files, relative to the root, that are not as the commit has them.
pub(super) fn dirty(place: &Place, files: &[&Path]) -> Result<BTreeSet<PathBuf>, GitError> {
    let mut found = BTreeSet::new();
    for some in files.chunks(AT_ONCE) {
        let fixed = [
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignored=matching",
            "--",
        ];
        let words = fixed.iter().map(OsStr::new).chain(some.iter().map(|file| file.as_os_str()));
        // Two letters and a space before each.
        let said = place.said(words)?;
        found.extend(said.split('\0').filter_map(|entry| entry.get(3..)).map(PathBuf::from));
    }
    Ok(found)
}

/// Returns the tracked files at or below a folder, relative to the worktree's root.
pub(super) fn tracked_below(place: &Place, folder: &Path) -> Result<Vec<PathBuf>, GitError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let words: [&OsStr; 4] = ["ls-files".as_ref(), "-z".as_ref(), "--".as_ref(), folder.as_os_str()];
    Ok(place.said(words)?.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect())
}

/// Runs `git` in a worktree with variables of the environment, and returns what it said.
pub(super) fn said_in<S: AsRef<OsStr>>(
    root: &Path,
    variables: &[(&str, &OsStr)],
    words: impl IntoIterator<Item = S>,
) -> Result<String, GitError> {
    let set = |launch: Launch, (name, value): &(&str, &OsStr)| launch.variable(name, value);
    answer(root, variables.iter().fold(launch(root), set), words)
}

/// Looking must not write, and must not start what the repository's configuration names.
fn launch(folder: &Path) -> Launch {
    Launch::new("git")
        .arguments(["--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false"])
        .folder(folder)
        .variable("LC_ALL", "C")
}

fn answer<S: AsRef<OsStr>>(
    folder: &Path,
    launch: Launch,
    words: impl IntoIterator<Item = S>,
) -> Result<String, GitError> {
    let words: Vec<S> = words.into_iter().collect();
    let said = run_captured(&launch.arguments(&words), PATIENCE)
        .map_err(|source: ProcessError| GitError::NoProgram { path: folder.to_owned(), source })?;
    if said.ended.is_success() {
        return Ok(said.text());
    }
    let command = words.first().map(|word| word.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
    Err(refused(folder, command, &said))
}

fn refused(path: &Path, command: String, said: &Captured) -> GitError {
    let errors = String::from_utf8_lossy(&said.errors);
    if errors.contains("dubious ownership") {
        return GitError::NotTrusted { path: path.to_owned() };
    }
    GitError::Program {
        path: path.to_owned(),
        command,
        message: what_is_wrong(&errors).unwrap_or_else(|| said.complaint()),
    }
}

/// Returns the line that says what is wrong, and the one that it announces; what else follows is advice.
fn what_is_wrong(errors: &str) -> Option<String> {
    let mut lines = errors.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.find_map(|line| line.strip_prefix("fatal: "))?;
    let next = lines.next().filter(|_| first.ends_with(':'));
    Some(next.map_or_else(|| first.to_owned(), |next| format!("{first} {next}")))
}
