//! `fetch` and `pull`: a branch's state comes from a remote into the store.
//!
//! ```text
//! ref -> snapshot -> what did not finish
//!                 -> records -> results, code, indexes of items -> shards -> (outputs, logs)
//! ```
//! Each step asks for what the one before it named, for all tasks at once.
//! Nothing here moves a branch of this machine: that is for who asked.

use std::collections::BTreeMap;

use super::branch;
use super::bucket::Bucket;
use super::catalog::Catalog;
use super::dated;
use super::fetch::{Fetched, Wanted, fetch, locate};
use super::format::{self, Intent};
use super::index::Index;
use super::push::Ends;
use super::{At, Move, RemoteError, history};
use crate::model::{
    Digest, GraphName, Invalid, OutputPaths, Phase, Snapshot, SnapshotEntry, TaskName, Unfinished,
    UnfinishedTask,
};
use crate::state::{Hidden, Need, Reach};

/// What comes besides records, results, code and item tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Nothing.
    State,
    /// Nothing, and it is told which outputs and logs are left there.
    Lazy,
    /// Outputs and logs.
    All,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// The move of the branch that was asked for: the remote's latest, or an earlier one.
    pub tip: Move,
    /// What it points at, in the store now.
    pub snapshot: Snapshot,
    /// What its tasks did not finish, all of them; in the store are the objects of those that were chosen.
    pub unfinished: Option<Unfinished>,
    /// Which records and items are marked as bad; absent where none ever was.
    pub invalid: Option<Invalid>,
    /// How much came.
    pub fetched: Fetched,
    /// What of [`Take::Lazy`] is left there, each once, and of how many bytes it is.
    pub left: Vec<(Digest, u64)>,
}

/// What of a task may be wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its record.
    Record,
    /// What it did not finish.
    Unfinished,
}

/// Tells whether a part of a task is wanted; it is told what did not finish.
pub type Chosen<'a> = &'a dyn Fn(Option<&Unfinished>, Part, &GraphName, &TaskName) -> bool;

/// Fetches a branch's snapshot and what the chosen tasks need; flushes the store.
pub async fn pull(
    ends: Ends<'_>,
    at: Option<&At>,
    take: Take,
    chosen: Chosen<'_>,
) -> Result<Arrived, RemoteError> {
    let super::push::Ends { bucket, store, which, progress, .. } = ends;
    progress.begin(Phase::Looking, 0, 0);
    format::check(bucket, Intent::Read).await?;
    let Some(tip) = branch::read(bucket, which).await? else {
        let known = branch::names(bucket, which.project).await?;
        let (url, branch) = (bucket.url().to_owned(), which.branch.clone());
        return Err(RemoteError::NoBranch { url, branch, known });
    };
    let moved = match at {
        Some(at) => history::find(bucket, which, &tip, at).await?,
        None => tip.latest,
    };
    let catalog = match take {
        // What is left there must be there for a while.
        Take::Lazy => Catalog::read_to_rely_on(bucket, ends.index_folder).await?,
        _ => Catalog::read(bucket, ends.index_folder).await?,
    };
    let fetch = async |wanted: &[Wanted]| fetch(bucket, &catalog.index, store, wanted, progress).await;
    let of_branch = |digest| Wanted::parsed(digest, which.branch);

    let mut fetched = fetch(&[of_branch(moved.snapshot)]).await?;
    let snapshot: Snapshot = dated::load(bucket, store, moved.snapshot)?;
    let mut unfinished: Option<Unfinished> = None;
    if let Some(digest) = snapshot.unfinished {
        fetched += fetch(&[of_branch(digest)]).await?;
        unfinished = Some(dated::load(bucket, store, digest)?);
    }
    let mut invalid: Option<Invalid> = None;
    if let Some(digest) = snapshot.invalid {
        fetched += fetch(&[of_branch(digest)]).await?;
        invalid = Some(dated::load(bucket, store, digest)?);
    }
    let things = things(&snapshot, unfinished.as_ref(), chosen);
    fetched += fetch(&things.iter().flat_map(Thing::named).collect::<Vec<_>>()).await?;
    // First what names other objects, until all of it is here; then the bytes.
    fetched += fetch_named(ends, &catalog.index, &things).await?;
    store.hit("remote.pull.named")?;
    let mut left = Vec::new();
    if take != Take::State {
        let (missing, _) = missing_of(ends, &things, Take::All)?;
        match take {
            Take::Lazy => {
                let (stays, goes): (Vec<_>, Vec<_>) =
                    missing.into_iter().partition(|one| catalog.has(&one.digest));
                fetched += fetch(&goes).await?;
                left = promised(bucket, &catalog.index, &stays)?;
            }
            _ => {
                let coming = promised(bucket, &catalog.index, &missing)?;
                let bytes = coming.iter().map(|(_, size)| size).sum();
                if !progress.may_come(coming.len() as u64, bytes) {
                    return Err(RemoteError::Declined { url: bucket.url().to_owned() });
                }
                fetched += fetch(&missing).await?;
            }
        }
    }
    store.flush()?;
    Ok(Arrived { tip: moved, snapshot, unfinished, invalid, fetched, left })
}

/// Fetches what names other objects, until all of it is here.
async fn fetch_named(ends: Ends<'_>, index: &Index, things: &[Thing<'_>]) -> Result<Fetched, RemoteError> {
    let mut fetched = Fetched::default();
    loop {
        let (missing, is_complete) = missing_of(ends, things, Take::State)?;
        fetched += fetch(ends.bucket, index, ends.store, &missing, ends.progress).await?;
        if is_complete {
            return Ok(fetched);
        }
    }
}

