//! On which branch a verb works, and who said so.
//!
//! ```text
//! --branch NAME      goes first
//! KPTN_BRANCH        a name, or `auto`: what the CI says it builds
//! git's HEAD         detached: read from the branches near the commit, recorded under detached/<commit>
//! no git             default
//! ```
//! A task has `KPTN_BRANCH` set for it; a kptn that it starts in another project
//! does not take that for its own.

use std::path::Path;

use super::OpsError;
use crate::git::{DETACHED, Head, Repository, branch_name};
use crate::model::BranchName;

/// The branch where there is no git.
const WITHOUT_GIT: &str = "default";

/// Who said which branch it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// Git: it is checked out.
    CheckedOut,
    /// Git: a commit is checked out, and no branch.
    Detached,
    /// There is no git.
    NoGit,
    /// `--branch`.
    Flag,
    /// This environment variable.
    Variable(String),
}

/// What is checked out, and on which branch the verb works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What git has checked out; `default` without git.
    pub head: Head,
    /// The branch that is written to.
    pub branch: BranchName,
    /// Who said so.
    pub because: Because,
}

/// Returns an environment variable.
pub type Ask<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Standing {
    /// Finds the branch; `flag` is what `--branch` said.
    pub fn find(
        repository: Option<&Repository>,
        flag: Option<&str>,
        root: &Path,
        ask: Ask<'_>,
    ) -> Result<Self, OpsError> {
        let head = match repository {
            Some(repository) => repository.head()?,
            None => Head { branch: parse(WITHOUT_GIT)?, detached: false, commit: None },
        };
        if let Some(name) = flag {
            return Ok(Self { branch: parse(name)?, because: Because::Flag, head });
        }
        if let Some((variable, name)) = from_environment(root, ask)? {
            return Ok(Self { branch: name, because: Because::Variable(variable), head });
        }
        let because = match (repository, head.detached) {
            (None, _) => Because::NoGit,
            (_, true) => Because::Detached,
            (_, false) => Because::CheckedOut,
        };
        Ok(Self { branch: head.branch.clone(), because, head })
    }

    /// Tells whether the branch is none of git's own.
    pub fn is_unusual(&self) -> bool {
        match self.because {
            Because::CheckedOut | Because::NoGit => false,
            Because::Detached => true,
            Because::Flag | Because::Variable(_) => self.head.detached || self.branch != self.head.branch,
        }
    }
}

/// Tells whether a state belongs to a commit and to no branch.
pub fn is_detached(branch: &BranchName) -> bool {
    branch.as_str().starts_with(DETACHED)
}

fn parse(name: &str) -> Result<BranchName, OpsError> {
    BranchName::parse(name).map_err(|error| OpsError::Name { error })
}

/// Returns what `KPTN_BRANCH` says, and the variable that said it in the end.
fn from_environment(root: &Path, ask: Ask<'_>) -> Result<Option<(String, BranchName)>, OpsError> {
    let Some(said) = ask("KPTN_BRANCH").filter(|text| !text.is_empty()) else { return Ok(None) };
    if ask("KPTN_TASK").is_some() {
        let ours = ask("KPTN_OUTPUT_DIR").is_some_and(|folder| Path::new(&folder).starts_with(root));
        if !ours {
            return Ok(None);
        }
    }
    if said != "auto" {
        return Ok(Some(("KPTN_BRANCH".to_owned(), parse(&said)?)));
    }
    Ok(built(ask).map(|(variable, name)| (variable.to_owned(), branch_name(&name))))
}

/// Where CI systems say which branch they build, the source of a merge request first.
const BUILT: &[&str] = &[
    "GITHUB_HEAD_REF",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_COMMIT_BRANCH",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH",
    "BUILD_SOURCEBRANCH",
    "BITBUCKET_BRANCH",
    "CIRCLE_BRANCH",
    "BUILDKITE_BRANCH",
    "TRAVIS_PULL_REQUEST_BRANCH",
    "TRAVIS_BRANCH",
    "DRONE_SOURCE_BRANCH",
    "CHANGE_BRANCH",
    "BRANCH_NAME",
];

