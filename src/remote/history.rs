//! Earlier moves of a branch: those that it names, then all that were ever written.
//!
//! ```text
//! refs/…    the last moves            history/<gen>-<id>    every move, also those that lost their swap
//!           oldest --after--> the one before it --after--> …
//! ```
//! Each move names the one that it came after, so one that lost is passed over. Moves of before that was
//! written down all count.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::branch::{Move, Tip, Which};
use super::bucket::Bucket;
use super::survey::roots::Told;
use super::{RemoteError, layout};

/// How many keys are read at once.
const AT_ONCE: usize = 32;

/// A moment in the past of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// When the branch was last moved from where a commit was checked out; its first digits are enough.
    Commit(String),
    /// What it had at a time, in ms since the epoch, by the clocks of who moved it.
    Time(u64),
}

impl At {
    fn is(&self, moved: &Move) -> bool {
        match self {
            Self::Commit(commit) => moved.commit.as_ref().is_some_and(|made| made.starts_with(commit)),
            Self::Time(ms) => moved.at_ms <= *ms,
        }
    }
}

/// Finds the latest move that a moment means.
pub async fn find(bucket: &Bucket, which: Which<'_>, tip: &Tip, at: &At) -> Result<Move, RemoteError> {
    if let Some(found) = tip.moves().iter().find(|one| at.is(one)) {
        return Ok(found.clone());
    }
    let nowhere = || {
        let (url, branch) = (bucket.url().to_owned(), which.branch.clone());
        RemoteError::NoMove { url, branch, at: at.clone() }
    };
    let oldest = tip.moves().last().ok_or_else(nowhere)?;
    let prefix = layout::history_of(which.project, which.branch);
    let mut keys: Vec<String> = bucket.list(&prefix).await?.into_iter().map(|(key, _)| key).collect();
    // A generation has a fixed number of digits.
    keys.sort_unstable_by(|one, other| other.cmp(one));
    let later = |key: &String| *key >= layout::history(which.project, which.branch, oldest.generation, "");
    let reads = keys.into_iter().skip_while(later).map(|key| read(bucket, key));
    let mut moves = std::pin::pin!(stream::iter(reads).buffered(AT_ONCE));
    let mut chain = Chain::after(oldest);
    while let Some(moved) = moves.try_next().await? {
        let Some(moved) = moved.filter(|moved| chain.takes(moved)) else { continue };
        if at.is(&moved) {
            return Ok(moved);
        }
    }
    Err(nowhere())
}

/// Returns all moves of a branch that can be read, the latest first, and the largest generation that a key names.
pub async fn all(bucket: &Bucket, which: Which<'_>) -> Result<(Vec<Move>, u64), RemoteError> {
    let listed = bucket.list_dated(&layout::history_of(which.project, which.branch)).await?;
    let told: Vec<_> = listed.into_iter().filter_map(|one| Told::of(&one.key, one.at_ms)).collect();
    let latest = told.iter().map(|one| one.generation).max().unwrap_or(0);
    let reads = told.into_iter().map(|one| read(bucket, one.key));
    let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
    let mut moves = Vec::new();
    while let Some(read) = reads.next().await {
        match read {
            Ok(moved) => moves.extend(moved),
            Err(RemoteError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    moves.sort_by(|a, b| (b.generation, b.at_ms, &b.write_id).cmp(&(a.generation, a.at_ms, &a.write_id)));
    Ok((moves, latest))
}

/// Returns those of earlier moves, the latest first, that led to one.
pub fn led_to(moved: &Move, all: impl IntoIterator<Item = Move>) -> Vec<Move> {
    let mut chain = Chain::after(moved);
    all.into_iter().filter(|one| one.generation < moved.generation && chain.takes(one)).collect()
}

async fn read(bucket: &Bucket, key: String) -> Result<Option<Move>, RemoteError> {
    let Some(bytes) = bucket.read(&key).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| bucket.damaged(&key, error))
}

/// Follows moves back, each to the one that it came after.
struct Chain {
    /// The generation and the id of the next one; absent where that is not known, so that any counts.
    next: Option<(u64, String)>,
}

impl Chain {
    fn after(moved: &Move) -> Self {
        Self { next: moved.after.clone().map(|id| (moved.generation.saturating_sub(1), id)) }
    }

    /// Tells whether a move counts; they come by their generations, the latest first.
    fn takes(&mut self, moved: &Move) -> bool {
        let takes = match &self.next {
            None => true,
            Some((generation, id)) => moved.generation < *generation || moved.write_id == *id,
        };
        if takes {
            *self = Self::after(moved);
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn moved(generation: u64, id: &str, after: Option<&str>) -> Move {
        Move {
            generation,
            snapshot: Digest::of(id.as_bytes()),
            write_id: id.to_owned(),
            after: after.map(str::to_owned),
            at_ms: 0,
            user: String::new(),
            commit: None,
        }
    }

    fn taken(oldest: &Move, moves: &[Move]) -> Vec<String> {
        let mut chain = Chain::after(oldest);
        moves.iter().filter(|one| chain.takes(one)).map(|one| one.write_id.clone()).collect()
    }

    #[test]
    fn a_move_that_lost_its_swap_is_passed_over() {
        let moves = [
            moved(4, "lost", Some("c")),
            moved(4, "d", Some("c")),
            moved(3, "c", Some("b")),
            moved(3, "late", Some("b")),
            moved(2, "b", Some("a")),
            moved(1, "a", None),
        ];
        assert_eq!(taken(&moved(5, "e", Some("d")), &moves), ["d", "c", "b", "a"]);
    }

    #[test]
    fn where_one_is_gone_or_tells_nothing_all_before_it_count() {
        let gone = [moved(3, "c", Some("b")), moved(2, "b", None), moved(1, "a", None), moved(1, "x", None)];
        assert_eq!(taken(&moved(5, "e", Some("d")), &gone), ["c", "b", "a", "x"]);
        assert_eq!(taken(&moved(5, "e", None), &gone), ["c", "b", "a", "x"]);
    }
}
