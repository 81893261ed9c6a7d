//! A run that several machines carry out, as it lies at a remote: `runs/<run>/…`.
//!
//! ```text
//! who opens   plan.json, briefs/<ab>, parts/<digest>
//! a worker    reads one brief -> objects, a part that says where -> tasks/<task>/done, made once
//! who closes  reads all reports -> the parts go into the index -> the ref -> closed
//! ```
//! Workers share no key that moves. Of two that ran the same the first report
//! counts; what the other one wrote is nobody's. A worker looks at the index's
//! head again once its part is there: a collection that lists one of its keys
//! by then makes it write anew, any later one finds the part (`collect/mod.rs`).

mod reports;
mod told;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bucket::Bucket;
use super::catalog::{Added, Catalog, keep, read_part};
use super::condemned::Condemned;
use super::encoding::LEVEL;
use super::fetch::{Wanted, fetch};
use super::format::{self, Intent};
use super::index::{Collections, Head, Index, Part, Whole};
use super::pull::fetch_some;
use super::push::Ends;
use super::send::{self, missing};
use super::{RemoteError, layout};
use crate::model::{
    Briefing, Bundle, Digest, Progress, RunEnd, RunId, RunPlan, SHARED_RUN_FORMAT, SnapshotEntry, TaskName,
    UnfinishedTask, WorkerReport, canonical_json,
};
use crate::store::{Store, StoreError};

pub use reports::{Caught, Report, Reports};
pub use told::Seen;

/// How many keys are read or written at once.
const AT_ONCE: usize = 32;
/// A briefing or a plan has no more bytes than this.
const UNPACKED_MOST: usize = 1 << 30;
/// How often objects are written anew that collections are about to delete.
const TRIES: u32 = 5;

/// One run at a remote.
#[derive(Clone)]
pub struct SharedRun {
    bucket: Bucket,
    run: RunId,
    /// Where parts are kept on this machine.
    index_folder: PathBuf,
}

/// Where objects are, as some parts of a run say.
pub struct Places(Index);

impl Places {
    /// Returns how many bytes an object has; absent where no part says where it is.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        self.0.find_whole(digest).map(|found| found.object.entry.raw)
    }
}

impl SharedRun {
    /// Names a run at a remote; makes no request.
    pub fn new(bucket: Bucket, run: RunId, index_folder: &Path) -> Self {
        Self { bucket, run, index_folder: index_folder.to_owned() }
    }

    /// Returns the run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Writes what the run was opened with, after what workers must know; with each briefing come the objects that its
    /// tasks need. Of those the remote gets what it lacks.
    pub async fn publish(
        &self,
        ends: Ends<'_>,
        plan: &RunPlan,
        briefings: Vec<(Briefing, Vec<Digest>)>,
    ) -> Result<(), RemoteError> {
        format::check(&self.bucket, Intent::Write).await?;
        let mut catalog = Catalog::read_to_rely_on(&self.bucket, ends.index_folder).await?;
        for _ in 0..TRIES {
            let all = briefings.iter().flat_map(|(_, objects)| objects.iter().copied());
            let missing = missing(&catalog, ends.store, all)?;
            let bases = HashMap::new();
            let sent = send::send(&self.bucket, &mut catalog, ends.store, &missing, &bases, ends.progress);
            if sent.await?.is_some() {
                return self.write_briefings(&catalog, plan, briefings).await;
            }
        }
        Err(self.collected_all_the_time())
    }

