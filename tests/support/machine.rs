//! Push and pull as a library: a store, what it last saw of a remote, and records made by hand.

use kptn::model::{
    BranchName, Digest, Fingerprint, GraphName, OutputFile, ProjectId, Provenance, RECORD_FORMAT, Record,
    RemoteSettings, RunId, Settled, Silent, Snapshot, SnapshotEntry, TaskName, Timing, outputs_digest,
};
use kptn::remote::{
    Absent, Arrived, Asked, Checked, Collected, Depth, Earnest, Ends, Known, Mover, Pushed, RemoteError,
    Take, Theirs, Trust, Which, block_on, check, collect, open, pull, push,
};
use kptn::store::Store;

/// A machine: a store, and what it last saw of the remote.
pub struct Machine {
    folder: tempfile::TempDir,
    pub store: Store,
    pub seen: Option<Digest>,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a machine");
        let store = Store::open(&folder.path().join("store")).expect("a machine");
        Self { folder, store, seen: None }
    }

    /// Records a task that wrote one file of these bytes.
    pub fn record(&self, task: &str, bytes: &[u8]) -> SnapshotEntry {
        self.record_of(task, vec![self.file(&format!("{task}.csv"), bytes)])
    }

    /// Takes a file in, under any path.
    pub fn file(&self, path: &str, bytes: &[u8]) -> OutputFile {
        OutputFile {
            path: path.to_owned(),
            digest: self.store.put_bytes(bytes).expect("a machine"),
            size: bytes.len() as u64,
            executable: false,
        }
    }

    /// Records a task that wrote these files.
    pub fn record_of(&self, task: &str, outputs: Vec<OutputFile>) -> SnapshotEntry {
        let record = Record {
            format: RECORD_FORMAT,
            graph: GraphName::parse("g").expect("a machine"),
            task: TaskName::parse(task).expect("a machine"),
            fingerprint: Fingerprint(outputs_digest(&outputs)),
            settled: Settled::Yes,
            ingredients: Vec::new(),
            code: Vec::new(),
            outputs_digest: outputs_digest(&outputs),
            outputs,
            result: Some(self.store.put_bytes(format!("\"{task}\"").as_bytes()).expect("a machine")),
            items: None,
            run: RunId::new(1, 1),
            timing: Timing::default(),
            provenance: Provenance::default(),
            log: None,
            accepted: None,
            local_only: false,
            deferred: Vec::new(),
        };
        SnapshotEntry {
            graph: record.graph.clone(),
            task: record.task.clone(),
            outputs: record.outputs_digest,
            record: self.store.put_json(&record).expect("a machine"),
        }
    }

    pub fn snapshot(&self, entries: Vec<SnapshotEntry>) -> Digest {
        let digest = self.store.put_json(&Snapshot::of(Vec::new(), entries)).expect("a machine");
        self.store.flush().expect("a machine");
        digest
    }

    pub fn push(&mut self, remote: &RemoteSettings, snapshot: Digest) -> Result<Pushed, RemoteError> {
        let pushed = with_ends(self, remote, async |ends| {
            let known = Known { agreed: self.seen.map(|seen| (seen, 0)), looked_at: None, had: &|_| false };
            push(ends, snapshot, known, Theirs::Keep, &mover(), Trust::Index, Earnest::Yes).await
        })?;
        self.seen = Some(pushed.snapshot);
        Ok(pushed)
    }

    /// Collects at the remote all that no branch has now, one step of it.
    pub fn collect(&self, remote: &RemoteSettings) -> Result<Collected, RemoteError> {
        let asked = Asked { earnest: Earnest::Yes, keep_ms: 0, grace_ms: 0 };
        with_ends(self, remote, async |ends| {
            collect(ends.bucket, ends.store, ends.index_folder, &asked, ends.progress).await
        })
    }

    /// Checks every byte of the remote.
    pub fn check(&self, remote: &RemoteSettings) -> Result<Checked, RemoteError> {
        with_ends(self, remote, async |ends| {
            check(ends.bucket, ends.store, ends.index_folder, Depth::Bytes, ends.progress).await
        })
    }

    pub fn pull(&mut self, remote: &RemoteSettings, take: Take) -> Result<Arrived, RemoteError> {
        let arrived = with_ends(self, remote, async |ends| pull(ends, None, take, &|_, _, _, _| true).await)?;
        self.seen = Some(arrived.tip.snapshot);
        Ok(arrived)
    }
}

fn mover() -> Mover {
    Mover { user: "ann".to_owned(), commit: None, at_ms: 1 }
}

fn with_ends<T>(
    machine: &Machine,
    remote: &RemoteSettings,
    act: impl AsyncFnOnce(Ends<'_>) -> Result<T, RemoteError>,
) -> Result<T, RemoteError> {
    let (project, branch) =
        (ProjectId::parse("root").expect("a machine"), BranchName::parse("main").expect("a machine"));
    let index_folder = machine.folder.path().join("index");
    block_on(async {
        let bucket = open(remote, Absent::Make)?;
        let which = Which { project: &project, branch: &branch };
        let ends = Ends {
            bucket: &bucket,
            store: &machine.store,
            index_folder: &index_folder,
            which,
            progress: &Silent,
        };
        act(ends).await
    })
}
