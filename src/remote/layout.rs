//! Every key of a remote is spelled here, and nowhere else.
//!
//! ```text
//! kptn.json                                  {format, min_reader, min_writer}
//! refs/<project>/<branch>.json               a branch's last moves; moved by conditional put
//! history/<project>/<branch>/<gen>-<id>.json every move, written once
//! objects/ab/cdef…                           one large object, named by the digest of its raw bytes
//! objects/ab/cdef…-<base>                    one large object as a delta against another
//! packs/<digest>                             many small objects, readable by range
//! index/<digest>                             where objects are: one part of the index
//! index/head                                 which parts count; moved by conditional put
//! gc/<epoch>-<id>                            what a collection is about to delete
//! probe/<id>                                 tried by `remote check`, and removed again
//! damaged/<key>-<id>                        what stood at a key before `push --repair` put that right
//! runs/<run>/plan.json                       a run that several machines carry out: what it was opened with
//! runs/<run>/briefs/<ab>                     what a worker must know of each task whose name's digest begins so
//! runs/<run>/parts/<digest>                  where objects are that the index does not name yet
//! runs/<run>/tasks/<task>/done               what came of a task; made once, the first counts
//! runs/<run>/tasks/<task>/<bundle>           the same of some of its items
//! runs/<run>/tasks/<task>/[<bundle>.]failed  the latest try that failed
//! runs/<run>/tasks/<task>/bundles            where the lists of its bundles are
//! runs/<run>/tasks/<task>/bundles.json, …/skip, runs/<execution>/opened.json   for engines that read them there
//! runs/<run>/tasks/<task>/lost               what an engine has written of the task's job, which failed
//! runs/<run>/closed                          how it ended
//! locks/<name>                               folders only: who moves a key now, and who writes at all
//! ```
//! Names of projects and branches are made safe as folder names are, so two
//! that differ in case alone never share a key.

use crate::model::{BranchName, Bundle, Digest, ProjectId, RunId, TaskName, safe_folder_name};

/// The file that says which kptn may read and write here.
pub const FORMAT: &str = "kptn.json";

/// The list of the parts of the index that count.
pub const INDEX_HEAD: &str = "index/head";

/// Returns the key of a branch.
pub fn branch(project: &ProjectId, branch: &BranchName) -> String {
    format!("refs/{}/{}.json", safe_folder_name(project.as_str()), safe_folder_name(branch.as_str()))
}

/// Returns what the keys of all branches of a project begin with.
pub fn branches(project: &ProjectId) -> String {
    format!("refs/{}", safe_folder_name(project.as_str()))
}

/// Returns the key of one move of a branch.
pub fn history(project: &ProjectId, branch: &BranchName, generation: u64, write_id: &str) -> String {
    let (project, branch) = (safe_folder_name(project.as_str()), safe_folder_name(branch.as_str()));
    format!("history/{project}/{branch}/{generation:010}-{write_id}.json")
}

/// Returns what the keys of all moves of a branch begin with.
pub fn history_of(project: &ProjectId, branch: &BranchName) -> String {
    format!("history/{}/{}", safe_folder_name(project.as_str()), safe_folder_name(branch.as_str()))
}

/// Returns the key of a large object; another one after each collection, so that none is written again.
pub fn object(digest: &Digest, epoch: u64) -> String {
    since(own(digest), epoch)
}

/// Returns the key of a large object that is a delta: never that of the object by itself, whatever others write.
pub fn delta(digest: &Digest, base: &Digest, epoch: u64) -> String {
    since(format!("{}-{base}", own(digest)), epoch)
}

fn own(digest: &Digest) -> String {
    let hex = digest.to_string();
    let (folder, name) = hex.split_at(2);
    format!("objects/{folder}/{name}")
}

fn since(key: String, epoch: u64) -> String {
    match epoch {
        0 => key,
        epoch => format!("{key}.{epoch}"),
    }
}

/// What the key of a large object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnKey {
    /// The object.
    pub digest: Digest,
    /// What it is a delta against; absent where it is none.
    pub base: Option<Digest>,
    /// After how many collections it was written.
    pub epoch: u64,
}

/// Reads the key of a large object; absent where it is none.
pub fn read_object(key: &str) -> Option<OwnKey> {
    let (name, epoch) = match key.rsplit_once('.') {
        Some((name, epoch)) => (name, epoch.parse().ok()?),
        None => (key, 0),
    };
    let hex = name.strip_prefix("objects/")?.replacen('/', "", 1);
    let (digest, base) = match hex.split_once('-') {
        Some((digest, base)) => (digest, Some(base.parse().ok()?)),
        None => (hex.as_str(), None),
    };
    let read = OwnKey { digest: digest.parse().ok()?, base, epoch };
    let spelled = match &read.base {
        Some(base) => delta(&read.digest, base, epoch),
        None => object(&read.digest, epoch),
    };
    (spelled == key).then_some(read)
}

