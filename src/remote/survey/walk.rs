//! Everything that snapshots lead to: what names other objects is read, the rest is only named.
//!
//! What a branch has now must be readable to the end, and what is in the way is
//! said. What the past alone has may be gone, but what is there of it must be
//! understood: whoever deletes stops at what is not (`Needed::hidden`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::roots::Held;
use crate::model::{Digest, Progress, SNAPSHOT_FORMAT, Snapshot, UNFINISHED_FORMAT, Unfinished};
use crate::remote::RemoteError;
use crate::remote::bucket::Bucket;
use crate::remote::fetch::{Wanted, fetch};
use crate::remote::index::Index;
use crate::state::{Hidden, Need, Reach};
use crate::store::{Store, StoreError};

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The snapshot.
    pub snapshot: Digest,
    /// Whether it must be whole.
    pub held: Held,
    /// Whose it is, as people know it.
    pub of: String,
}

/// What an object is needed for.
#[derive(Debug, Clone)]
pub struct Use {
    /// Whether a branch has it now.
    pub held: Held,
    /// What it is, and whose.
    what: String,
    of: Arc<str>,
}

impl std::fmt::Display for Use {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} of {}", self.what, self.of)
    }
}

/// What is needed.
#[derive(Debug, Default)]
pub struct Needed {
    /// Objects, and what for.
    pub objects: HashMap<Digest, Use>,
    /// How many records there are among them.
    pub records: u64,
    /// What cannot be read, and hides what it names; not what is only absent.
    pub hidden: Vec<String>,
    /// Whether something that a branch has now is absent, and what it names unknown.
    pub is_whole: bool,
}

impl Needed {
    /// Notes what is of a format that this kptn does not understand.
    fn heed_format(&mut self, what: &str, format: u32, known: u32) {
        if format > known {
            self.hidden.push(format!("{what} is of format {format}, this kptn reads {known}"));
        }
    }

    /// Adds what deltas are against.
    fn add_bases(&mut self, index: &Index) {
        let base = |digest: &Digest| index.find(digest)?.entry.base();
        let bases: Vec<_> =
            self.objects.iter().filter_map(|(digest, used)| Some((base(digest)?, used.clone()))).collect();
        for (base, Use { held, what, of }) in bases {
            self.add(base, held, format!("what is a delta's base, that of {what}"), &of);
        }
    }

    fn add(&mut self, digest: Digest, held: Held, what: String, of: &Arc<str>) {
        let new = || Use { held, what, of: Arc::clone(of) };
        // What is needed now is told of as that.
        let known = self.objects.entry(digest).or_insert_with(new);
        if held == Held::Now {
            known.held = held;
        }
    }
}

/// Follows snapshots to their ends; keys of `bad` are not asked for.
pub async fn walk(
    bucket: &Bucket,
    index: &Index,
    store: &Store,
    bad: &HashSet<String>,
    roots: &[Walk],
    progress: &dyn Progress,
) -> Result<Needed, RemoteError> {
    let mut needed = Needed { is_whole: true, ..Needed::default() };
    let source = Source { bucket, index, store, bad, progress };
    source.gather(roots.iter().map(|root| root.snapshot), &mut needed).await?;
    let mut records: HashMap<(Digest, Made), (Held, Arc<str>)> = HashMap::new();
    let mut unfinished = Vec::new();
    for root in roots {
        let of: Arc<str> = root.of.as_str().into();
        needed.add(root.snapshot, root.held, format!("the snapshot {}", root.snapshot.short()), &of);
        let what = format!("the snapshot of {of}");
        let Some(snapshot) = source.load::<Snapshot>(&root.snapshot, root.held, &what, &mut needed) else {
            continue;
        };
        needed.heed_format(&what, snapshot.format, SNAPSHOT_FORMAT);
        if let Some(digest) = snapshot.invalid {
            needed.add(digest, root.held, "what is marked as bad".to_owned(), &of);
        }
        if let Some(digest) = snapshot.unfinished {
            unfinished.push((digest, root.held, Arc::clone(&of)));
        }
        for entry in snapshot.entries {
            let of: Arc<str> = format!("`{}` on {of}", entry.task).into();
            let made =
                if snapshot.local_only.contains(&entry.record) { Made::Elsewhere } else { Made::There };
            let known = records.entry((entry.record, made)).or_insert((root.held, of));
            if root.held == Held::Now {
                known.0 = root.held;
            }
        }
    }
    let names: HashSet<Digest> = records.keys().map(|(record, _)| *record).collect();
    needed.records = names.len() as u64;
    source.gather(names.into_iter(), &mut needed).await?;
    let record = |((digest, made), of): ((Digest, Made), (Held, Arc<str>))| (Namer::Record(digest, made), of);
    let mut left: Vec<_> = records.into_iter().map(record).collect();
    left.extend(source.unfinished(unfinished, &mut needed).await?);
    left.sort_by_key(|(namer, _)| *namer);
    // First the lists of shards come, then the shards; one round more sees that nothing is left.
    while !left.is_empty() {
        let (namers, again) = follow(store, left, &mut needed);
        let before = namers.iter().filter(|one| store.has(one).unwrap_or(false)).count();
        source.gather(namers.iter().copied(), &mut needed).await?;
        let came = namers.iter().filter(|one| store.has(one).unwrap_or(false)).count() > before;
        if !came {
            needed.is_whole &= again.iter().all(|(_, (held, _))| *held == Held::Past);
            break;
        }
        left = again;
    }
    needed.add_bases(index);
    store.flush()?;
    Ok(needed)
}

