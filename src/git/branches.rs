//! Which branches git has, and which of them are near a commit.
//!
//! A branch is near the fewer commits it lacks of the one that is asked about,
//! then the fewer it has besides. One that contains the commit lacks none.
//! Branches of remotes count where there is no local one of the name: machines
//! that check a commit out alone have no others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Backend, GitError, HEADS, Repository, branch_name, lossy};
use crate::model::BranchName;

const REMOTES: &str = "refs/remotes/";

/// A branch that shares history with a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    /// How many of the commit's ancestors, itself among them, the branch lacks; 0 where it contains it.
    pub lacks: usize,
    /// How many commits the branch has besides.
    pub besides: usize,
    /// Whether it has another name than `main` or `master`: of equals, the first is meant.
    pub is_side: bool,
    /// The branch.
    pub branch: BranchName,
}

impl Repository {
    /// Returns the branches of git, and the commit of each.
    pub fn branches(&self) -> Result<BTreeMap<BranchName, String>, GitError> {
        Ok(self.references()?.into_iter().filter_map(local).collect())
    }

    /// Tells whether git has all of these branches.
    pub fn has_branches<'a>(
        &self,
        names: impl IntoIterator<Item = &'a BranchName>,
    ) -> Result<bool, GitError> {
        let Backend::Library(repository) = &self.backend else {
            let all = self.branches()?;
            return Ok(names.into_iter().all(|name| all.contains_key(name)));
        };
        let has = |name: &BranchName| repository.find_reference(&format!("{HEADS}{name}")).is_ok();
        let missing: Vec<&BranchName> = names.into_iter().filter(|name| !has(name)).collect();
        if missing.is_empty() {
            return Ok(true);
        }
        // One that git calls by a name that is none to kptn.
        let all = self.branches()?;
        Ok(missing.iter().all(|name| all.contains_key(*name)))
    }

    /// Tells whether a branch, here or as a remote was last seen, has a commit; absent where git has no such branch.
    pub fn contains(&self, branch: &BranchName, commit: &str) -> Result<Option<bool>, GitError> {
        let mut known = None;
        for (name, tip) in self.references()? {
            let of_remote = || Some(name.strip_prefix(REMOTES)?.split_once('/')?.1);
            let short = name.strip_prefix(HEADS).or_else(of_remote);
            if short.is_some_and(|short| branch_name(short) == *branch) {
                known = Some(known == Some(true) || self.is_ancestor(commit, &tip));
            }
        }
        Ok(known)
    }

    /// Returns those of `among` that share history with a commit, the nearest first.
    pub fn nearest(&self, commit: &str, among: &BTreeSet<BranchName>) -> Result<Vec<Near>, GitError> {
        let mut tips: BTreeMap<BranchName, String> = BTreeMap::new();
        for (name, tip) in self.references()? {
            match (name.strip_prefix(HEADS), name.strip_prefix(REMOTES)) {
                (Some(short), _) => drop(tips.insert(branch_name(short), tip)),
                (_, Some(of_remote)) => {
                    let short = of_remote.split_once('/').map_or(of_remote, |(_, short)| short);
                    tips.entry(branch_name(short)).or_insert(tip);
                }
                _ => {}
            }
        }
        let mut near = Vec::new();
        for (branch, tip) in tips.into_iter().filter(|(branch, _)| among.contains(branch)) {
            if let Some((lacks, besides)) = self.apart(commit, &tip)? {
                let is_side = !matches!(branch.as_str(), "main" | "master");
                near.push(Near { lacks, besides, is_side, branch });
            }
        }
        near.sort();
        Ok(near)
    }

    /// Tells whether a commit is an ancestor of another, or the same; `false` where one is not here.
    pub fn is_ancestor(&self, ancestor: &str, of: &str) -> bool {
        ancestor == of || self.apart(ancestor, of).is_ok_and(|apart| matches!(apart, Some((0, _))))
    }

    /// Returns how many commits one has that the other lacks, both ways; absent where they share none.
    pub fn apart(&self, one: &str, other: &str) -> Result<Option<(usize, usize)>, GitError> {
        match &self.backend {
            Backend::Library(repository) => {
                let id = git2::Oid::from_str(one).and_then(|one| Ok((one, git2::Oid::from_str(other)?)));
                let apart = id.and_then(|(one, other)| {
                    repository.merge_base(one, other)?;
                    repository.graph_ahead_behind(one, other)
                });
                match apart {
                    Ok(apart) => Ok(Some(apart)),
                    Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
                    Err(error) => Err(self.library_error(error)),
                }
            }
            Backend::Program(place) => {
                if place.said(["merge-base", one, other]).is_err() {
                    return Ok(None);
                }
                let range = format!("{one}...{other}");
                let counts = place.said(["rev-list", "--count", "--left-right", &range])?;
                let mut counts = counts.split_whitespace().map(|count| count.parse().unwrap_or_default());
                Ok(Some((counts.next().unwrap_or_default(), counts.next().unwrap_or_default())))
            }
        }
    }

    /// Returns all branches, the remotes' too, by their full names, and the commit of each.
    fn references(&self) -> Result<Vec<(String, String)>, GitError> {
        match &self.backend {
            Backend::Library(repository) => {
                library_references(repository).map_err(|error| self.library_error(error))
            }
            Backend::Program(place) => {
                let format = "--format=%(objectname) %(refname)";
                let said = place.said(["for-each-ref", format, HEADS, REMOTES])?;
                let line =
                    |line: &str| line.split_once(' ').map(|(tip, name)| (name.to_owned(), tip.to_owned()));
                Ok(said.lines().filter_map(line).collect())
            }
        }
    }
}

fn local((name, tip): (String, String)) -> Option<(BranchName, String)> {
    Some((branch_name(name.strip_prefix(HEADS)?), tip))
}

fn library_references(repository: &git2::Repository) -> Result<Vec<(String, String)>, git2::Error> {
    let mut found = Vec::new();
    for reference in repository.references()? {
        let reference = reference?;
        let name = lossy(reference.name_bytes());
        if !name.starts_with(HEADS) && !name.starts_with(REMOTES) {
            continue;
        }
        // A symbolic one, as `origin/HEAD` is, stands for another that is listed too.
        if let Some(tip) = reference.target() {
            found.push((name, tip.to_string()));
        }
    }
    Ok(found)
}