/// Returns the digest that the key of a pack or of a part of the index names.
pub fn read_named(key: &str) -> Option<Digest> {
    key.split_once('/')?.1.parse().ok()
}

/// Returns the key at which what stood at another one is kept.
pub fn damaged(key: &str, id: &str) -> String {
    format!("damaged/{key}-{id}")
}

/// Returns the key of a pack, by the digest of its bytes.
pub fn pack(digest: &Digest) -> String {
    format!("packs/{digest}")
}

/// Returns the key of a part of the index, by the digest of its bytes.
pub fn index_part(digest: &Digest) -> String {
    format!("index/{digest}")
}

/// Returns how many bytes a key may have that is read at once.
pub fn read_most(key: &str) -> u64 {
    match key.starts_with("index/") && key != INDEX_HEAD {
        true => 1 << 30,
        false => 1 << 28,
    }
}

/// Returns the key of a collection's list.
pub fn condemned(list: &str) -> String {
    format!("gc/{list}")
}

/// Returns the run that a key is of; absent where it is of none.
pub fn run_of(key: &str) -> Option<&str> {
    let (run, rest) = key.strip_prefix("runs/")?.split_once('/')?;
    (!run.is_empty() && !rest.is_empty()).then_some(run)
}

/// Tells whether a key is that of how a run ended.
pub fn is_run_end(key: &str) -> bool {
    run_of(key).is_some_and(|run| key == format!("runs/{run}/closed"))
}

/// Reads the key of a part of the index that only a run names; absent where it is none.
pub fn read_run_part(key: &str) -> Option<Digest> {
    key.strip_prefix(&format!("runs/{}/parts/", run_of(key)?))?.parse().ok()
}

/// Returns the key of what a run was opened with.
pub fn run_plan(run: &RunId) -> String {
    format!("runs/{run}/plan.json")
}

/// Returns the key of what workers must know of a task, and of others that share it.
pub fn run_briefs(run: &RunId, task: &TaskName) -> String {
    let hex = Digest::of(task.as_str().as_bytes()).to_string();
    format!("runs/{run}/briefs/{}", &hex[..2])
}

/// Returns the key of a part of the index that only a run names yet, by the digest of its bytes.
pub fn run_part(run: &RunId, digest: &Digest) -> String {
    format!("runs/{run}/parts/{digest}")
}

/// Returns what the keys of all tasks of a run begin with.
pub fn run_tasks(run: &RunId) -> String {
    format!("runs/{run}/tasks")
}

/// Returns what the keys of one task of a run begin with.
pub fn run_task(run: &RunId, task: &TaskName) -> String {
    format!("runs/{run}/tasks/{}", safe_folder_name(task.as_str()))
}

/// Returns the key of what came of a task of a run, or of one bundle of it.
pub fn run_done(run: &RunId, task: &TaskName, bundle: Option<&Bundle>) -> String {
    let task = run_task(run, task);
    match bundle {
        Some(Bundle { list, from, to }) => format!("{task}/{list}-{from}-{to}"),
        None => format!("{task}/done"),
    }
}

/// Returns the key of what came of the latest try that failed.
pub fn run_failed(run: &RunId, task: &TaskName, bundle: Option<&Bundle>) -> String {
    match bundle {
        Some(_) => format!("{}.failed", run_done(run, task, bundle)),
        None => format!("{}/failed", run_task(run, task)),
    }
}

/// Returns the key that tells that a machine has begun with a task of a run.
pub fn run_begun(run: &RunId, task: &TaskName) -> String {
    format!("{}/begun", run_task(run, task))
}

/// Returns the key of where the lists of a task's bundles are.
pub fn run_bundles(run: &RunId, task: &TaskName) -> String {
    format!("{}/bundles", run_task(run, task))
}

/// Returns the key of the names of a task's bundles, for an engine that reads them there.
pub fn run_bundle_names(run: &RunId, task: &TaskName) -> String {
    format!("{}/bundles.json", run_task(run, task))
}

/// Returns the key that tells an engine to start nothing for a task.
pub fn run_skip(run: &RunId, task: &TaskName) -> String {
    format!("{}/skip", run_task(run, task))
}

/// Tells whether a key below that of a task of a run is that of what came of it, or of one bundle.
pub fn is_run_report(key: &str) -> bool {
    !["/begun", "/bundles", "/bundles.json", "/skip", LOST].iter().any(|other| key.ends_with(other))
}

