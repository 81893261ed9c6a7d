//! Asks the `git` program, for repositories that libgit2 cannot open.
//!
//! Looking takes no locks, starts no monitor and takes paths literally. Answers
//! are those of `super`, whichever way they come.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::GitError;
use crate::process::{Launch, run_captured};

/// How many paths go into one command: system calls have a longest argument list.
const AT_ONCE: usize = 500;

/// How long git may take; looking at a huge worktree over a network is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the worktree's root and the common folder; absent where there is no worktree.
pub(super) fn places(start: &Path) -> Result<Option<(PathBuf, PathBuf)>, GitError> {
    let folder = if start.is_dir() { start } else { start.parent().unwrap_or(start) };
    let ask = |what: &str| said(folder, ["rev-parse", "--path-format=absolute", what]);
    if said(folder, ["rev-parse", "--is-inside-work-tree"])? != "true" {
        return Ok(None);
    }
    Ok(Some((ask("--show-toplevel")?.into(), ask("--git-common-dir")?.into())))
}

/// Returns the branch's full reference name (absent where detached) and the commit (absent where unborn).
pub(super) fn head(root: &Path) -> Result<(Option<String>, Option<String>), GitError> {
    // Both fail quietly where there is nothing to say.
    let reference = said(root, ["symbolic-ref", "--quiet", "HEAD"]).ok();
    let commit = said(root, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).ok();
    if reference.is_none() && commit.is_none() {
        said(root, ["rev-parse", "--git-dir"])?;
    }
    Ok((reference, commit))
}

/// Returns whether one of these files, relative to the root, is not as the commit has it.
pub(super) fn is_dirty(root: &Path, files: &[&Path]) -> Result<bool, GitError> {
    for some in files.chunks(AT_ONCE) {
        let fixed = ["status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching", "--"];
        let words = fixed.iter().map(OsStr::new).chain(some.iter().map(|file| file.as_os_str()));
        if !said(root, words)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs `git` in a folder and returns what it said, less the last line's end.
fn said<S: AsRef<OsStr>>(folder: &Path, words: impl IntoIterator<Item = S>) -> Result<String, GitError> {
    let words: Vec<S> = words.into_iter().collect();
    // Looking must not write, and must not start what the repository's configuration names.
    let launch = Launch::new("git")
        .arguments(["--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false"])
        .arguments(&words)
        .folder(folder)
        .variable("LC_ALL", "C");
    let said = run_captured(&launch, PATIENCE)
        .map_err(|source| GitError::NoProgram { path: folder.to_owned(), source })?;
    if said.ended.is_success() {
        return Ok(said.text());
    }
    let command = words.first().map(|word| word.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
    Err(GitError::Program { path: folder.to_owned(), command, message: said.complaint() })
}

/// Returns the tracked files at or below a folder, relative to the worktree's root.
pub(super) fn tracked_below(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, GitError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let words: [&OsStr; 4] = ["ls-files".as_ref(), "-z".as_ref(), "--".as_ref(), folder.as_os_str()];
    Ok(said(root, words)?.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect())
}
