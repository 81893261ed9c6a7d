//! `gc --remote`: what no branch needs goes, in two steps, while others push and pull.
//!
//! ```text
//! announce   mark -> copy what is needed out of half-empty packs -> write gc/<epoch>-<id>, the list of keys
//!            that go -> swap the index's head: it names the list, and the epoch grows by one
//! delete     (after the grace time) mark again -> swap the head: what goes is no longer named, the list is done
//!            -> delete those keys of the list that nothing needs
//! ```
//! Nobody waits for anybody, and whoever is frozen anywhere does no harm:
//!
//! - A push writes its move into the history, then reads the head, then moves the branch. Either it sees the
//!   list, and sends again what is on it; or its move was in the history before the list was announced, and the
//!   mark of the second step, which comes after that, finds it. A move that is announced counts as long as its
//!   branch has not moved on.
//! - A key that is on a list is never written again: keys have the epoch in their names or bytes. So whoever
//!   deletes late deletes nothing new. A push that began in an older epoch looks whether its own keys are on
//!   the list; where that can't be told any more, it sends them again.
//! - Of two collections, one swaps the head. The other's list is named by nobody.
//!
//! Runs that several machines carry out hold on to what their parts name until they are closed. The keys of one that
//! is over are deleted at once, `closed` last: nobody reads them, and a list of them would protect nothing.
//!
//! Ages are by the clock of the other end. It fails closed: where a branch is not whole, or is of a format that
//! this kptn does not know, nothing goes. What a killed collection leaves is named by nobody, and goes as such.

mod plan;
mod repack;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::SystemTime;

use super::branch::new_id;
use super::bucket::{Bucket, Listed};
use super::catalog::Catalog;
use super::condemned::Condemned;
use super::format::{self, Intent};
use super::index::{Collections, Index, Located, Part};
use super::leftover::tidy;
use super::survey::roots::Held;
use super::survey::{Needed, Over, Refs, Runs, Sizes, past_roots, sizes, walk};
use super::{Earnest, RemoteError, layout};
use crate::model::{Digest, Phase, Progress};
use crate::store::{Amount, Store};
use plan::{Plan, plan};

/// So many keys are deleted at a time.
const AT_ONCE: usize = 1000;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Whether to do it, or only to say what would be done.
    pub earnest: Earnest,
    /// Moves of so many ms keep what they led to.
    pub keep_ms: u64,
    /// So many ms lie between announcing and deleting; nothing younger is announced.
    pub grace_ms: u64,
}

/// A collection that is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// How many keys go.
    pub keys: u64,
    /// When its grace time is over, by the other end's clock.
    pub until_ms: u64,
}

/// What a collection did, or would do. Amounts are of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// All that are there, of those that a collection may take.
    pub total: Amount,
    /// That were announced.
    pub announced: Amount,
    /// Objects that were copied out of half-empty packs, and their bytes.
    pub repacked: Amount,
    /// That were deleted.
    pub deleted: Amount,
    /// That were announced earlier, and are needed after all.
    pub returned: u64,
    /// What waits for its grace time to be over.
    pub waiting: Option<Waiting>,
}

/// What does the work.
struct Work<'a> {
    bucket: &'a Bucket,
    store: &'a Store,
    asked: &'a Asked,
    progress: &'a dyn Progress,
    /// By the other end's clock.
    now_ms: u64,
}

/// Collects, or says what a collection would do.
pub async fn collect(
    bucket: &Bucket,
    store: &Store,
    index_folder: &Path,
    asked: &Asked,
    progress: &dyn Progress,
) -> Result<Collected, RemoteError> {
    progress.begin(Phase::Looking, 0, 0);
    format::check(bucket, Intent::Read).await?;
    // Before anything is written: there may be no room for that.
    let tidied = tidy(bucket, asked.grace_ms, asked.earnest).await?;
    let now_ms = match asked.earnest {
        Earnest::Yes => {
            format::raise(bucket, format::COLLECTIONS).await?;
            try_rights(bucket).await?
        }
        Earnest::No => local_ms(),
    };
    let work = Work { bucket, store, asked, progress, now_ms };
    let mut catalog = Catalog::read_to_rely_on(bucket, index_folder).await?;
    let list = catalog.condemned().clone();
    let mut report = Collected { deleted: tidied, ..Collected::default() };
    if !list.list.is_empty() {
        let at_ms = bucket.written_ms(&layout::condemned(&list.list)).await?;
        let at_ms = at_ms.ok_or_else(|| work.other())?;
        if now_ms.saturating_sub(at_ms) < asked.grace_ms {
            let until_ms = at_ms.saturating_add(asked.grace_ms);
            report.waiting = Some(Waiting { keys: list.keys.len() as u64, until_ms });
            return Ok(report);
        }
    }
    let marked = work.mark(&mut catalog).await?;
    report.total = marked.total();
    work.delete_runs(&marked, &mut report).await?;
    let gone = match list.list.is_empty() {
        true => HashSet::new(),
        false => work.delete(&mut catalog, &list, &marked, &mut report).await?,
    };
    work.announce(&mut catalog, &marked, &gone, &mut report).await?;
    Ok(report)
}

