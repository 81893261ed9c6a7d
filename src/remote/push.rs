//! `push`: a branch's state goes to a remote.
//!
//! ```text
//! read ref and index -> together with what others moved -> send what is missing -> look again -> move the ref
//!        ^------------------ somebody moved it meanwhile, or a collection began --------------------|
//! ```
//! What both sides moved since they last agreed is a conflict: nothing is
//! written then. With a lease, ours replaces theirs, but only where theirs is
//! what was last seen here.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::branch::{self, Before, Mover, Tip, Which};
use super::bucket::Bucket;
use super::catalog::Catalog;
use super::dated;
use super::format::{self, Intent};
use super::mend::{self, Mended};
use super::next::{Next, next_snapshot};
use super::send::{Sent, missing, send};
use super::survey::lost;
use super::{Move, RemoteError, bases};
use crate::model::{Digest, Invalid, Phase, Progress, Snapshot, Unfinished};
use crate::state::Reach;
use crate::store::Store;

/// How often a branch is tried that others move too.
const TRIES: u32 = 10;

/// What happens to what others moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theirs {
    /// It is kept; a task that both moved is a conflict.
    Keep,
    /// It is replaced, where it is what was last seen here.
    ReplaceAsSeen,
}

/// Whether what a remote's index says is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is.
    Index,
    /// What this branch needs is read there, and sent again where it is lost.
    Nothing,
}

/// What both ends of a transfer are.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    /// The other end.
    pub bucket: &'a Bucket,
    /// This end.
    pub store: &'a Store,
    /// Where parts of the remote's index are kept on this machine.
    pub index_folder: &'a Path,
    /// The branch there.
    pub which: Which<'a>,
    /// Who hears how far it is.
    pub progress: &'a dyn Progress,
}

/// What a push did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What the branch points at there now.
    pub snapshot: Digest,
    /// The move; absent where it was there already, or nothing was to be done in earnest.
    pub moved: Option<Move>,
    /// The latest move there, where the branch has what was to be pushed.
    pub same: Option<Move>,
    /// How many tasks of others were kept beside ours.
    pub merged: u64,
    /// What went, or would go.
    pub sent: Sent,
    /// Whether the branch had an earlier state there than this side has seen.
    pub went_back: bool,
    /// What the remote is found by and was put right, or would be, each in words.
    pub mended: Vec<String>,
}

impl Pushed {
    fn nothing(snapshot: Digest, mended: Vec<String>) -> Self {
        let sent = Sent::default();
        Self { snapshot, moved: None, same: None, merged: 0, sent, went_back: false, mended }
    }
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earnest {
    /// It is.
    Yes,
    /// Only what would be is told.
    No,
}

/// What this side knows of the branch there.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// What both sides agreed on last, and after how many moves that was.
    pub agreed: Option<(Digest, u64)>,
    /// What the branch had when it was last looked at: what a lease holds for.
    pub looked_at: Option<Digest>,
    /// Tells whether a remote has had a record.
    pub had: &'a dyn Fn(&Digest) -> bool,
}

impl Known<'_> {
    /// Tells whether the branch was put back there: from a copy of the remote, it can only be.
    pub(super) fn went_back(&self, tip: &Tip) -> bool {
        self.agreed.is_some_and(|(_, generation)| generation > tip.latest.generation)
    }
}

