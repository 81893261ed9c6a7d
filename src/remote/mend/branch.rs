//! A branch is put right: a ref that is gone or damaged, or points at a snapshot that cannot be had.
//!
//! The history has every move, also those that lost their swap: of one generation that counts which was last seen
//! here, else the latest. What it then points at is what it had, or the nearest before that; what is pushed now
//! goes on from there.

use super::{Mended, TRIES, problem, set_aside};
use crate::model::{Digest, Snapshot};
use crate::remote::branch::{self, Before, Mover, RefFile};
use crate::remote::catalog::Catalog;
use crate::remote::fetch::{Wanted, fetch};
use crate::remote::push::Ends;
use crate::remote::{Earnest, Move, RemoteError, history, layout};

/// Puts it right.
pub async fn branch(
    ends: Ends<'_>,
    seen: Option<Digest>,
    mover: &Mover,
    earnest: Earnest,
) -> Result<Mended, RemoteError> {
    let Ends { bucket, which, .. } = ends;
    let catalog = Catalog::read(bucket, ends.index_folder).await?;
    let known = match seen {
        Some(seen) if can_be_had(ends, &catalog, seen).await? => Some(seen),
        _ => None,
    };
    let key = layout::branch(which.project, which.branch);
    for _ in 0..TRIES {
        let found = bucket.read_versioned(&key).await?;
        let file = found.as_ref().and_then(|(bytes, _)| serde_json::from_slice::<RefFile>(bytes).ok());
        let file = file.filter(|file| file.branch == *which.branch && file.project == *which.project);
        let own = file.map(|file| file.moves).unwrap_or_default();
        if let Some(latest) = own.first()
            && can_be_had(ends, &catalog, latest.snapshot).await?
        {
            return Ok(Mended { seen: known, ..Mended::default() });
        }
        let (all, last) = moves(ends, &own, seen).await?;
        if found.is_none() && all.is_empty() {
            return Ok(Mended { seen: known, ..Mended::default() });
        }
        let was = match own.first() {
            Some(latest) => {
                format!("pointed at the snapshot {}, which cannot be had", latest.snapshot.short())
            }
            None => problem(found.is_some()).to_owned(),
        };
        let (bytes, version) = found.map_or((None, None), |(bytes, version)| (Some(bytes), Some(version)));
        let kept = match bytes.filter(|_| earnest == Earnest::Yes) {
            Some(bytes) => set_aside(bucket, &key, &bytes).await?,
            None => String::new(),
        };
        let Some(latest) = first_that_can_be_had(ends, &catalog, &all).await? else {
            let said =
                vec![format!("`{key}` {was}, and so is all that it had before; what is here counts{kept}")];
            let over = Before { moves: Vec::new(), generation: last, version };
            return Ok(Mended { said, over: Some(over), seen: None });
        };
        let said = format!(
            "`{key}` {was}; it has again what {} moved it to (generation {}){kept}",
            latest.user, latest.generation
        );
        let done = Mended {
            said: vec![said],
            over: None,
            // Who has seen as late a move, or a later one, has taken it into account.
            seen: match all.iter().find(|one| Some(one.snapshot) == seen) {
                Some(known) if known.generation >= latest.generation => Some(latest.snapshot),
                _ => known,
            },
        };
        let before = history::led_to(&latest, all);
        let moves = std::iter::once(latest.clone()).chain(before).collect();
        let before = Before { moves, generation: last, version };
        if earnest == Earnest::No {
            return Ok(done);
        }
        let moved = branch::move_to(bucket, which, &before, latest.snapshot, mover, async || Ok(true));
        if moved.await?.is_some() {
            return Ok(done);
        }
    }
    Err(RemoteError::Busy { url: bucket.url().to_owned(), branch: which.branch.clone(), tries: TRIES })
}

/// Returns all moves that are known, the latest first, and the largest generation that was given.
async fn moves(ends: Ends<'_>, own: &[Move], seen: Option<Digest>) -> Result<(Vec<Move>, u64), RemoteError> {
    let (told, last) = history::all(ends.bucket, ends.which).await?;
    let mut all = own.to_vec();
    // What the ref names is in the history too; where they differ, one of them is damaged.
    let is_new = |one: &Move| !own.contains(one);
    all.extend(told.into_iter().filter(is_new));
    // Stable: else as the history has them.
    all.sort_by_key(|one| (std::cmp::Reverse(one.generation), Some(one.snapshot) != seen));
    let last = all.first().map_or(0, |latest| latest.generation).max(last);
    Ok((all, last))
}

async fn first_that_can_be_had(
    ends: Ends<'_>,
    catalog: &Catalog<'_>,
    all: &[Move],
) -> Result<Option<Move>, RemoteError> {
    for one in all {
        if can_be_had(ends, catalog, one.snapshot).await? {
            return Ok(Some(one.clone()));
        }
    }
    Ok(None)
}

/// Tells whether a snapshot is here, or comes.
async fn can_be_had(ends: Ends<'_>, catalog: &Catalog<'_>, snapshot: Digest) -> Result<bool, RemoteError> {
    let wanted = [Wanted::parsed(snapshot, ends.which.branch)];
    match fetch(ends.bucket, &catalog.index, ends.store, &wanted, ends.progress).await {
        Ok(_) => Ok(ends.store.load_json::<Snapshot>(&snapshot).is_ok()),
        Err(RemoteError::Missing { .. } | RemoteError::Damaged { .. } | RemoteError::Base { .. }) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