/// Fails where keys may not be written or removed; returns the time, by the other end's clock.
async fn try_rights(bucket: &Bucket) -> Result<u64, RemoteError> {
    let key = layout::probe(&new_id());
    bucket.write(&key, b"1".to_vec()).await?;
    let at_ms = bucket.written_ms(&key).await?;
    bucket.remove_all(std::slice::from_ref(&key)).await?;
    at_ms.ok_or_else(|| bucket.damaged(&key, "it was written and is not there"))
}

fn local_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What is needed, and what is there.
struct Marked {
    needed: Needed,
    runs: Runs,
    listed: Vec<Listed>,
    sizes: Sizes,
}

impl Marked {
    fn total(&self) -> Amount {
        let collected = |key: &str| layout::is_collected(key) || layout::run_of(key).is_some();
        self.listed.iter().filter(|one| collected(&one.key)).map(|one| one.size).collect()
    }

    /// Returns how much some keys have.
    fn amount<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Amount {
        keys.into_iter().filter_map(|key| self.sizes.get(key)).copied().collect()
    }

    /// Returns every object that is needed, by an index that may have moved on since the mark.
    fn with_bases(&self, index: &Index) -> HashSet<Digest> {
        let needed = self.needed.objects.keys();
        let bases = needed.clone().filter_map(|digest| index.find(digest)?.entry.base());
        bases.chain(needed.chain(&self.runs.bases).copied()).collect()
    }

    /// Returns those keys of a list that nothing needs now.
    fn unneeded(&self, list: &Condemned, index: &Index) -> HashSet<String> {
        let needed = self.with_bases(index);
        let needed = needed.iter().filter_map(|digest| index.find(digest));
        let mut needed: HashSet<String> = needed.map(|found| found.key()).collect();
        needed.extend(self.runs.keys.iter().cloned());
        needed.extend(index.head.parts.iter().map(|part| layout::index_part(&part.digest)));
        list.keys.difference(&needed).cloned().collect()
    }
}