/// Pushes `ours`, a snapshot of the store.
pub async fn push(
    ends: Ends<'_>,
    ours: Digest,
    known: Known<'_>,
    theirs: Theirs,
    mover: &Mover,
    trust: Trust,
    earnest: Earnest,
) -> Result<Pushed, RemoteError> {
    let Ends { bucket, store, which, progress, .. } = ends;
    progress.begin(Phase::Looking, 0, 0);
    let seen = known.agreed.map(|(seen, _)| seen);
    let Mended { said: mut mended, mut over, seen } = match trust {
        Trust::Index => Mended { seen, ..Mended::default() },
        Trust::Nothing => mend::mend(ends, seen, mover, earnest).await?,
    };
    if earnest == Earnest::No && !mended.is_empty() {
        // What would go can only be told once that is done.
        return Ok(Pushed::nothing(ours, mended));
    }
    let generation = known.agreed.map_or(0, |(_, generation)| generation);
    let known = Known { agreed: seen.map(|seen| (seen, generation)), ..known };
    let intent = if earnest == Earnest::Yes { Intent::Write } else { Intent::Read };
    match format::check(bucket, intent).await {
        // An empty place: a dry run makes nothing of it.
        Err(RemoteError::NotOurs { .. }) if earnest == Earnest::No => {}
        checked => checked?,
    }
    for _ in 0..TRIES {
        let tip = if over.is_some() { None } else { branch::read(bucket, which).await? };
        let same = match &tip {
            Some(tip) if holds_the_same(store, tip.latest.snapshot, ours)? => Some(tip.latest.snapshot),
            _ => None,
        };
        if let Some(snapshot) = same
            && trust == Trust::Index
        {
            let same = tip.map(|tip| tip.latest);
            return Ok(Pushed { same, ..Pushed::nothing(snapshot, mended) });
        }
        let went_back = tip.as_ref().is_some_and(|tip| known.went_back(tip));
        let mut catalog = Catalog::read_to_rely_on(bucket, ends.index_folder).await?;
        let next = match same {
            Some(digest) => Next { digest, snapshot: store.load_json(&digest)?, merged: 0 },
            None => next_snapshot(ends, &catalog, tip.as_ref(), ours, known, theirs).await?,
        };
        let latest = tip.as_ref().map(|tip| &tip.latest);
        let same =
            same.or_else(|| latest.map(|latest| latest.snapshot).filter(|there| *there == next.digest));
        if same.is_some() && trust == Trust::Index {
            let (same, merged) = (latest.cloned(), next.merged);
            return Ok(Pushed { same, merged, ..Pushed::nothing(next.digest, mended) });
        }
        let mut needed = needed(ends, tip.as_ref(), &next, trust)?;
        if trust == Trust::Nothing {
            let lost = lost(bucket, &catalog.index, store, &needed, progress).await?;
            catalog.distrust(lost);
            // Others may need them besides.
            needed.extend(bases_here(store, &catalog, &needed)?);
        }
        if earnest == Earnest::Yes {
            // What another remote has promised goes by way of this machine.
            let absent: Vec<_> = needed.iter().filter(|digest| !catalog.has(digest)).copied().collect();
            let sizes = store.sizes_of(&absent)?.into_iter();
            let not_here = absent.into_iter().zip(sizes).filter(|(_, size)| size.is_none());
            store.bring(&not_here.map(|(digest, _)| digest).collect::<Vec<_>>(), progress)?;
        }
        let missing = missing(&catalog, store, needed.iter().copied())?;
        if earnest == Earnest::No {
            let raw = missing.iter().map(|(_, size)| size).sum();
            let sent = Sent { objects: missing.len() as u64, raw, stored: 0 };
            let nothing = Pushed::nothing(next.digest, mended);
            return Ok(Pushed { merged: next.merged, sent, went_back, ..nothing });
        }
        if dated::says_more(store, &next.snapshot, &missing)? {
            format::raise(bucket, format::MARKS).await?;
        }
        let bases = match trust {
            Trust::Index => {
                let tip = tip.as_ref().map(|tip| tip.latest.snapshot);
                bases::choose(&catalog, store, tip, &next.snapshot, &missing)?
            }
            Trust::Nothing => HashMap::new(),
        };
        let sent = send(bucket, &mut catalog, store, &missing, &bases, progress);
        let Some(sent) = sent.await? else { continue };
        catalog.distrust(HashSet::new());
        if trust == Trust::Nothing {
            mended.extend(mend::drop_unneeded(bucket, &mut catalog, store, progress).await?);
        }
        if same.is_some() {
            let same = tip.map(|tip| tip.latest);
            return Ok(Pushed { same, merged: next.merged, sent, ..Pushed::nothing(next.digest, mended) });
        }
        let look_again = async || {
            store.hit("remote.push.announced")?;
            catalog.refresh().await?;
            let holds = needed.iter().all(|digest| catalog.has(digest));
            store.hit("remote.push.looked")?;
            Ok(holds)
        };
        let before = over.take().unwrap_or_else(|| Before::of(tip.as_ref()));
        let moved = branch::move_to(bucket, which, &before, next.digest, mover, look_again);
        if let Some(moved) = moved.await? {
            store.hit("remote.push.moved")?;
            let nothing = Pushed::nothing(next.digest, mended);
            return Ok(Pushed { moved: Some(moved), merged: next.merged, sent, went_back, ..nothing });
        }
    }
    let (url, branch) = (bucket.url().to_owned(), which.branch.clone());
    Err(RemoteError::Busy { url, branch, tries: TRIES })
}

