//! The bytes of keys are what their names and the index say: each key is read once, and nothing is kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use crate::model::{Digest, Phase, Progress};
use crate::remote::RemoteError;
use crate::remote::bases::Bases;
use crate::remote::bucket::Bucket;
use crate::remote::fetch::{AT_ONCE, LARGE_AT_ONCE, in_parallel};
use crate::remote::incoming::{Input, Problem};
use crate::remote::index::{Index, Located, Place};
use crate::store::Store;

/// Reads the keys of some objects; returns those whose bytes are not their own, each with what is wrong.
pub async fn verify(
    bucket: &Bucket,
    index: &Index,
    store: &Store,
    objects: impl Iterator<Item = Located>,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, String>, RemoteError> {
    let mut packs: HashMap<Digest, Vec<Located>> = HashMap::new();
    let (mut own, mut deltas, mut count, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
    for one in objects {
        (count, bytes) = (count + 1, bytes + one.entry.raw);
        match one.pack {
            Some(pack) => packs.entry(pack).or_default().push(one),
            None if one.entry.base().is_some() => deltas.push(one),
            None => own.push(one),
        }
    }
    progress.begin(Phase::Fetching, count, bytes);
    let wrong = RefCell::new(BTreeMap::new());
    let note = |key: String, problem: Option<String>| {
        if let Some(problem) = problem {
            wrong.borrow_mut().insert(key, problem);
        }
    };
    in_parallel(AT_ONCE, packs, async |(pack, members)| {
        let Some(key) = members.first().map(Located::key) else { return Ok(()) };
        let bytes = match bucket.read(&key).await {
            Err(RemoteError::Damaged { problem, .. }) => {
                note(key, Some(problem));
                return Ok(());
            }
            read => read?,
        };
        progress.advance(members.iter().map(|one| one.entry.raw).sum());
        note(key, bytes.map_or(Some("it is not there".to_owned()), |bytes| of_pack(&pack, &members, &bytes)));
        Ok(())
    })
    .await?;
    in_parallel(LARGE_AT_ONCE, own, async |one| {
        let problem = of_own(bucket, &one, &[]).await?;
        progress.advance(one.entry.raw);
        note(one.key(), problem);
        Ok(())
    })
    .await?;
    // One at a time: each takes the memory of two objects.
    deltas.sort_by_key(|one| one.entry.base());
    let mut bases = Bases::new(bucket, index, store);
    for one in deltas {
        bases.has_memory(&one, "a check of every byte")?;
        let problem = match bases.of(&one).await {
            Ok(base) => of_own(bucket, &one, base).await?,
            Err(error @ RemoteError::Base { .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        progress.advance(one.entry.raw);
        note(one.key(), problem);
    }
    Ok(wrong.into_inner())
}

/// A pack of the right digest is as it was written; members are looked at all the same, since the index may lie.
fn of_pack(pack: &Digest, members: &[Located], bytes: &[u8]) -> Option<String> {
    let is_whole = |one: &&Located| {
        let Place::Packed { offset, stored, .. } = one.entry.place else { return false };
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let range = at(offset)..at(offset.saturating_add(stored.into()));
        bytes.get(range).is_some_and(|stored| one.entry.decode(stored).is_ok())
    };
    let hurt = members.iter().filter(|one| !is_whole(one)).count();
    match hurt {
        0 if Digest::of(bytes) == *pack => None,
        0 => Some("its bytes are not its own, though what the index names of it is whole".to_owned()),
        hurt => {
            Some(format!("its bytes are not its own: {hurt} of {} objects in it are damaged", members.len()))
        }
    }
}

async fn of_own(bucket: &Bucket, one: &Located, base: &[u8]) -> Result<Option<String>, RemoteError> {
    let mut input = Input::new(&one.entry, base, std::io::sink());
    let mut problem = None;
    let take = |bytes: &[u8]| {
        if problem.is_none()
            && let Err(error) = input.take(bytes)
        {
            problem = Some(match error {
                Problem::Stored(problem) => problem,
                Problem::Disk(error) => error.to_string(),
            });
        }
        Ok(())
    };
    let read = bucket.read_pieces(&one.key(), take).await?;
    Ok(match (read, problem) {
        (None, _) => Some("it is not there".to_owned()),
        (_, Some(problem)) => Some(problem),
        _ if input.end().is_ok_and(|whole| whole.is_some()) => None,
        _ => Some("its bytes are not its own".to_owned()),
    })
}