/// Where they say which branch a request is to be merged into.
const TARGETS: &[&str] = &[
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "CHANGE_TARGET",
];

/// Returns the branch that a CI system builds, and the variable that says so; absent where none does.
fn built(ask: Ask<'_>) -> Option<(&'static str, String)> {
    let said = |name: &str| {
        let text = ask(name).filter(|text| !text.is_empty())?;
        Some(text.strip_prefix("refs/heads/").map(str::to_owned).unwrap_or(text))
    };
    let found = BUILT.iter().find_map(|name| Some((*name, said(name)?)));
    // GitHub says the name of a tag in the same variable.
    let pushed = || match ask("GITHUB_REF_TYPE").as_deref() {
        Some("tag") => None,
        _ => said("GITHUB_REF_NAME").map(|name| ("GITHUB_REF_NAME", name)),
    };
    let (variable, name) = found.or_else(pushed)?;
    if name.starts_with("refs/") {
        return None;
    }
    // A fork's `main` that asks to be merged into `main` is another branch.
    let target = TARGETS.iter().find_map(|name| said(name));
    let name = if target.as_ref() == Some(&name) { format!("fork/{name}") } else { name };
    Some((variable, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask_of(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let own: Vec<_> =
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        move |name| own.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn found(flag: Option<&str>, variables: &[(&str, &str)]) -> (String, Because) {
        let ask = ask_of(variables);
        let standing = Standing::find(None, flag, Path::new("/p"), &ask).unwrap();
        (standing.branch.to_string(), standing.because)
    }

    #[test]
    fn the_flag_goes_before_the_environment_before_git() {
        let variable = [("KPTN_BRANCH", "b")];
        assert_eq!(found(Some("a"), &variable), ("a".into(), Because::Flag));
        assert_eq!(found(None, &variable), ("b".into(), Because::Variable("KPTN_BRANCH".into())));
        assert_eq!(found(None, &[("KPTN_BRANCH", "")]), ("default".into(), Because::NoGit));
        assert!(Standing::find(None, Some("-x"), Path::new("/p"), &|_| None).is_err());
    }

    #[test]
    fn auto_is_what_the_ci_builds_and_nothing_elsewhere() {
        let auto = |variables: &[(&str, &str)]| {
            let all: Vec<_> = [("KPTN_BRANCH", "auto")].iter().chain(variables).copied().collect();
            found(None, &all).0
        };
        assert_eq!(auto(&[]), "default");
        let pull = [("GITHUB_HEAD_REF", "x"), ("GITHUB_REF_NAME", "7/merge"), ("GITHUB_BASE_REF", "main")];
        assert_eq!(auto(&pull), "x");
        assert_eq!(auto(&[("GITHUB_HEAD_REF", ""), ("GITHUB_REF_NAME", "main")]), "main");
        assert_eq!(auto(&[("GITHUB_REF_NAME", "v1"), ("GITHUB_REF_TYPE", "tag")]), "default");
        assert_eq!(auto(&[("GITHUB_HEAD_REF", "main"), ("GITHUB_BASE_REF", "main")]), "fork/main");
        assert_eq!(auto(&[("CI_COMMIT_BRANCH", "été/a")]), "été/a");
        assert_eq!(auto(&[("BUILD_SOURCEBRANCH", "refs/heads/dev")]), "dev");
        assert_eq!(auto(&[("BUILD_SOURCEBRANCH", "refs/pull/3/merge")]), "default");
    }

    #[test]
    fn a_task_of_another_project_does_not_name_our_branch() {
        let task = |folder| [("KPTN_BRANCH", "x"), ("KPTN_TASK", "A"), ("KPTN_OUTPUT_DIR", folder)];
        assert_eq!(found(None, &task("/p/scratch/x")).0, "x");
        assert_eq!(found(None, &task("/other/scratch/x")).0, "default");
    }
}