    async fn write_briefings(
        &self,
        catalog: &Catalog<'_>,
        plan: &RunPlan,
        briefings: Vec<(Briefing, Vec<Digest>)>,
    ) -> Result<(), RemoteError> {
        let write = async |(mut briefing, objects): (Briefing, Vec<Digest>)| {
            let Some(key) = briefing.tasks.keys().next().map(|task| layout::run_briefs(&self.run, task))
            else {
                return Ok(());
            };
            let places = objects.iter().filter_map(|digest| catalog.index.find_whole(digest));
            briefing.objects = self.put_part(&Part::of_located(places.flat_map(Whole::all))).await?;
            self.bucket.write(&key, packed(&briefing)?).await
        };
        let writing = briefings.into_iter().map(write);
        let mut writing = futures_util::stream::iter(writing).buffer_unordered(AT_ONCE);
        while let Some(written) = writing.next().await {
            written?;
        }
        self.bucket.write(&layout::run_plan(&self.run), packed(plan)?).await
    }

    /// Returns an error for a task that was to have a briefing.
    pub fn no_briefing(&self, task: &TaskName) -> RemoteError {
        self.bucket.damaged(&layout::run_briefs(&self.run, task), "it does not say what its task needs")
    }

    /// Fails where this kptn may not read the remote.
    pub async fn check(&self) -> Result<(), RemoteError> {
        format::check(&self.bucket, Intent::Read).await
    }

    /// Says to an engine that asks nobody else which run its execution has opened, and which tasks have nothing to do.
    pub async fn write_marks(&self, execution: Option<&str>, fresh: &[TaskName]) -> Result<(), RemoteError> {
        let write =
            async |task: &TaskName| self.bucket.write(&layout::run_skip(&self.run, task), Vec::new()).await;
        let writing = futures_util::stream::iter(fresh.iter().map(write)).buffer_unordered(AT_ONCE);
        writing.try_collect::<()>().await?;
        match execution.and_then(layout::run_opened) {
            Some(key) => self.bucket.write(&key, canonical_json(&serde_json::json!({"run": self.run}))).await,
            None => Ok(()),
        }
    }

    /// Returns what the run was opened with; absent where no run of this name was opened here.
    pub async fn plan(&self) -> Result<Option<RunPlan>, RemoteError> {
        self.unpack(&layout::run_plan(&self.run)).await
    }

    /// Returns what workers must know of a task and of others; absent where there is nothing.
    pub async fn briefing(&self, task: &TaskName) -> Result<Option<Briefing>, RemoteError> {
        self.unpack(&layout::run_briefs(&self.run, task)).await
    }

    /// Returns the briefings of some tasks, each read once however many of them it is about.
    pub async fn briefings(&self, tasks: &BTreeSet<TaskName>) -> Result<Vec<Briefing>, RemoteError> {
        let keys: BTreeSet<_> = tasks.iter().map(|task| layout::run_briefs(&self.run, task)).collect();
        let read = async |key: &String| self.unpack(key).await;
        let reading = futures_util::stream::iter(keys.iter().map(read)).buffer_unordered(AT_ONCE);
        reading.try_filter_map(async |briefing| Ok(briefing)).try_collect().await
    }

    /// Returns how the run ended; absent where it is not closed.
    pub async fn end(&self) -> Result<Option<RunEnd>, RemoteError> {
        self.read(&layout::run_closed(&self.run)).await
    }

    /// Writes how the run ended.
    pub async fn write_end(&self, end: &RunEnd) -> Result<(), RemoteError> {
        self.bucket.write(&layout::run_closed(&self.run), canonical_json(end)).await
    }

