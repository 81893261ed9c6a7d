//! Branch, commit and places of the git repository around a project.
//!
//! libgit2 answers where it can; repositories that it cannot open (reftable,
//! SHA-256, partial clones) are asked through the `git` program, so `.git/HEAD`
//! is never parsed by hand. Inside a hook `GIT_DIR` says which repository it is.
//! Only where hooks are and which program they call is ever written
//! ([`Repository::set_hook_program`]). libgit2 stays in this file and folder.

mod branches;
mod commits;
mod dirty;
mod export;
mod hooks;
mod program;
mod reflog;
mod tracked;

pub use branches::Near;
pub use hooks::HooksFolder;

use std::path::{Path, PathBuf};

use crate::model::{BranchName, ProjectId, safe_folder_name};
use crate::process::ProcessError;

/// Why git could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// libgit2 failed at something that the program would fail at too.
    #[error("cannot read the git repository of `{}`", path.display())]
    Library { path: PathBuf, source: git2::Error },
    /// The `git` program is needed for this repository and could not be used.
    #[error("cannot use `git`, which is needed to read the repository of `{}`", path.display())]
    NoProgram { path: PathBuf, source: ProcessError },
    /// The `git` program failed.
    #[error("`git {command}` failed in `{}`: {message}", path.display())]
    Program { path: PathBuf, command: String, message: String },
    /// The repository belongs to somebody else, and git reads none of its settings.
    #[error("git does not trust the repository of `{}`, which belongs to another user", path.display())]
    NotTrusted { path: PathBuf },
}

/// What is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The branch; `detached/` and 12 digits of the commit where there is none.
    pub branch: BranchName,
    /// Whether there is no branch: in a rebase, a bisection, on many CI machines.
    pub detached: bool,
    /// The commit; absent before the first one.
    pub commit: Option<String>,
}

/// A repository with a worktree.
pub struct Repository {
    root: PathBuf,
    common: PathBuf,
    backend: Backend,
}

enum Backend {
    Library(git2::Repository),
    Program(program::Place),
}

impl Repository {
    /// Finds the repository that `start` lies in; absent where there is none, or one without a worktree.
    ///
    /// A `GIT_DIR` that is set counts where `start` lies in its worktree: a hook of one repository may call
    /// kptn in another, as superprojects do.
    pub fn discover(start: &Path) -> Result<Option<Self>, GitError> {
        if std::env::var_os("GIT_DIR").is_some() {
            let named = Self::opened(start, git2::Repository::open_from_env(), program::Lookup::Environment);
            match named {
                Ok(Some(repository)) if holds(repository.root(), start) => return Ok(Some(repository)),
                Ok(_) | Err(_) => {}
            }
        }
        Self::opened(start, git2::Repository::discover(start), program::Lookup::Folder)
    }

    fn opened(
        start: &Path,
        opened: Result<git2::Repository, git2::Error>,
        lookup: program::Lookup,
    ) -> Result<Option<Self>, GitError> {
        match opened {
            Ok(repository) => Ok(Self::from_library(repository)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => match program::places(start, lookup) {
                Ok(places) => Ok(places.map(Self::from_program)),
                // Without the program, libgit2's words are the better ones.
                Err(GitError::NoProgram { path, .. }) if error.code() == git2::ErrorCode::Owner => {
                    Err(GitError::NotTrusted { path })
                }
                Err(GitError::NoProgram { path, .. }) => Err(GitError::Library { path, source: error }),
                Err(error) => Err(error),
            },
        }
    }

    fn from_program(places: program::Places) -> Self {
        let program::Places { root, common, place } = places;
        Self { root, common, backend: Backend::Program(place) }
    }

    fn from_library(repository: git2::Repository) -> Option<Self> {
        let root = repository.workdir()?.to_owned();
        // libgit2 ends folders with a slash, which some callers would print.
        let root = root.components().collect();
        let common = repository.commondir().components().collect();
        Some(Self { root, common, backend: Backend::Library(repository) })
    }

    /// Returns the worktree's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder that all worktrees of the repository share: `.git` of the main one.
    pub fn common_folder(&self) -> &Path {
        &self.common
    }

    /// Returns what tells this project from others in the repository: its root's path there, `/` for the top.
    pub fn project_id(&self, project_root: &Path) -> ProjectId {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (root, project) = (real(&self.root), real(project_root));
        let inside = project.strip_prefix(&root).unwrap_or(&project);
        let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        named(&parts.join("/"), "/", ProjectId::parse)
    }

    /// Returns what is checked out now.
    pub fn head(&self) -> Result<Head, GitError> {
        let (reference, commit) = match &self.backend {
            Backend::Library(repository) => {
                library_head(repository).map_err(|error| self.library_error(error))?
            }
            Backend::Program(place) => program::head(place)?,
        };
        let branch = match (&reference, &commit) {
            (Some(reference), _) => reference.strip_prefix(HEADS).unwrap_or(reference).to_owned(),
            (None, Some(commit)) => format!("{DETACHED}{}", commit.get(..12).unwrap_or(commit)),
            (None, None) => "detached".to_owned(),
        };
        Ok(Head { branch: branch_name(&branch), detached: reference.is_none(), commit })
    }

    /// Returns a path as git spells it from the worktree's root; absent where it lies outside.
    pub fn inside(&self, path: &Path) -> Option<String> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (root, path) = (real(&self.root), real(path));
        let parts = path.strip_prefix(&root).ok()?.components();
        let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
        Some(parts.join("/"))
    }

    fn relative<'a>(&self, file: &'a Path) -> Option<&'a Path> {
        if file.is_relative() { Some(file) } else { file.strip_prefix(&self.root).ok() }
    }

    fn library_error(&self, source: git2::Error) -> GitError {
        GitError::Library { path: self.root.clone(), source }
    }
}

/// What the full names of branches begin with.
const HEADS: &str = "refs/heads/";

/// What a state's name begins with where there is no branch.
pub const DETACHED: &str = "detached/";

/// Tells whether a file or folder lies in a worktree.
fn holds(root: &Path, start: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(start).starts_with(real(root))
}

/// Returns what kptn calls a branch that git calls `text`; no two of them have one name.
pub fn branch_name(text: &str) -> BranchName {
    use unicode_normalization::is_nfc;
    // To git two spellings of an accent are two names.
    if is_nfc(text) {
        return named(text, "unnamed", BranchName::parse);
    }
    named(&safe_folder_name(text), "unnamed", BranchName::parse)
}

/// git allows names that kptn does not; those get a cleaned one that no other name gets.
fn named<N, E>(text: &str, top: &str, parse: impl Fn(&str) -> Result<N, E>) -> N {
    let text = if text.is_empty() { top } else { text };
    let cleaned =
        || parse(&safe_folder_name(text)).or_else(|_| parse(&format!("_{}", safe_folder_name(text))));
    match parse(text).or_else(|_| cleaned()) {
        Ok(name) => name,
        #[expect(clippy::unreachable, reason = "`_` and a safe folder name is a name")]
        Err(_) => unreachable!("`_` and a safe folder name is a name"),
    }
}

/// Returns the branch's full reference name (absent where detached) and the commit (absent where unborn).
fn library_head(repository: &git2::Repository) -> Result<(Option<String>, Option<String>), git2::Error> {
    let target = repository.find_reference("HEAD")?.symbolic_target_bytes().map(lossy);
    let commit = match repository.head() {
        Ok(head) => Some(head.peel_to_commit()?.id().to_string()),
        Err(error) if error.code() == git2::ErrorCode::UnbornBranch => None,
        Err(error) => return Err(error),
    };
    Ok((target, commit))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
