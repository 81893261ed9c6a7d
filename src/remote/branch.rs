//! Branches at a remote: which snapshot each has, and its last moves.
//!
//! ```text
//! read the ref -> write history/<gen>-<id> -> look again -> swap the ref -> (answer lost? read again, look for our id)
//! ```
//! A move that is in the history and not in the ref yet holds on to its snapshot, so that a collection which
//! is announced after the look finds it, however long the swap takes (`collect/mod.rs`).
//! The ref names its last moves with the id of who made each, so that a swap
//! whose answer was lost is told apart from somebody else's.

use serde::{Deserialize, Serialize};

use super::RemoteError;
use super::bucket::{Bucket, Swapped, Version};
use super::index::REMEMBERED;
use super::layout;
use crate::model::{BranchName, Digest, ProjectId, canonical_json};

/// One move of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Grows by one with each move.
    pub generation: u64,
    /// Where the branch points since.
    pub snapshot: Digest,
    /// Random, so that no two writes are equal.
    pub write_id: String,
    /// The `write_id` of the move that it came after; absent for the first one, and where an older kptn wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// In ms since the epoch, by the clock of who moved it.
    pub at_ms: u64,
    /// Who moved it.
    pub user: String,
    /// The commit that was checked out there; absent without git.
    pub commit: Option<String>,
}

/// A branch as it lies at the remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefFile {
    /// The format's version: 1.
    pub format: u32,
    /// The project's own name for itself.
    pub project: ProjectId,
    /// The branch's name, before it was made safe for a key.
    pub branch: BranchName,
    /// Its last moves, the latest first; never empty.
    pub moves: Vec<Move>,
}

/// A branch that was read.
#[derive(Debug, Clone)]
pub struct Tip {
    /// Its latest move.
    pub latest: Move,
    file: RefFile,
    version: Version,
}

impl Tip {
    /// Returns its last moves, the latest first.
    pub fn moves(&self) -> &[Move] {
        &self.file.moves
    }
}

/// Which branch.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    /// The project.
    pub project: &'a ProjectId,
    /// The branch.
    pub branch: &'a BranchName,
}

/// Who moves a branch, and when.
#[derive(Debug, Clone)]
pub struct Mover {
    /// The user.
    pub user: String,
    /// The commit that is checked out; absent without git.
    pub commit: Option<String>,
    /// In ms since the epoch.
    pub at_ms: u64,
}

/// What a move comes after.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// The last moves that count, the latest first.
    pub moves: Vec<Move>,
    /// The largest generation that was ever given.
    pub generation: u64,
    /// Of the ref; absent where there is none.
    pub version: Option<Version>,
}

impl Before {
    /// What comes after a branch as it was read.
    pub fn of(tip: Option<&Tip>) -> Self {
        let Some(tip) = tip else { return Self::default() };
        let (moves, version) = (tip.file.moves.clone(), Some(tip.version.clone()));
        Self { moves, generation: tip.latest.generation, version }
    }
}

/// Reads a branch; absent where the remote has none of this name.
pub async fn read(bucket: &Bucket, which: Which<'_>) -> Result<Option<Tip>, RemoteError> {
    let key = layout::branch(which.project, which.branch);
    let Some((bytes, version)) = bucket.read_versioned(&key).await? else { return Ok(None) };
    let file: RefFile = serde_json::from_slice(&bytes).map_err(|error| bucket.damaged(&key, error))?;
    let Some(latest) = file.moves.first().cloned() else {
        return Err(bucket.damaged(&key, "it has no moves"));
    };
    if file.branch != *which.branch || file.project != *which.project {
        return Err(bucket.damaged(&key, format!("it is of `{}`", file.branch)));
    }
    Ok(Some(Tip { latest, file, version }))
}

/// Returns the names of a project's branches at the remote.
pub async fn names(bucket: &Bucket, project: &ProjectId) -> Result<Vec<String>, RemoteError> {
    let mut names = Vec::new();
    for (key, _) in bucket.list(&layout::branches(project)).await? {
        let Some(bytes) = bucket.read(&key).await? else { continue };
        let file: RefFile = serde_json::from_slice(&bytes).map_err(|error| bucket.damaged(&key, error))?;
        names.push(file.branch.to_string());
    }
    Ok(names)
}

/// Points a branch at a snapshot, all of whose objects are at the remote already.
///
/// Returns the move; absent where somebody moved the branch since `before` was read, or `look_again` says no.
pub async fn move_to(
    bucket: &Bucket,
    which: Which<'_>,
    before: &Before,
    snapshot: Digest,
    mover: &Mover,
    look_again: impl AsyncFnOnce() -> Result<bool, RemoteError>,
) -> Result<Option<Move>, RemoteError> {
    let generation = before.generation + 1;
    let next = Move {
        generation,
        snapshot,
        write_id: new_id(),
        after: before.moves.first().map(|latest| latest.write_id.clone()),
        at_ms: mover.at_ms,
        user: mover.user.clone(),
        commit: mover.commit.clone(),
    };
    let file = RefFile {
        format: 1,
        project: which.project.clone(),
        branch: which.branch.clone(),
        moves: std::iter::once(next.clone()).chain(before.moves.iter().cloned()).take(REMEMBERED).collect(),
    };
    let history = layout::history(which.project, which.branch, generation, &next.write_id);
    bucket.write(&history, canonical_json(&next)).await?;
    if !look_again().await? {
        return Ok(None);
    }
    let key = layout::branch(which.project, which.branch);
    let moved = match bucket.swap(&key, before.version.as_ref(), canonical_json(&file)).await {
        Ok(Swapped::Yes) => true,
        Ok(Swapped::No) => has(bucket, which, &next).await?,
        // The answer may have been lost after the work was done.
        Err(error) => match has(bucket, which, &next).await {
            Ok(true) => true,
            _ => return Err(error),
        },
    };
    Ok(moved.then_some(next))
}

async fn has(bucket: &Bucket, which: Which<'_>, one: &Move) -> Result<bool, RemoteError> {
    let tip = read(bucket, which).await?;
    Ok(tip.is_some_and(|tip| tip.file.moves.iter().any(|other| other.write_id == one.write_id)))
}

/// Returns 16 hexadecimal digits that nobody else gets.
pub fn new_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    // Seeded by the system, anew for each state.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}