    /// Writes those objects that are not known to be there, and a part that says where all are.
    pub async fn send(
        &self,
        store: &Store,
        objects: &BTreeSet<Digest>,
        places: &Places,
        progress: &dyn Progress,
    ) -> Result<Digest, RemoteError> {
        let known: Vec<_> = objects.iter().filter_map(|digest| places.0.find_whole(digest)).collect();
        let missing: Vec<_> =
            objects.iter().filter(|digest| places.size(digest).is_none()).copied().collect();
        let mut sizes = Vec::with_capacity(missing.len());
        for (digest, size) in missing.iter().zip(store.sizes_of(&missing)?) {
            let absent = || StoreError::Absent { digest: *digest, root: store.layout().root().to_owned() };
            sizes.push((*digest, size.ok_or_else(absent)?));
        }
        for _ in 0..TRIES {
            let before = self.collections().await?;
            let epoch = before.epoch;
            let sent = send::write(&self.bucket, store, &sizes, &HashMap::new(), epoch, progress).await?;
            store.hit("remote.run.sent")?;
            let all = known.iter().flat_map(|whole| whole.all()).chain(sent.located());
            let digest = self.put_part(&Part::of_located(all)).await?;
            store.hit("remote.run.named")?;
            let after = self.collections().await?;
            if after == before {
                return Ok(digest);
            }
            // One that was announced meanwhile spares what it does not list; of any other nothing is known.
            let list = after.list.as_deref().filter(|_| after.epoch == epoch + 1);
            let going = match list {
                Some(list) => Condemned::read(&self.bucket, list).await?,
                None => None,
            };
            if going.is_some_and(|going| !sent.located().any(|one| going.keys.contains(&one.key()))) {
                return Ok(digest);
            }
        }
        Err(self.collected_all_the_time())
    }

    fn collected_all_the_time(&self) -> RemoteError {
        self.bucket.damaged(layout::INDEX_HEAD, "collections are announced all the time")
    }

    /// Returns those of some parts that are lost or damaged.
    pub async fn lost_parts(&self, parts: &BTreeSet<Digest>) -> Result<BTreeSet<Digest>, RemoteError> {
        let look = async |digest: &Digest| match self.places(&[*digest]).await {
            Ok(_) => Ok(None),
            Err(RemoteError::Damaged { .. }) => Ok(Some(*digest)),
            Err(error) => Err(error),
        };
        let looking = futures_util::stream::iter(parts.iter().map(look)).buffer_unordered(AT_ONCE);
        looking.try_filter_map(async |lost| Ok(lost)).try_collect().await
    }

    /// Has the index name what reports name, and fetches their records and what did not finish, but no outputs; returns
    /// those that are left there.
    pub async fn take_in(
        &self,
        ends: Ends<'_>,
        reports: &[&WorkerReport],
    ) -> Result<Vec<(Digest, u64)>, RemoteError> {
        let wanted: BTreeSet<Digest> = reports.iter().map(|report| report.objects).collect();
        let parts = self.places(&wanted.into_iter().collect::<Vec<_>>()).await?.0.all();
        let mut catalog = Catalog::read_to_rely_on(&self.bucket, ends.index_folder).await?;
        let news: Vec<_> = parts.into_iter().filter(|one| !catalog.has(&one.entry.digest)).collect();
        if !news.is_empty() && catalog.add(&Part::of_located(news.into_iter())).await? == Added::Stale {
            let problem = "a collection deletes what this run made; look with `kptn fsck --remote`";
            return Err(self.bucket.damaged(layout::INDEX_HEAD, problem));
        }
        let entries: Vec<_> = reports.iter().filter_map(|report| report.entry.clone()).collect();
        let unfinished: Vec<_> = reports.iter().filter_map(|report| report.unfinished.clone()).collect();
        fetch_some(ends, &catalog.index, &entries, &unfinished).await
    }

    /// Fetches records and what did not finish, but no outputs, from where some parts say that they are.
    pub async fn fetch_records(
        &self,
        ends: Ends<'_>,
        places: &Places,
        entries: &[SnapshotEntry],
        unfinished: &[UnfinishedTask],
    ) -> Result<(), RemoteError> {
        fetch_some(ends, &places.0, entries, unfinished).await.map(drop)
    }

    async fn collections(&self) -> Result<Collections, RemoteError> {
        let Some(bytes) = self.bucket.read(layout::INDEX_HEAD).await? else {
            return Ok(Collections::default());
        };
        let head: Head =
            serde_json::from_slice(&bytes).map_err(|error| self.bucket.damaged(layout::INDEX_HEAD, error))?;
        Ok(head.gc)
    }

