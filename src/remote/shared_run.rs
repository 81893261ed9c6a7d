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

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bucket::{Bucket, Swapped};
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

/// How many reports are read at once.
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

/// Which report of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It is done.
    Done,
    /// The latest try failed, or was stopped.
    Failed,
}

/// The reports of one task.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    /// The task is done.
    pub done: Option<WorkerReport>,
    /// The latest try of all of it that failed.
    pub failed: Option<WorkerReport>,
    /// Those of its bundles: of each that it is done, else its latest failure.
    pub bundles: Vec<WorkerReport>,
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
                break;
            }
        }
        let catalog = &catalog;
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

    /// Fails where this kptn may not read the remote.
    pub async fn check(&self) -> Result<(), RemoteError> {
        format::check(&self.bucket, Intent::Read).await
    }

    /// Returns what the run was opened with; absent where no run of this name was opened here.
    pub async fn plan(&self) -> Result<Option<RunPlan>, RemoteError> {
        self.unpack(&layout::run_plan(&self.run)).await
    }

    /// Returns what workers must know of a task and of others; absent where there is nothing.
    pub async fn briefing(&self, task: &TaskName) -> Result<Option<Briefing>, RemoteError> {
        self.unpack(&layout::run_briefs(&self.run, task)).await
    }

    /// Returns how the run ended; absent where it is not closed.
    pub async fn end(&self) -> Result<Option<RunEnd>, RemoteError> {
        self.read(&layout::run_closed(&self.run)).await
    }

    /// Writes how the run ended.
    pub async fn write_end(&self, end: &RunEnd) -> Result<(), RemoteError> {
        self.bucket.write(&layout::run_closed(&self.run), canonical_json(end)).await
    }

    /// Returns a report of a task or a bundle.
    pub async fn report(
        &self,
        which: Report,
        task: &TaskName,
        bundle: Option<&Bundle>,
    ) -> Result<Option<WorkerReport>, RemoteError> {
        self.read(&self.key(which, task, bundle)).await
    }

    /// Writes a report, after all that it names; returns the one that counts: of those that say that something is done the first.
    pub async fn write_report(
        &self,
        which: Report,
        task: &TaskName,
        bundle: Option<&Bundle>,
        report: WorkerReport,
    ) -> Result<WorkerReport, RemoteError> {
        let key = self.key(which, task, bundle);
        let bytes = canonical_json(&report);
        if which == Report::Failed {
            self.bucket.write(&key, bytes).await?;
            return Ok(report);
        }
        match self.bucket.swap(&key, None, bytes).await {
            Ok(Swapped::Yes) => Ok(report),
            // Also where the answer to our own write was lost: what is there tells.
            refused => match (self.read(&key).await?, refused) {
                (Some(first), _) => Ok(first),
                (None, Err(error)) => Err(error),
                (None, Ok(_)) => Err(self.bucket.damaged(&key, "it was there and is not any more")),
            },
        }
    }

    /// Returns all reports of a task.
    pub async fn reports(&self, task: &TaskName) -> Result<Reports, RemoteError> {
        let folder = layout::run_done(&self.run, task, None);
        let folder = folder.trim_end_matches("/done");
        let keys = self.bucket.list(folder).await?.into_iter().map(|(key, _)| key);
        self.read_reports(keys.collect()).await
    }

    /// Returns the folder of each task that has a report, by its last part, and the reports.
    pub async fn all_reports(&self) -> Result<HashMap<String, Reports>, RemoteError> {
        let above = layout::run_tasks(&self.run);
        let mut by_task: HashMap<String, Vec<String>> = HashMap::new();
        for (key, _) in self.bucket.list(&above).await? {
            let rest = key[above.len()..].trim_start_matches('/');
            if let Some((task, _)) = rest.split_once('/') {
                by_task.entry(task.to_owned()).or_default().push(key);
            }
        }
        // Few keys a task, so tasks side by side.
        let read = async |(task, keys)| Ok::<_, RemoteError>((task, self.read_reports(keys).await?));
        futures_util::stream::iter(by_task.into_iter().map(read))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn read_reports(&self, keys: Vec<String>) -> Result<Reports, RemoteError> {
        let is_done = |key: &String| keys.binary_search(key).is_ok();
        let wanted = keys.iter().filter(|key| !key.ends_with("/bundles")).filter(|key| {
            // A bundle that is done has not failed.
            key.strip_suffix(".failed").is_none_or(|bundle| !is_done(&bundle.to_owned()))
        });
        let read =
            async |key: &String| Ok::<_, RemoteError>((key.clone(), self.read::<WorkerReport>(key).await?));
        let mut reading = futures_util::stream::iter(wanted.map(read)).buffer_unordered(AT_ONCE);
        let mut reports = Reports::default();
        while let Some(report) = reading.next().await {
            match report? {
                (_, None) => {}
                (key, report) if key.ends_with("/done") => reports.done = report,
                (key, report) if key.ends_with("/failed") => reports.failed = report,
                (_, Some(report)) => reports.bundles.push(report),
            }
        }
        reports.bundles.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(reports)
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
            let Some(list) = after.list.as_deref().filter(|_| after != before) else { return Ok(digest) };
            let going = Condemned::read(&self.bucket, list).await?.unwrap_or_default();
            if !sent.located().any(|one| going.keys.contains(&one.key())) {
                return Ok(digest);
            }
        }
        Err(self.bucket.damaged(layout::INDEX_HEAD, "collections are announced all the time"))
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
        let news: Vec<_> =
            parts.into_iter().filter(|one| catalog.index.find(&one.entry.digest).is_none()).collect();
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

    /// Says where the lists of a task's bundles are.
    pub async fn write_bundles(&self, task: &TaskName, part: &Digest) -> Result<(), RemoteError> {
        self.bucket.write(&layout::run_bundles(&self.run, task), canonical_json(part)).await
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

    fn key(&self, which: Report, task: &TaskName, bundle: Option<&Bundle>) -> String {
        match which {
            Report::Done => layout::run_done(&self.run, task, bundle),
            Report::Failed => layout::run_failed(&self.run, task, bundle),
        }
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
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(value),
            Err(error) => match serde_json::from_slice::<Versioned>(bytes) {
                Ok(Versioned { format }) if format > known => {
                    let url = self.bucket.url().to_owned();
                    Err(RemoteError::NewerFormat { url, found: format, known })
                }
                _ => Err(self.bucket.damaged(key, error)),
            },
        }
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