/// Where what a record made is, as a snapshot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Made {
    There,
    /// On the machine that made it (`local_only`): it is not needed there.
    Elsewhere,
}

/// What names other objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Namer {
    Record(Digest, Made),
    /// The list of the shards of items that finished, of a task that did not.
    Items(Digest),
}

type Namers = Vec<(Namer, (Held, Arc<str>))>;

/// Follows records and lists of items; returns what must be read before more can be named, and whose it is.
fn follow(store: &Store, all: Namers, needed: &mut Needed) -> (Vec<Digest>, Namers) {
    // Each has its own: a shard that was entered for what stays elsewhere is not known to need its files.
    let (mut reach, mut of_local) = (Reach::new(store), Reach::new(store));
    let (mut namers, mut again) = (Vec::new(), Vec::new());
    for (namer, (held, of)) in all {
        let mut visit = |need: Need<'_>, digest| {
            if matches!(need, Need::ShardList | Need::ItemShard) {
                namers.push(digest);
            }
            if !matches!(namer, Namer::Record(_, Made::Elsewhere) if need.is_made()) {
                needed.add(digest, held, need.words(), &of);
            }
        };
        let hidden = match namer {
            Namer::Record(record, Made::There) => reach.follow(&record, &mut visit),
            Namer::Record(record, Made::Elsewhere) => of_local.follow(&record, &mut visit),
            Namer::Items(list) => reach.follow_items(&list, &mut visit),
        };
        for one in hidden.iter().filter(|one| !one.is_absence()) {
            needed.hidden.push(format!("{of} cannot be read whole: {one}"));
        }
        if hidden.iter().any(Hidden::is_absence) {
            again.push((namer, (held, of)));
        }
    }
    (namers, again)
}

/// Where objects that name others come from.
struct Source<'a> {
    bucket: &'a Bucket,
    index: &'a Index,
    store: &'a Store,
    bad: &'a HashSet<String>,
    progress: &'a dyn Progress,
}

impl Source<'_> {
    /// Reads what was gathered; absent where it is not there or cannot be read, which is noted.
    fn load<T: DeserializeOwned>(
        &self,
        digest: &Digest,
        held: Held,
        what: &str,
        needed: &mut Needed,
    ) -> Option<T> {
        match self.store.load_json(digest) {
            Ok(loaded) => return Some(loaded),
            Err(StoreError::Absent { .. }) => needed.is_whole &= held == Held::Past,
            Err(error) => needed.hidden.push(format!("{what} cannot be read: {error}")),
        }
        None
    }

    /// Reads what tasks did not finish; returns the lists of items in it.
    async fn unfinished(
        &self,
        all: Vec<(Digest, Held, Arc<str>)>,
        needed: &mut Needed,
    ) -> Result<Namers, RemoteError> {
        self.gather(all.iter().map(|(digest, ..)| *digest), needed).await?;
        let mut namers = Vec::new();
        for (digest, held, of) in all {
            needed.add(digest, held, "what did not finish".to_owned(), &of);
            let what = format!("what did not finish of {of}");
            let Some(unfinished) = self.load::<Unfinished>(&digest, held, &what, needed) else { continue };
            needed.heed_format(&what, unfinished.format, UNFINISHED_FORMAT);
            for task in unfinished.tasks {
                let of: Arc<str> = format!("`{}` on {of}", task.task).into();
                for log in task.log.into_iter().chain(task.item_logs) {
                    needed.add(log, held, "the log of a failure".to_owned(), &of);
                }
                namers.extend(task.items.map(|list| (Namer::Items(list), (held, of))));
            }
        }
        Ok(namers)
    }

    /// Brings what is there; where something is damaged, all the rest.
    async fn gather(
        &self,
        objects: impl Iterator<Item = Digest>,
        needed: &mut Needed,
    ) -> Result<(), RemoteError> {
        let is_there = |digest: &Digest| {
            let found = self.index.find(digest);
            found.is_some_and(|found| self.bad.is_empty() || !self.bad.contains(&found.key()))
        };
        let wanted = objects.filter(is_there).map(|digest| Wanted::parsed(digest, "a branch"));
        let wanted: Vec<_> = wanted.collect();
        let fetch = async |wanted: &[Wanted]| {
            fetch(self.bucket, self.index, self.store, wanted, self.progress).await.map(|_| ())
        };
        match fetch(&wanted).await {
            Err(RemoteError::Damaged { .. }) => {}
            fetched => return fetched,
        }
        for one in wanted {
            match fetch(&[one]).await {
                Err(error @ RemoteError::Damaged { .. }) => needed.hidden.push(error.to_string()),
                fetched => fetched?,
            }
        }
        Ok(())
    }
}
