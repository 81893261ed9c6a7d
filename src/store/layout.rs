//! Every path under the store root is spelled here, and nowhere else.
//!
//! ```text
//! <root>/format.json            {format, min_reader, min_writer}
//! <root>/objects/ab/cdef…       one large object, named by its digest, read-only
//! <root>/damaged/abcdef…        an object whose bytes turned out not to be its own
//! <root>/trash/<n>/batch.json   what a collection put aside: when, and whether it is being deleted
//! <root>/trash/<n>/abcdef…      a large object of that batch; small ones are marked in small.db
//! <root>/trash/<n>/runs/<id>/   a run's folder of that batch
//! <root>/trash/closed           the number of the last batch that is whole
//! <root>/holds/<n>              locked by processes that began to use objects when <n> was that number
//! <root>/small.db               small objects, a row each
//! <root>/state.db               branches, results, operations, runs
//! <root>/tmp/<writer>/          what a living process has not finished yet
//! <root>/tmp/<writer>.lock      held as long as that process lives
//! <root>/runs/<id>/             plan.json, events.jsonl, logs/, items/ (journals, while a mapped task runs)
//! <root>/locks/<what>           who runs what
//! <root>/workers/<run>/         outputs, and a state for each task, of a run that several machines carry out
//! <root>/handed/                what `kptn env` and `kptn shell` hand over in files
//! <root>/index/<place>.status   the flat index of one worktree and branch
//! <root>/index/<place>.memo     digests of files by their stats, of one worktree
//! <root>/index/<place>.bearings where a project's things are
//! <root>/remotes/<id>/remote.json  its name and address, where a lazy pull left objects there
//! <root>/remotes/<id>/index/    parts of a remote's index that were read
//! <root>/index/clock            touched to ask the file system for its time
//! ```

use std::path::{Path, PathBuf};

use crate::model::{BranchName, Digest, RunId, TaggedHasher, TaskName, safe_folder_name};

