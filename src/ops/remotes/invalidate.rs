//! `invalidate`: says that a record, or an item of one, is bad: here, and for everybody who has it.
//!
//! ```text
//! here        the branch's records are marked; the next push carries the marks
//! --remote    the records of the remote's branch are marked, there at once and here
//! ```
//! Nothing else of a branch is moved at the remote: its state is written again with the marks.

use serde::Serialize;

use super::{Peer, PeerError};
use crate::model::{
    Address, BranchName, Digest, Graph, Invalid, Item, ItemKey, ItemNotFound, ItemRecord, Mark, MarkedItem,
    Progress, Record, Snapshot, Task, TaskName,
};
use crate::ops::items::{address, find_item, past_of};
use crate::ops::reading::ReadingError;
use crate::ops::{Footing, OpsError, Session, memo, protect};
use crate::remote::{self, Absent, Arrived, Earnest, Known, Mover, Part, Take, Theirs, Trust, block_on};
use crate::state::{BranchKey, Shards, StateError, load_item_table};
use crate::store::Store;

/// What is bad, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidateRequest {
    /// `-g GRAPH`.
    pub graph: Option<String>,
    /// `TASK` or `TASK[ITEM]`.
    pub words: Vec<String>,
    /// The remote whose records are meant; absent means those here.
    pub remote: Option<String>,
    /// The branch there; absent means the remote's own, else the one here.
    pub to: Option<String>,
    /// Why; empty where nothing is said.
    pub why: String,
}

/// What was marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidateReport {
    /// The remote that has the marks; absent where none was named.
    pub remote: Option<String>,
    /// The branch whose records are marked.
    pub branch: BranchName,
    /// The operation here.
    pub operation: u64,
    /// Why.
    pub why: String,
    /// What is bad.
    pub marked: Vec<MarkedRecord>,
}

/// A record or an item that was marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarkedRecord {
    /// The task.
    pub task: TaskName,
    /// The item; absent where the whole record is bad.
    pub item: Option<String>,
    /// The task's record.
    pub record: Digest,
    /// When it was finished, in ms since the epoch.
    pub made_ms: u64,
    /// Who made the record.
    pub user: String,
}

/// Something that is bad: what is told of it, and its mark without who made that.
type Found = (MarkedRecord, Mark);

/// Marks what is bad.
pub fn invalidate(
    session: Session,
    request: &InvalidateRequest,
    command: &str,
    progress: &dyn Progress,
) -> Result<InvalidateReport, OpsError> {
    let store = Store::open(session.store_root())?;
    let there = match &request.remote {
        Some(name) => Some(There::look(&session, &store, name, request, progress)?),
        None => None,
    };
    if there.is_none() {
        protect::refuse_elsewhere(&session)?;
    }
    let found: Vec<Found> = request
        .words
        .iter()
        .map(|word| match &there {
            Some(there) => there.find(&session, &store, request, word),
            None => here(&session, request, word),
        })
        .collect::<Result<_, _>>()?;
    let footing = Footing::of(session, command);
    let what = match request.why.as_str() {
        "" => request.words.join(", "),
        why => format!("{}: {why}", request.words.join(", ")),
    };
    let entry = footing.entry("invalidate", &what, &footing.key);
    let signed = |(_, mark): &Found| Mark {
        user: entry.user.to_owned(),
        at_ms: entry.at_ms,
        why: request.why.clone(),
        ..mark.clone()
    };
    let marks: Vec<Mark> = found.iter().map(signed).collect();
    if let Some(there) = &there {
        // What is known there counts for the turns of these.
        footing.state()?.take_marks(&footing.key.project, there.marks())?;
    }
    let operation = footing.state()?.invalidate(&footing.key, &marks, &entry)?;
    let branch = match &there {
        Some(there) => {
            let all = footing.state()?.marks(&footing.key.project)?;
            let (user, commit) = (entry.user.to_owned(), entry.commit.map(str::to_owned));
            there.write(&store, all, &Mover { user, commit, at_ms: entry.at_ms }, progress)?;
            there.key.branch.clone()
        }
        None => footing.key.branch.clone(),
    };
    let marked = found.into_iter().map(|(told, _)| told).collect();
    let remote = there.map(|there| there.peer.name);
    Ok(InvalidateReport { remote, branch, operation, why: request.why.clone(), marked })
}

/// Finds what a word means among the records of the branch here.
fn here(session: &Session, request: &InvalidateRequest, word: &str) -> Result<Found, OpsError> {
    let addressed = address(session, request.graph.clone(), word)?;
    let (graph, task) = (addressed.graph, addressed.task);
    let memo = memo::open(session)?;
    let known = past_of(session, graph, &memo)?;
    let branch = session.reads().branch.clone();
    let no_record = || ReadingError::NoRecord { task: task.name.clone(), branch: branch.clone(), own: true };
    let digest = known.current_digest(&task.name);
    let record = digest.and_then(|digest| known.record(digest));
    let item = match &addressed.item {
        Some(name) => {
            let found = find_item(&known, graph, task, name)?;
            let item = found.record.ok_or_else(|| PeerError::NeverFinished { name: word.to_owned() })?;
            Some((found.key, found.label, item))
        }
        None => None,
    };
    match (digest.zip(record), item) {
        (Some((digest, record)), item) => {
            let item = item.map(|(key, label, item)| (key, label, (*item).clone()));
            Ok(found(graph, task, digest, &record, item))
        }
        (None, _) => Err(no_record().into()),
    }
}