/// Returns what objects are deltas against, as far as that is here.
fn bases_here(
    store: &Store,
    catalog: &Catalog<'_>,
    objects: &[Digest],
) -> Result<HashSet<Digest>, RemoteError> {
    let mut bases = HashSet::new();
    for base in objects.iter().filter_map(|digest| catalog.index.find(digest)?.entry.base()) {
        if !bases.contains(&base) && store.has(&base)? {
            bases.insert(base);
        }
    }
    Ok(bases)
}

/// Tells whether two snapshots have the same records, wherever they came from.
fn holds_the_same(store: &Store, theirs: Digest, ours: Digest) -> Result<bool, RemoteError> {
    if theirs == ours {
        return Ok(true);
    }
    if !store.has(&theirs)? {
        return Ok(false);
    }
    let (theirs, ours) = (store.load_json::<Snapshot>(&theirs)?, store.load_json::<Snapshot>(&ours)?);
    let same = (&theirs.entries, theirs.unfinished, &theirs.local_only)
        == (&ours.entries, ours.unfinished, &ours.local_only);
    Ok(same && knows_the_marks(store, theirs.invalid, ours.invalid)?)
}

/// Tells whether what is marked as bad there tells all that is marked here.
fn knows_the_marks(store: &Store, theirs: Option<Digest>, ours: Option<Digest>) -> Result<bool, RemoteError> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(ours.is_none()) };
    if theirs == ours || !store.has(&theirs)? {
        return Ok(theirs == ours);
    }
    let (theirs, ours) = (store.load_json::<Invalid>(&theirs)?, store.load_json::<Invalid>(&ours)?);
    let both = Invalid::of(theirs.marks.iter().cloned().chain(ours.marks));
    Ok(both.is_none_or(|both| both == theirs))
}

/// Returns every object that a snapshot needs, itself first, as far as they may be missing there.
///
/// A record that the branch has there has its objects there: as long as the branch is not moved, no
/// collection takes them. Nothing follows from a record that the index names alone: a collection may
/// have left it in a pack and taken what it needs. Where nothing is believed, all that is here is looked at.
fn needed(ends: Ends<'_>, tip: Option<&Tip>, next: &Next, trust: Trust) -> Result<Vec<Digest>, RemoteError> {
    let store = ends.store;
    let mut there = HashSet::new();
    if let Some(tip) = tip
        && store.has(&tip.latest.snapshot)?
    {
        let snapshot: Snapshot = store.load_json(&tip.latest.snapshot)?;
        let records = snapshot.entries.iter().map(|entry| entry.record);
        // What was `local_only` until now is not there.
        let is_whole = |record: &Digest| {
            !snapshot.local_only.contains(record) || next.snapshot.local_only.contains(record)
        };
        there.extend(records.filter(is_whole));
    }
    let mut all = vec![next.digest];
    all.extend(next.snapshot.invalid);
    // Each has its own: a shard that was entered for what stays is not known as sent.
    let (mut reach, mut of_local) = (Reach::new(store), Reach::new(store));
    for entry in &next.snapshot.entries {
        let is_there = there.contains(&entry.record);
        if is_there && trust == Trust::Index {
            continue;
        }
        let stays = next.snapshot.local_only.contains(&entry.record);
        let reach = if stays { &mut of_local } else { &mut reach };
        let hidden = reach.follow(&entry.record, &mut |need, digest| {
            if !(stays && need.is_made()) {
                all.push(digest);
            }
        });
        // What others made is not here.
        if let Some(hidden) = hidden.into_iter().next().filter(|_| !is_there) {
            return Err(RemoteError::Hidden { task: entry.task.clone(), source: hidden });
        }
    }
    if let Some(digest) = next.snapshot.unfinished {
        all.push(digest);
        for task in store.load_json::<Unfinished>(&digest)?.tasks {
            all.extend(task.log.into_iter().chain(task.item_logs));
            let Some(items) = &task.items else { continue };
            let hidden = reach.follow_items(items, &mut |_, digest| all.push(digest));
            // What others did not finish is not here, and is there.
            let is_ours = store.has(items)?;
            if let Some(source) = hidden.into_iter().next().filter(|_| is_ours) {
                return Err(RemoteError::Hidden { task: task.task, source });
            }
        }
    }
    Ok(all)
}