/// Tells whether a key below that of a task of a run is what an engine says of the task's job, which failed.
pub fn is_run_lost(key: &str) -> bool {
    key.ends_with(LOST)
}

const LOST: &str = "/lost";

/// Returns the key of the run that an engine's execution opened; absent where its name cannot be in a key.
pub fn run_opened(execution: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_plain = !execution.is_empty() && !execution.starts_with('.') && execution.chars().all(plain);
    is_plain.then(|| format!("runs/{execution}/opened.json"))
}

/// Returns the key of how a run ended.
pub fn run_closed(run: &RunId) -> String {
    format!("runs/{run}/closed")
}

/// Tells whether an engine reads a key of a run, or writes it: those do not ask a table.
fn is_for_engines(key: &str) -> bool {
    let parts: Vec<_> = key.split('/').collect();
    matches!(
        parts[..],
        ["runs", _, "opened.json"]
            | ["runs", _, "gates", ..]
            | ["runs", _, "tasks", _, "skip" | "bundles.json" | "lost"]
    )
}

/// The kinds of keys that are in a table, where a remote has one (`refs: dynamodb://table`); of packs small ones.
pub const IN_TABLE: [&str; 4] = [REFS, "history", "runs", PACKS];
const PACKS: &str = "packs";

/// Tells whether a key of this kind is in a table whatever it holds.
pub fn is_in_table(key: &str) -> bool {
    in_table(key).is_some_and(|(kind, _)| kind != PACKS)
}

/// Returns the kind of a key that a table may have, and the rest of it.
pub fn in_table(key: &str) -> Option<(&'static str, &str)> {
    let (kind, rest) = key.split_once('/')?;
    let kind = IN_TABLE.into_iter().find(|one| *one == kind)?;
    (!rest.is_empty() && !is_for_engines(key)).then_some((kind, rest))
}

/// What the keys of all branches of all projects begin with.
pub const REFS: &str = "refs";

/// Tells whether a key is of a kind that a collection takes where nothing names it.
pub fn is_collected(key: &str) -> bool {
    ["objects/", "packs/", "index/", "gc/", "probe/"].iter().any(|kind| key.starts_with(kind))
        && key != INDEX_HEAD
}

/// Tells whether a key is of a kind that kptn writes.
pub fn is_ours(key: &str) -> bool {
    is_collected(key)
        || ["refs/", "history/", "runs/", "damaged/", FORMAT, INDEX_HEAD]
            .iter()
            .any(|kind| key.starts_with(kind))
}

/// Returns a key that is tried and removed again.
pub fn probe(id: &str) -> String {
    format!("probe/{id}")
}

/// The same, which a remote with a table has there.
pub fn probe_in_table(id: &str) -> String {
    format!("runs/probe-{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_read_or_write_is_never_in_a_table() {
        let (run, task) = (RunId::new(1, 2), TaskName::parse("gates").unwrap());
        let bundle = Bundle { list: Digest::of(b""), from: 0, to: 1 };
        let theirs = [run_skip(&run, &task), run_bundle_names(&run, &task), run_opened("night-1").unwrap()];
        let written = [format!("runs/{run}/gates/1.2"), format!("{}/lost", run_task(&run, &task))];
        for key in theirs.iter().chain(&written) {
            assert!(!is_in_table(key), "{key}");
        }
        let ours =
            [run_done(&run, &task, None), run_done(&run, &task, Some(&bundle)), run_bundles(&run, &task)];
        for key in ours.iter().chain([&run_plan(&run), &run_closed(&run)]) {
            assert!(is_in_table(key), "{key}");
        }
    }

    #[test]
    fn the_key_of_a_large_object_is_read_as_it_is_spelled() {
        let (digest, base) = (Digest::of(b"a"), Digest::of(b"b"));
        for (key, base, epoch) in [
            (object(&digest, 0), None, 0),
            (object(&digest, 7), None, 7),
            (delta(&digest, &base, 0), Some(base), 0),
            (delta(&digest, &base, 12), Some(base), 12),
        ] {
            assert_eq!(read_object(&key), Some(OwnKey { digest, base, epoch }), "{key}");
            assert_eq!(read_object(&key.replacen('/', "/0/", 1)), None);
            assert_eq!(read_object(&format!("{key}#1")), None);
        }
    }

    #[test]
    fn branches_that_differ_in_case_alone_have_keys_that_differ_in_more() {
        let project = ProjectId::parse("root").unwrap();
        let keys = ["main", "Main", "feature/x", "feature-x"]
            .map(|name| branch(&project, &BranchName::parse(name).unwrap()).to_lowercase());
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(keys[0], "refs/root/main.json");
    }
}
