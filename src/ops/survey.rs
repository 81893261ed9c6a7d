//! Looks at every task of a graph: what it is made of today, and what to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::items::past_of;
use super::probes::{self, Probes, Probing};
use super::{OpsError, Session, promotable};
use crate::fingerprint::{Gathered, Memo, Surroundings, gather, gather_item_code};
use crate::model::{BranchName, Digest, Force, Graph, Interpreters, Item, Language, Record, Task, TaskName};
use crate::plan::{Decision, Gatherer, Known, fold};
use crate::process;
use crate::state::LocalMemo;
use crate::task::StateKnown;

/// One graph, looked at.
pub struct Survey<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// What was gathered about each task.
    pub gathered: BTreeMap<TaskName, Arc<Gathered>>,
    /// What to do about each task.
    pub decisions: BTreeMap<TaskName, Decision>,
    /// The past, as it was asked.
    pub known: StateKnown<'a>,
    /// The interpreters.
    pub interpreters: Interpreters,
    /// What each probe said, where they were asked.
    pub probes: Probes,
    /// Where a promotion would make a task fresh: the branch that it would come from; see [`Survey::look_for_promotable`].
    pub promotable: BTreeMap<TaskName, BranchName>,
}

/// What to look at, and how.
pub struct Question<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// Whether probes are asked.
    pub probing: Probing,
    /// Tasks that run though they are fresh.
    pub force: &'a dyn Fn(&TaskName) -> Force,
}

impl<'a> Survey<'a> {
    /// Looks at every task of a graph.
    pub fn of(session: &'a Session, memo: &'a LocalMemo, question: &Question<'a>) -> Result<Self, OpsError> {
        let graph = question.graph;
        let known = past_of(session, graph, memo)?;
        let interpreters = find_interpreters(session, memo, graph);
        let probes = match question.probing {
            Probing::Ask => probes::ask(&session.project.root, graph.tasks.values()),
            Probing::Believe => Probes::new(),
        };
        let (gathered, decisions) = {
            let surroundings =
                Surroundings::new(&session.project, graph, &interpreters, &probes, &environment, memo);
            let gathered = gather_all(graph, &surroundings, |task| match question.probing {
                Probing::Believe if probes::has_probes(task) => {
                    Some(probes::believed(known.current(&task.name).as_deref(), task))
                }
                Probing::Ask | Probing::Believe => None,
            });
            let looked = Looked { surroundings: &surroundings, gathered: &gathered };
            let decisions = fold(graph, session.dag(graph).order(), &looked, &known, question.force);
            (gathered, decisions)
        };
        Ok(Self { graph, gathered, decisions, known, interpreters, probes, promotable: BTreeMap::new() })
    }

    /// Finds out which tasks a promotion would make fresh; none on a branch that is not protected.
    pub fn look_for_promotable(&mut self, session: &Session, memo: &LocalMemo) -> Result<(), OpsError> {
        self.promotable = promotable::find(session, memo, self)?;
        Ok(())
    }
}

impl Survey<'_> {
    /// Decides about every task again, as if the past were another one.
    pub fn decide_as(
        &self,
        session: &Session,
        memo: &LocalMemo,
        known: &dyn Known,
    ) -> BTreeMap<TaskName, Decision> {
        let Self { graph, interpreters, probes, gathered, .. } = self;
        let surroundings =
            Surroundings::new(&session.project, graph, interpreters, probes, &environment, memo);
        let looked = Looked { surroundings: &surroundings, gathered };
        fold(graph, session.dag(graph).order(), &looked, known, &|_| Force::No)
    }

    /// Returns when the answers of a task's probes were given that are believed here.
    pub fn believed(&self, task: &TaskName, record: Option<&Record>) -> Option<u64> {
        let task = self.graph.tasks.get(task).filter(|task| probes::has_probes(task))?;
        let asked = probes::were_asked(&self.probes, task);
        // They were asked when the run was opened, shortly before it began.
        record.filter(|_| !asked).map(|record| record.timing.started_ms)
    }
}

/// Finds the interpreters that a graph's tasks need; Python always, for the runner.
pub fn find_interpreters(session: &Session, memo: &dyn Memo, graph: &Graph) -> Interpreters {
    let mut found =
        process::find_interpreters(&session.project, &environment, &MemoVersions(memo)).interpreters;
    if !graph.tasks.values().any(|task| task.script.language == Language::R) {
        found.r = None;
    }
    found
}

fn gather_all(
    graph: &Graph,
    shared: &Surroundings<'_>,
    own_probes: impl Fn(&Task) -> Option<Probes>,
) -> BTreeMap<TaskName, Arc<Gathered>> {
    let tasks: Vec<_> = graph.tasks.values().map(|task| (task, own_probes(task))).collect();
    let look = |(task, probes): &(&Task, Option<Probes>)| {
        let gathered = match probes {
            Some(probes) => gather(task, &shared.with_probes(probes)),
            None => gather(task, shared),
        };
        (task.name.clone(), Arc::new(gathered))
    };
    tasks.par_iter().map(look).collect()
}

/// Returns a variable of kptn's own environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

struct Looked<'a> {
    surroundings: &'a Surroundings<'a>,
    gathered: &'a BTreeMap<TaskName, Arc<Gathered>>,
}

impl Gatherer for Looked<'_> {
    fn gathered(&self, task: &Task) -> Arc<Gathered> {
        self.gathered.get(&task.name).cloned().unwrap_or_default()
    }

    fn item_code(&self, task: &Task, item: &Item) -> Gathered {
        gather_item_code(task, item, self.surroundings)
    }
}

/// Versions of interpreters, kept with the facts about source files.
pub struct MemoVersions<'a>(pub &'a dyn Memo);

const VERSIONS: &str = "interpreter 1";

impl process::Versions for MemoVersions<'_> {
    fn recall(&self, key: Digest) -> Option<String> {
        let facts = self.0.facts(VERSIONS, key)?;
        String::from_utf8(facts.to_vec()).ok()
    }

    fn keep(&self, key: Digest, said: &str) {
        self.0.keep_facts(VERSIONS, key, said.as_bytes());
    }
}