/// The paths of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Returns the paths of the store at `root`; touches nothing.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the file that says which kptn may read and write here.
    pub fn format(&self) -> PathBuf {
        self.root.join("format.json")
    }

    /// Returns the folder of large objects.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Returns the file of one large object.
    pub fn object(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        let (folder, name) = hex.split_at(2);
        self.root.join("objects").join(folder).join(name)
    }

    /// Returns the digest that a file under [`Layout::objects`] is named by; absent for any other file.
    pub fn digest_of_object(&self, path: &Path) -> Option<Digest> {
        let name = path.file_name()?.to_str()?;
        let folder = path.parent()?.file_name()?.to_str()?;
        (folder.len() == 2).then(|| format!("{folder}{name}").parse().ok())?
    }

    /// Returns where an object goes that was found to be damaged; `nth` is 0 for the first of its name.
    pub fn damaged(&self, digest: &Digest, nth: u32) -> PathBuf {
        let name = if nth == 0 { digest.to_string() } else { format!("{digest}.{nth}") };
        self.root.join("damaged").join(name)
    }

    /// Returns the folder of objects that were found to be damaged.
    pub fn damaged_folder(&self) -> PathBuf {
        self.root.join("damaged")
    }

    /// Returns the folder of what collections have put aside.
    pub fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// Returns the folder of one batch of it.
    pub fn batch(&self, number: u64) -> PathBuf {
        self.trash().join(number.to_string())
    }

    /// Returns the file that says when a batch was begun.
    pub fn batch_label(&self, number: u64) -> PathBuf {
        self.batch(number).join("batch.json")
    }

    /// Returns where a large object of a batch is.
    pub fn trashed(&self, number: u64, digest: &Digest) -> PathBuf {
        self.batch(number).join(digest.to_string())
    }

    /// Returns the folder of runs' folders of a batch.
    pub fn trashed_runs(&self, number: u64) -> PathBuf {
        self.batch(number).join("runs")
    }

    /// Returns the file that has the number of the last batch that is whole.
    pub fn last_closed(&self) -> PathBuf {
        self.trash().join("closed")
    }

    /// Returns the folder of the locks by which processes say since when they use objects.
    pub fn holds(&self) -> PathBuf {
        self.root.join("holds")
    }

    /// Returns the folder of the runs' folders.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Returns the database of small objects.
    pub fn small(&self) -> PathBuf {
        self.root.join("small.db")
    }

    /// Returns the database of branches, results, operations and runs.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.db")
    }

    /// Returns the folder of what is being written.
    pub fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Returns the folder of one run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    /// Returns the folder of parts of a remote's index that only this run names, where it was opened here.
    pub fn run_parts(&self, run: &RunId) -> PathBuf {
        self.run(run).join("parts")
    }

    /// Returns the folder of what this machine does for runs that other machines share.
    pub fn workers(&self) -> PathBuf {
        self.root.join("workers")
    }

    /// Returns the folder of one such run.
    pub fn worker(&self, run: &RunId) -> PathBuf {
        self.workers().join(run.as_str())
    }

    /// Returns the folder of parts of its index that only that run names.
    pub fn worker_parts(&self, run: &RunId) -> PathBuf {
        self.worker(run).join("parts")
    }

    /// Returns the folder that its tasks write to, where no other one is said.
    pub fn worker_outputs(&self, run: &RunId) -> PathBuf {
        self.worker(run).join("outputs")
    }

    /// Returns the plan that a run was opened with.
    pub fn run_plan(&self, run: &RunId) -> PathBuf {
        self.run(run).join("plan.json")
    }

    /// Returns the file of a run's events, one JSON value a line.
    pub fn run_events(&self, run: &RunId) -> PathBuf {
        self.run(run).join("events.jsonl")
    }

    /// Returns the file that is locked by who follows a run of an engine; absent where nobody does.
    pub fn run_follower(&self, run: &RunId) -> PathBuf {
        self.run(run).join("follower.lock")
    }

    /// Returns the file of what an engine prints that was started for a run.
    pub fn run_engine_log(&self, run: &RunId) -> PathBuf {
        self.run(run).join("engine.log")
    }

    /// Returns the folder of a run's logs.
    pub fn run_logs(&self, run: &RunId) -> PathBuf {
        self.run(run).join("logs")
    }

    /// Returns the folder of a run's journals of items; absent where none has more than the databases.
    pub fn run_items(&self, run: &RunId) -> PathBuf {
        self.run(run).join("items")
    }

    /// Returns the log of one task in one run.
    pub fn run_log(&self, run: &RunId, task: &TaskName) -> PathBuf {
        self.run_logs(run).join(format!("{}.log", safe_folder_name(task.as_str())))
    }

    /// Returns the folder of files that name values for people's own processes; they may go at any time.
    pub fn handed(&self) -> PathBuf {
        self.root.join("handed")
    }

    /// Returns the lock of whatever `parts` name together; `shown` is for people who list the folder.
    pub fn lock(&self, shown: &str, parts: &[&[u8]]) -> PathBuf {
        self.root.join("locks").join(Self::named("kptn lock file 1", shown, parts))
    }

    /// Returns the flat status index of one project in one worktree on one branch.
    pub fn status_index(&self, project_root: &Path, branch: &BranchName) -> PathBuf {
        let parts = [project_root.as_os_str().as_encoded_bytes(), branch.as_str().as_bytes()];
        self.index_file(branch.as_str(), &parts).with_extension("status")
    }

    /// Returns the remembered digests of files, of one project in one worktree.
    pub fn memo(&self, project_root: &Path) -> PathBuf {
        let parts = [project_root.as_os_str().as_encoded_bytes()];
        self.index_file("files", &parts).with_extension("memo")
    }

    /// Returns what is known of a project without reading its `kptn.yaml`.
    pub fn bearings(&self, project_root: &Path) -> PathBuf {
        let parts = [project_root.as_os_str().as_encoded_bytes()];
        self.index_file("project", &parts).with_extension("bearings")
    }

    /// Returns the folder where parts of a remote's index are kept.
    pub fn remote_index(&self, remote: &str) -> PathBuf {
        self.root.join("remotes").join(remote).join("index")
    }

    /// Returns the file that says how a remote is reached that has promised objects.
    pub fn remote_settings(&self, remote: &str) -> PathBuf {
        self.root.join("remotes").join(remote).join("remote.json")
    }

    /// Returns the file that is touched to ask the file system for its time.
    pub fn clock(&self) -> PathBuf {
        self.root.join("index").join("clock")
    }

    fn index_file(&self, shown: &str, parts: &[&[u8]]) -> PathBuf {
        self.root.join("index").join(Self::named("kptn index file 1", shown, parts))
    }

    /// Returns a file name that no other list of parts gets.
    fn named(kind: &str, shown: &str, parts: &[&[u8]]) -> String {
        let mut hasher = TaggedHasher::new(kind);
        for part in parts {
            hasher.field("part", part);
        }
        // A dot in it would be taken for an extension.
        let shown = safe_folder_name(shown).replace('.', "-");
        format!("{shown}-{}", hasher.finish().short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objects_file_tells_its_digest() {
        let layout = Layout::new(Path::new("/s"));
        let digest = Digest::of(b"x");
        let path = layout.object(&digest);
        assert_eq!(layout.digest_of_object(&path), Some(digest));
        assert_eq!(path.components().count(), 5);
        for other in ["/s/objects/ab/x", "/s/objects/README", "/s/objects/abc/def"] {
            assert_eq!(layout.digest_of_object(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn worktrees_and_branches_never_share_an_index() {
        let layout = Layout::new(Path::new("/s"));
        let branch = |name| BranchName::parse(name).unwrap();
        let places = [("/a", "main"), ("/b", "main"), ("/a", "Main"), ("/a", "v1.0"), ("/a", "v1.1")];
        let files: std::collections::BTreeSet<_> = places
            .iter()
            .map(|(root, name)| layout.status_index(Path::new(root), &branch(name)))
            .map(|path| path.to_string_lossy().to_lowercase())
            .collect();
        assert_eq!(files.len(), places.len());
    }
}