fn found(
    graph: &Graph,
    task: &Task,
    digest: Digest,
    record: &Record,
    item: Option<(ItemKey, String, ItemRecord)>,
) -> Found {
    let timing = item.as_ref().map_or(record.timing, |(_, _, item)| item.timing);
    let told = MarkedRecord {
        task: task.name.clone(),
        item: item.as_ref().map(|(_, label, _)| label.clone()),
        record: digest,
        made_ms: timing.started_ms + timing.wall_ms,
        user: record.provenance.user.clone(),
    };
    let mark = Mark {
        bad: item.as_ref().map_or(digest, |(_, _, item)| item.identity()),
        graph: graph.namespace.clone(),
        task: task.name.clone(),
        item: item.map(|(key, label, _)| MarkedItem { key, label }),
        holds: true,
        turn: 0,
        user: String::new(),
        at_ms: 0,
        why: String::new(),
    };
    (told, mark)
}

/// A remote's branch, as it is now.
struct There {
    peer: Peer,
    key: BranchKey,
    arrived: Arrived,
}

impl There {
    fn look(
        session: &Session,
        store: &Store,
        name: &str,
        request: &InvalidateRequest,
        progress: &dyn Progress,
    ) -> Result<Self, OpsError> {
        let peer = Peer::find(&session.project, store.layout(), Some(name), Absent::Fail)?;
        if !peer.settings.writable {
            return Err(PeerError::NotWritable { remote: peer.name }.into());
        }
        let key = peer.branch(request.to.as_deref(), &session.key)?;
        let parsed = request.words.iter().map(|word| Address::parse(word));
        let addresses: Vec<Address> =
            parsed.collect::<Result<_, _>>().map_err(|error| OpsError::Address { error })?;
        let chosen = |task: &TaskName| addresses.iter().any(|address| address.task == *task);
        let ends = peer.ends(store, &key, progress);
        let arrived = block_on(remote::pull(ends, None, Take::State, &|_, part, _, task| {
            part == Part::Record && chosen(task)
        }))?;
        Ok(Self { peer, key, arrived })
    }

    fn marks(&self) -> &[Mark] {
        self.arrived.invalid.as_ref().map_or(&[], |all| &all.marks)
    }

    /// Finds what a word means among its records.
    fn find(
        &self,
        session: &Session,
        store: &Store,
        request: &InvalidateRequest,
        word: &str,
    ) -> Result<Found, OpsError> {
        let addressed = address(session, request.graph.clone(), word)?;
        let (graph, task) = (addressed.graph, addressed.task);
        let mut entries = self.arrived.snapshot.entries.iter();
        let entry = entries.find(|entry| entry.graph == graph.namespace && entry.task == task.name);
        let Some(entry) = entry else {
            let (remote, branch) = (self.peer.name.clone(), self.key.branch.clone());
            return Err(PeerError::NotThere { remote, branch, tasks: vec![task.name.clone()] }.into());
        };
        let record: Record = store.load_json(&entry.record)?;
        let item = match (&addressed.item, record.items) {
            (None, _) => None,
            (Some(_), None) => return Err(OpsError::NoItems { task: task.name.clone() }),
            (Some(name), Some(items)) => {
                let table = load_item_table(store, &items, &mut Shards::new()).map_err(StateError::from)?;
                let items: Vec<Item> = table.items().iter().map(|one| one.item.clone()).collect();
                let wrong = |why| OpsError::item(&task.name, name, why);
                let item = name.find(&task.map_over, &items).map_err(wrong)?;
                let unknown = || wrong(ItemNotFound::Unknown { near: None });
                let found = table.find(&item.key()).ok_or_else(unknown)?;
                Some((found.key, item.label(&task.map_over), (**found).clone()))
            }
        };
        Ok(found(graph, task, entry.record, &record, item))
    }

    /// Writes the state there again, with these marks.
    fn write(
        &self,
        store: &Store,
        marks: Vec<Mark>,
        mover: &Mover,
        progress: &dyn Progress,
    ) -> Result<(), OpsError> {
        let (seen, before) = (self.arrived.tip.snapshot, self.arrived.snapshot.clone());
        let invalid = Invalid::of(marks).map(|all| store.put_json(&all)).transpose()?;
        let next = Snapshot::of(vec![seen], before.entries);
        let next = store.put_json(&next.beside(before.unfinished, invalid, before.local_only))?;
        store.flush()?;
        let ends = self.peer.ends(store, &self.key, progress);
        let known =
            Known { agreed: Some((seen, self.arrived.tip.generation)), looked_at: None, had: &|_| false };
        let pushed = remote::push(ends, next, known, Theirs::Keep, mover, Trust::Index, Earnest::Yes);
        block_on(pushed)?;
        Ok(())
    }
}