/// Fetches some records, and what did not finish of some tasks, but no outputs; returns those that are left there.
pub async fn fetch_some(
    ends: Ends<'_>,
    index: &Index,
    entries: &[SnapshotEntry],
    unfinished: &[UnfinishedTask],
) -> Result<Vec<(Digest, u64)>, RemoteError> {
    let records = entries.iter().map(Thing::Record);
    let things: Vec<_> = records.chain(unfinished.iter().map(Thing::Unfinished)).collect();
    let named: Vec<_> = things.iter().flat_map(Thing::named).collect();
    fetch(ends.bucket, index, ends.store, &named, ends.progress).await?;
    fetch_named(ends, index, &things).await?;
    let (missing, _) = missing_of(ends, &things, Take::All)?;
    promised(ends.bucket, index, &missing)
}

/// What leads to other objects.
enum Thing<'a> {
    /// A record.
    Record(&'a SnapshotEntry),
    /// A record of which only that it was made is there (`local_only`).
    LocalOnly(&'a SnapshotEntry),
    /// What a task did not finish.
    Unfinished(&'a UnfinishedTask),
}

impl Thing<'_> {
    fn task(&self) -> &TaskName {
        match self {
            Self::Record(entry) | Self::LocalOnly(entry) => &entry.task,
            Self::Unfinished(one) => &one.task,
        }
    }

    fn wanted(&self, digest: Digest, need: &Need<'_>) -> Wanted {
        match need {
            Need::ShardList | Need::ItemShard => Wanted::parsed(digest, self.task()),
            _ => Wanted::bytes(digest, self.task()),
        }
    }

    /// Returns what comes whatever else does: lines of what failed are why it is pulled.
    fn named(&self) -> Vec<Wanted> {
        match self {
            Self::Record(entry) | Self::LocalOnly(entry) => vec![Wanted::parsed(entry.record, self.task())],
            Self::Unfinished(one) => {
                let logs = one.log.into_iter().chain(one.item_logs);
                let logs = logs.map(|log| Wanted::bytes(log, self.task()));
                logs.chain(one.items.map(|items| Wanted::parsed(items, self.task()))).collect()
            }
        }
    }

    fn follow(
        &self,
        (reach, of_local): (&mut Reach<'_>, &mut Reach<'_>),
        visit: &mut dyn FnMut(Need<'_>, Digest),
    ) -> Vec<Hidden> {
        match self {
            Self::Record(entry) => reach.follow(&entry.record, visit),
            Self::LocalOnly(entry) => of_local.follow(&entry.record, visit),
            Self::Unfinished(UnfinishedTask { items: Some(items), .. }) => reach.follow_items(items, visit),
            Self::Unfinished(_) => Vec::new(),
        }
    }
}

fn things<'a>(
    snapshot: &'a Snapshot,
    unfinished: Option<&'a Unfinished>,
    chosen: Chosen<'_>,
) -> Vec<Thing<'a>> {
    let records =
        snapshot.entries.iter().filter(|one| chosen(unfinished, Part::Record, &one.graph, &one.task));
    let open = unfinished.map(|all| all.tasks.as_slice()).unwrap_or_default();
    let open = open.iter().filter(|one| chosen(unfinished, Part::Unfinished, &one.graph, &one.task));
    let record = |entry: &'a SnapshotEntry| match snapshot.local_only.contains(&entry.record) {
        true => Thing::LocalOnly(entry),
        false => Thing::Record(entry),
    };
    records.map(record).chain(open.map(Thing::Unfinished)).collect()
}

/// Makes sure that the remote has what is left there; returns each object once, and its size.
fn promised(bucket: &Bucket, index: &Index, wanted: &[Wanted]) -> Result<Vec<(Digest, u64)>, RemoteError> {
    let mut left = BTreeMap::new();
    for one in wanted {
        left.insert(one.digest, locate(bucket, index, one)?.entry.raw);
    }
    Ok(left.into_iter().collect())
}

/// Returns what things need and the store does not have, and whether all of it could be named.
fn missing_of(ends: Ends<'_>, things: &[Thing<'_>], take: Take) -> Result<(Vec<Wanted>, bool), RemoteError> {
    // Each has its own: a shard that was entered for what stays elsewhere is not known to need its files.
    let (mut reach, mut of_local) = (Reach::new(ends.store), Reach::new(ends.store));
    let (mut missing, mut is_complete) = (Vec::new(), true);
    for thing in things {
        let mut absent = false;
        let (mut failed, mut paths) = (Ok(()), OutputPaths::default());
        let hidden = thing.follow((&mut reach, &mut of_local), &mut |need, digest| {
            if let Need::Output(file) = need
                && let Err(problem) = paths.add(&file.path)
            {
                let (url, path) = (ends.bucket.url().to_owned(), file.path.escape_debug().to_string());
                failed = Err(RemoteError::NoOutput { url, task: thing.task().clone(), path, problem });
            }
            if need.is_made() && matches!(thing, Thing::LocalOnly(_)) {
                return;
            }
            let bytes = matches!(need, Need::Output(_) | Need::Log);
            if bytes && take != Take::All {
                return;
            }
            match ends.store.has(&digest) {
                Ok(true) => {}
                Ok(false) => {
                    absent |= matches!(need, Need::ShardList | Need::ItemShard);
                    missing.push(thing.wanted(digest, &need));
                }
                Err(error) => failed = Err(error.into()),
            }
        });
        failed?;
        match hidden.into_iter().next() {
            None => {}
            // What hides it comes now, and is looked into after that.
            Some(_) if absent => is_complete = false,
            Some(source) => return Err(RemoteError::Hidden { task: thing.task().clone(), source }),
        }
    }
    Ok((missing, is_complete))
}
