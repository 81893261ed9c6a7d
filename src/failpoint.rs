//! Named places at which a test makes the process die or an operation fail.
//!
//! Not a layer: any file may call [`hit`]. Without the feature `failpoints` it
//! is an empty function. With it, `KPTN_FAILPOINT` says what happens where:
//! `name=kill`, `name:3=error` (at the third hit only), several joined by
//! commas. Every name stands in [`FAILPOINTS`], and a test walks that table.

use std::io;

/// Every fail point, with what has and what has not happened yet when it is hit.
pub const FAILPOINTS: &[(&str, &str)] = &[
    ("store.put.copied", "a large object's bytes are in a temporary file; no other process can find it"),
    ("store.flush.begun", "objects are in memory and temporary files; nothing is synced"),
    ("store.flush.synced", "temporary files are synced; none has its final name"),
    ("store.flush.renamed", "large objects have their names; small ones are not committed"),
    ("store.flush.committed", "everything is on disk; the caller does not know yet"),
    ("store.give.written", "a file that is given back is whole, and not in its place"),
    ("task.prepared", "a task's old files have left the output folder; its process is not started"),
    ("outputs.capture.found", "a task ran; the next of its files is about to be taken in"),
    ("journal.appended", "an item is in the journal; its objects and its row are in no database"),
    ("journal.batched", "a journal's items are in the databases; the journal is still there"),
    ("journal.replayed", "a dead run's journal is in the databases; the journal is still there"),
    ("task.captured", "a task's files are put; nothing is flushed, no record names them"),
    ("task.recorded", "a task's record is kept; the runner does not know yet"),
    ("state.finish.begun", "a task's objects are on disk; its result row is not written"),
    ("state.finish.written", "a task's result row is written; the transaction is not committed"),
    ("state.finish.committed", "a task's result is committed; the caller does not know yet"),
    ("state.close.begun", "all tasks of a run are recorded; nothing is folded"),
    ("state.close.stored", "the next snapshot is in the store; the branch does not point at it"),
    ("state.move.begun", "a branch is about to be moved; nothing is written"),
    ("state.move.written", "a branch is moved and the operation logged; the transaction is not committed"),
    ("state.move.committed", "the move is committed; the caller does not know yet"),
    ("state.close.committed", "the branch points at the next snapshot; the caller does not know yet"),
    ("gc.begun", "a collection is in the log and has a batch; nothing is put aside"),
    ("gc.moving", "a collection is about to put one more part of its objects aside"),
    ("gc.moved", "everything is put aside; the batch is not closed"),
    ("gc.closed", "the batch is closed; nothing older is deleted"),
    ("gc.deleting", "an old batch is marked as being deleted; one more part of it is about to go"),
    ("gc.deleted", "everything of an old batch is deleted, its folder is there"),
    ("gc.unlabelled", "an old batch has lost its label; its empty folder is there"),
    ("gc.returning", "an undo is about to put one more part of a batch back"),
    ("fsck.copied", "a damaged small object has a copy that is set aside; it is still in its place"),
    ("fsck.dropping", "damaged objects are set aside; a branch still has records that cannot be read"),
    ("remote.send.written", "objects are at a remote; its index does not name them"),
    ("remote.send.named", "a remote's index names what was sent; its branch does not point at it"),
    ("remote.push.announced", "a move is in a remote's history; what it needs is not looked at again"),
    ("remote.push.looked", "what a move needs was looked at again; the branch is not moved"),
    ("remote.gc.copied", "what is needed of half-empty packs is copied; nothing names the copies"),
    ("remote.gc.listed", "a collection's list is written; the index's head does not name it"),
    ("remote.gc.announced", "a collection is announced; nothing is deleted"),
    ("remote.gc.runs", "the keys of runs that are over are deleted, but for what says so"),
    ("remote.gc.ended", "runs that are over have no key any more"),
    ("remote.gc.marked", "what is needed was marked again; the index still names what goes"),
    ("remote.gc.unnamed", "the index does not name what goes; nothing is deleted"),
    ("remote.gc.deleting", "some of what goes is deleted"),
    ("remote.gc.deleted", "what goes is deleted, and the list of it"),
    ("remote.run.sent", "what a worker made is at the remote; nothing says where"),
    ("remote.run.named", "a part of a run says where that is; no report names it"),
    ("remote.run.reported", "a worker is about to say what came of its task"),
    ("remote.run.told", "it has said so; what has nothing to do after it is not marked yet"),
    ("run.execution.opening", "a run of several machines is open here; the remote has not heard of it"),
    ("run.execution.opened", "a run is open here and at the remote; no execution carries it out"),
    ("run.close.taken", "what workers reported is here, or promised; no branch has it"),
    ("run.close.gathered", "what workers made is this branch's; the run is open"),
    ("run.close.closed", "the run is closed here; the remote's branch is as it was"),
    ("run.close.pushed", "the remote's branch has what the run made; nothing there says that it ended"),
    ("remote.push.moved", "a remote's branch is moved; nothing here knows yet"),
    ("remote.pull.named", "what names other objects came from a remote; outputs and logs did not"),
    ("remote.pull.arrived", "everything came, or is promised; no branch here points at it"),
    ("remote.pull.moved", "a branch here is moved to what came; what did not finish there is not taken"),
    ("deploy.proposed", "AWS has said what would change; nobody was asked, nothing is done"),
    ("deploy.applied", "AWS was asked to make or change a stack; nobody waits for it"),
    ("deploy.written", "kptn.yaml names the remote and the stack; the image is not built"),
    ("deploy.built", "an image is built here; it is not in the repository"),
    ("deploy.uploaded", "the text of a machine is in the bucket; no machine is made of it"),
    ("remote.pull.taken", "what did not finish there is taken; how the remote was seen is not written down"),
];