    async fn put_part(&self, part: &Part) -> Result<Digest, RemoteError> {
        let stored = part.encode(0);
        let digest = Digest::of(&stored);
        keep(&self.index_folder, &digest, &stored);
        self.bucket.write(&layout::run_part(&self.run, &digest), stored).await?;
        Ok(digest)
    }

    /// Reads parts of the run; what a later one says wins.
    pub async fn places(&self, parts: &[Digest]) -> Result<Places, RemoteError> {
        let read = async |digest: &Digest| {
            let key = layout::run_part(&self.run, digest);
            read_part(&self.bucket, &self.index_folder, &key, digest).await.map(Arc::new)
        };
        let reading = futures_util::stream::iter(parts.iter().map(read)).buffered(AT_ONCE);
        Ok(Places(Index::new(Head::default(), reading.try_collect().await?)))
    }

    /// Writes the lists of bundles of a task, beside those that were written before: a bundle that was named once stays.
    pub async fn add_bundles(
        &self,
        store: &Store,
        task: &TaskName,
        bundles: &[Bundle],
        progress: &dyn Progress,
    ) -> Result<(), RemoteError> {
        let before = self.bundles(task).await?;
        let places = self.places(before.as_slice()).await?;
        let earlier = places.0.all().into_iter().map(|one| one.entry.digest);
        let all = bundles.iter().map(|bundle| bundle.list).chain(earlier).collect();
        let part = self.send(store, &all, &places, progress).await?;
        self.bucket.write(&layout::run_bundles(&self.run, task), canonical_json(&part)).await?;
        self.bucket.write(&layout::run_bundle_names(&self.run, task), canonical_json(&bundles)).await
    }

    /// Returns the part that says where the lists of a task's bundles are; absent where none were made.
    pub async fn bundles(&self, task: &TaskName) -> Result<Option<Digest>, RemoteError> {
        self.read(&layout::run_bundles(&self.run, task)).await
    }

    /// Brings objects whose places are known.
    pub async fn fetch(
        &self,
        places: &Places,
        store: &Store,
        objects: &[Digest],
        progress: &dyn Progress,
    ) -> Result<(), RemoteError> {
        let wanted: Vec<_> = objects.iter().map(|digest| Wanted::bytes(*digest, "a task of a run")).collect();
        fetch(&self.bucket, &places.0, store, &wanted, progress).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, RemoteError> {
        let Some(bytes) = self.bucket.read(key).await? else { return Ok(None) };
        self.parse(key, &bytes).map(Some)
    }

    /// Reads what this kptn or an older one wrote.
    fn parse<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T, RemoteError> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            #[serde(default)]
            format: u32,
        }
        let known = SHARED_RUN_FORMAT;
        if let Ok(Versioned { format }) = serde_json::from_slice(bytes)
            && format > known
        {
            return Err(RemoteError::NewerFormat { url: self.bucket.url().to_owned(), found: format, known });
        }
        serde_json::from_slice(bytes).map_err(|error| self.bucket.damaged(key, error))
    }

    async fn unpack<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, RemoteError> {
        let Some(stored) = self.bucket.read(key).await? else { return Ok(None) };
        let damaged = |problem: &dyn std::fmt::Display| self.bucket.damaged(key, problem);
        let size = zstd::zstd_safe::get_frame_content_size(&stored).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= UNPACKED_MOST);
        let size = size.ok_or_else(|| damaged(&"it is not what kptn writes"))?;
        let bytes = zstd::bulk::decompress(&stored, size).map_err(|error| damaged(&error))?;
        self.parse(key, &bytes).map(Some)
    }
}

fn packed(value: &impl Serialize) -> Result<Vec<u8>, RemoteError> {
    zstd::bulk::compress(&canonical_json(value), LEVEL).map_err(|source| RemoteError::System { source })
}