impl Work<'_> {
    fn other(&self) -> RemoteError {
        RemoteError::Collecting { url: self.bucket.url().to_owned() }
    }

    /// Marks what is needed. The catalog must have been read before: a list that it names came before the mark.
    async fn mark(&self, catalog: &mut Catalog<'_>) -> Result<Marked, RemoteError> {
        let refs = Refs::read(self.bucket).await?;
        let listed = self.bucket.list_dated("").await?;
        let past = past_roots(self.bucket, &refs, &listed, self.now_ms, self.asked.keep_ms).await?;
        let roots: Vec<_> = refs.now().into_iter().chain(past).collect();
        // What a branch needs was in the index before the branch had it.
        catalog.refresh().await?;
        let none = HashSet::new();
        let needed = walk(self.bucket, &catalog.index, self.store, &none, &roots, self.progress).await?;
        let mut problems: Vec<String> =
            refs.unreadable.into_iter().chain(needed.hidden.iter().cloned()).collect();
        let lost = needed
            .objects
            .iter()
            .filter(|(digest, used)| used.held == Held::Now && !catalog.index.has(digest));
        problems.extend(lost.map(|(_, used)| format!("{used} is not there")));
        let runs = Runs::read(self.bucket, &listed, self.now_ms, self.asked.keep_ms).await?;
        problems.extend(runs.unreadable.iter().cloned());
        if let Some(first) = problems.iter().min().cloned() {
            let more = problems.len() as u64 - 1;
            return Err(RemoteError::NotWhole { url: self.bucket.url().to_owned(), first, more });
        }
        let sizes = sizes(&listed);
        Ok(Marked { needed, runs, listed, sizes })
    }

    /// Deletes the keys of runs that have been over for the grace time, what says so last of all.
    async fn delete_runs(&self, marked: &Marked, report: &mut Collected) -> Result<(), RemoteError> {
        let is_old = |over: &&Over| self.now_ms.saturating_sub(over.newest_ms) >= self.asked.grace_ms;
        let all =
            marked.runs.over.iter().filter(is_old).flat_map(|over| over.keys.iter().map(|one| &one.key));
        let (ends, others): (Vec<_>, Vec<_>) = all.cloned().partition(|key| layout::is_run_end(key));
        let deleted = marked.amount(ends.iter().chain(&others));
        report.deleted.objects += deleted.objects;
        report.deleted.bytes += deleted.bytes;
        if self.asked.earnest == Earnest::No || deleted.objects == 0 {
            return Ok(());
        }
        for (some, point) in [(others, "remote.gc.runs"), (ends, "remote.gc.ended")] {
            for some in some.chunks(AT_ONCE) {
                self.bucket.remove_all(some).await?;
            }
            self.store.hit(point)?;
        }
        Ok(())
    }

    /// The second step: returns the keys that are gone, the list among them.
    async fn delete(
        &self,
        catalog: &mut Catalog<'_>,
        list: &Condemned,
        marked: &Marked,
        report: &mut Collected,
    ) -> Result<HashSet<String>, RemoteError> {
        let goes = RefCell::new(marked.unneeded(list, &catalog.index));
        if self.asked.earnest == Earnest::Yes {
            self.store.hit("remote.gc.marked")?;
            let done = catalog.change(|catalog, write_id| {
                let Collections { epoch, list: now } = &catalog.index.head.gc;
                if now.as_ref() != Some(&list.list) {
                    return None;
                }
                // Others may have added to the index; what needs a key of the list does not grow any more.
                let unneeded = marked.unneeded(list, &catalog.index);
                let done = Collections { epoch: *epoch, list: None };
                let grown = catalog.index.without(&|key| unneeded.contains(key), done, write_id);
                goes.replace(unneeded);
                Some(grown)
            });
            if !done.await? {
                return Err(self.other());
            }
        }
        let mut goes = goes.into_inner();
        let deleted = marked.amount(&goes);
        report.deleted.objects += deleted.objects;
        report.deleted.bytes += deleted.bytes;
        report.returned = (list.keys.len() - goes.len()) as u64;
        if self.asked.earnest == Earnest::Yes {
            self.store.hit("remote.gc.unnamed")?;
            let mut keys: Vec<_> = goes.iter().cloned().collect();
            keys.sort();
            self.progress.begin(Phase::Deleting, deleted.objects, deleted.bytes);
            for some in keys.chunks(AT_ONCE) {
                self.bucket.remove_all(some).await?;
                self.progress.advance(marked.amount(some).bytes);
                self.store.hit("remote.gc.deleting")?;
            }
            self.bucket.remove_all(&[layout::condemned(&list.list)]).await?;
            self.store.hit("remote.gc.deleted")?;
        }
        goes.insert(layout::condemned(&list.list));
        Ok(goes)
    }

    /// The first step.
    async fn announce(
        &self,
        catalog: &mut Catalog<'_>,
        marked: &Marked,
        gone: &HashSet<String>,
        report: &mut Collected,
    ) -> Result<(), RemoteError> {
        let Plan { goes, moves } = self.plan(&catalog.index, marked, gone);
        report.announced = marked.amount(&goes);
        report.repacked = moves.iter().flat_map(|(_, live)| live).map(|one| one.entry.raw).collect();
        if goes.is_empty() || self.asked.earnest == Earnest::No {
            return Ok(());
        }
        let part = match moves.is_empty() {
            true => Part::default(),
            false => repack::copy(self.bucket, &moves, self.progress).await?,
        };
        self.store.hit("remote.gc.copied")?;
        let before = catalog.epoch();
        let list = format!("{:010}-{}", before + 1, new_id());
        let keys = goes.len() as u64;
        Condemned { list: list.clone(), keys: goes }.write(self.bucket, self.now_ms).await?;
        self.store.hit("remote.gc.listed")?;
        let announced = catalog.change(|catalog, write_id| {
            let gc = &catalog.index.head.gc;
            let next = Collections { epoch: before + 1, list: Some(list.clone()) };
            (gc.epoch == before && gc.list.is_none())
                .then(|| catalog.index.with_gc(part.clone(), next, write_id))
        });
        if !announced.await? {
            return Err(self.other());
        }
        self.store.hit("remote.gc.announced")?;
        report.waiting = Some(Waiting { keys, until_ms: self.now_ms.saturating_add(self.asked.grace_ms) });
        Ok(())
    }

    fn plan(&self, index: &Index, marked: &Marked, gone: &HashSet<String>) -> Plan {
        let mut by_key: HashMap<String, Vec<Located>> = HashMap::new();
        for one in index.all() {
            by_key.entry(one.key()).or_default().push(one);
        }
        let parts = index.head.parts.iter().map(|part| layout::index_part(&part.digest));
        let others: HashSet<String> = parts.collect();
        // What is younger may belong to a push that goes on.
        let is_old = |one: &Listed| self.now_ms.saturating_sub(one.at_ms) >= self.asked.grace_ms;
        let there = marked.listed.iter().filter(|one| layout::is_collected(&one.key));
        let is_named = |key: &String| others.contains(key) || marked.runs.keys.contains(key);
        let there = there.filter(|one| is_old(one) && !gone.contains(&one.key) && !is_named(&one.key));
        let needed = marked.with_bases(index);
        plan(there, &by_key, &|digest| needed.contains(digest))
    }
}