/// Does what `KPTN_FAILPOINT` says for this place; nothing where it says nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit(_name: &'static str) -> io::Result<()> {
    Ok(())
}

/// Does what `KPTN_FAILPOINT` says for this place; nothing where it says nothing.
#[cfg(feature = "failpoints")]
pub fn hit(name: &'static str) -> io::Result<()> {
    active::hit(name)
}

#[cfg(feature = "failpoints")]
mod active {
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// What a fail point does.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Action {
        Kill,
        KillGroup,
        Error,
        NoSpace,
        Stop,
    }

    /// One part of `KPTN_FAILPOINT`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct Trigger {
        pub(super) name: String,
        /// At which hit, from 1; absent means at every one.
        pub(super) nth: Option<u64>,
        pub(super) action: Action,
    }

    static TRIGGERS: LazyLock<Vec<Trigger>> =
        LazyLock::new(|| std::env::var("KPTN_FAILPOINT").map(|text| parse(&text)).unwrap_or_default());
    static HITS: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

    pub(super) fn parse(text: &str) -> Vec<Trigger> {
        text.split(',').filter_map(parse_one).collect()
    }

    fn parse_one(text: &str) -> Option<Trigger> {
        let (place, action) = text.trim().split_once('=')?;
        let (name, nth) = match place.split_once(':') {
            Some((name, nth)) => (name, Some(nth.parse().ok()?)),
            None => (place, None),
        };
        let action = match action {
            "kill" => Action::Kill,
            "kill-group" => Action::KillGroup,
            "error" => Action::Error,
            "enospc" => Action::NoSpace,
            "stop" => Action::Stop,
            _ => return None,
        };
        Some(Trigger { name: name.to_owned(), nth, action })
    }

    pub(super) fn hit(name: &'static str) -> io::Result<()> {
        debug_assert!(super::FAILPOINTS.iter().any(|(known, _)| *known == name), "{name} is not listed");
        if TRIGGERS.is_empty() {
            return Ok(());
        }
        let count = {
            let mut hits = HITS.lock().unwrap_or_else(PoisonError::into_inner);
            let count = hits.entry(name).or_default();
            *count += 1;
            *count
        };
        let due = |t: &&Trigger| t.name == name && t.nth.is_none_or(|nth| nth == count);
        match TRIGGERS.iter().find(due).map(|trigger| trigger.action) {
            None => Ok(()),
            Some(Action::Kill) => die(Reach::Process),
            Some(Action::KillGroup) => die(Reach::Group),
            Some(Action::Error) => Err(io::Error::other(format!("fail point {name}"))),
            Some(Action::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
            Some(Action::Stop) => {
                stop();
                Ok(())
            }
        }
    }

    enum Reach {
        Process,
        Group,
    }

    #[cfg(unix)]
    fn die(reach: Reach) -> ! {
        use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
        let _ = match reach {
            Reach::Process => kill_process(getpid(), Signal::KILL),
            Reach::Group => kill_current_process_group(Signal::KILL),
        };
        std::process::abort()
    }

    /// Until somebody sends `SIGCONT`.
    #[cfg(unix)]
    fn stop() {
        use rustix::process::{Signal, getpid, kill_process};
        let _ = kill_process(getpid(), Signal::STOP);
    }

    #[cfg(not(unix))]
    fn stop() {}

    #[cfg(not(unix))]
    fn die(_reach: Reach) -> ! {
        std::process::abort()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_once() {
        let names: std::collections::BTreeSet<_> = FAILPOINTS.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), FAILPOINTS.len());
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn a_trigger_names_a_place_a_count_and_an_action() {
        use active::{Action, Trigger, parse};
        let trigger = |name: &str, nth, action| Trigger { name: name.into(), nth, action };
        assert_eq!(
            parse("store.put.copied=kill, store.flush.synced:3=enospc"),
            [
                trigger("store.put.copied", None, Action::Kill),
                trigger("store.flush.synced", Some(3), Action::NoSpace)
            ]
        );
        assert_eq!(parse("nonsense,a=b,a:x=kill"), []);
    }

    #[cfg(not(feature = "failpoints"))]
    #[test]
    fn a_release_never_fails_on_purpose() {
        assert!(hit("store.put.copied").is_ok());
    }
}
