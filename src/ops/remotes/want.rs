//! Which tasks a pull is about, and what of them.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::graph;
use crate::model::{Address, GraphName, Status, TaskName, Unfinished};
use crate::ops::scope::{self, Words};
use crate::ops::{OpsError, Session};
use crate::remote::Part;

/// Which tasks are wanted.
#[derive(Debug, Clone)]
pub enum Want {
    /// All that the remote's branch has.
    All,
    /// Those that words and selectors name.
    Tasks(Words),
    /// The direct dependencies of this one, and why it failed.
    ReadBy(String),
    /// These tasks and items, `B` or `B[NC]`: what each reads, what it left, why it failed.
    Items(Vec<String>),
    /// The items that failed of the tasks that words name, of all where none is named: as [`Want::Items`].
    FailedItems(Words),
}

/// Tasks, by the namespaces of their graphs.
pub type Names = BTreeSet<(GraphName, TaskName)>;

/// What a pull is about, as far as this project tells.
pub struct Choice<'s> {
    session: &'s Session,
    want: &'s Want,
    /// Tasks that are named; absent means all.
    named: Option<Names>,
    /// Those of [`Want::FailedItems`], once it is known what failed.
    failed: OnceCell<Names>,
    /// What the tasks that are meant depend on directly.
    read: OnceCell<Names>,
}

impl<'s> Choice<'s> {
    /// Looks up in the graphs of this project what is wanted.
    pub fn of(session: &'s Session, want: &'s Want) -> Result<Self, OpsError> {
        let named = match want {
            Want::All => None,
            Want::FailedItems(words) if words.words.is_empty() && words.graph.is_none() => None,
            Want::Tasks(words) | Want::FailedItems(words) => Some(select(session, words)?),
            Want::ReadBy(task) => Some(one(session, task)?),
            Want::Items(addresses) => {
                let mut named = Names::new();
                for text in addresses {
                    let address = Address::parse(text).map_err(|error| OpsError::Address { error })?;
                    named.extend(one(session, address.task.as_str())?);
                }
                Some(named)
            }
        };
        Ok(Self { session, want, named, failed: OnceCell::new(), read: OnceCell::new() })
    }

    /// Tells whether all of the branch is meant.
    pub fn is_all(&self) -> bool {
        matches!(self.want, Want::All)
    }

    /// Tells whether a part of a task is wanted.
    pub fn wants(&self, open: Option<&Unfinished>, part: Part, graph: &GraphName, task: &TaskName) -> bool {
        let is_in = |names: &Names| names.contains(&(graph.clone(), task.clone()));
        let is_named = || self.named.as_ref().is_none_or(is_in);
        let is_read =
            |names: &Names| part == Part::Record && is_in(self.read.get_or_init(|| self.read_by(names)));
        match (self.want, &self.named) {
            (Want::ReadBy(_), Some(named)) if part == Part::Record => is_read(named),
            (Want::Items(_), Some(named)) => is_in(named) || is_read(named),
            (Want::FailedItems(_), _) => {
                let failed = self.failed.get_or_init(|| self.failed(open));
                is_in(failed) || is_read(failed)
            }
            _ => is_named(),
        }
    }

    /// Returns the tasks with failed items that are meant.
    fn failed(&self, open: Option<&Unfinished>) -> Names {
        let tasks = open.map(|open| open.tasks.as_slice()).unwrap_or_default();
        let with_items = tasks.iter().filter(|one| !one.failed.is_empty());
        let names = with_items.map(|one| (one.graph.clone(), one.task.clone()));
        names.filter(|name| self.named.as_ref().is_none_or(|named| named.contains(name))).collect()
    }

    /// Returns what tasks depend on directly.
    fn read_by(&self, readers: &Names) -> Names {
        let mut read = Names::new();
        for graph in self.session.project.graphs.values() {
            let of_graph = graph.tasks.values();
            let named =
                of_graph.filter(|task| readers.contains(&(graph.namespace.clone(), task.name.clone())));
            let deps = named.flat_map(|task| &task.deps);
            read.extend(deps.map(|dep| (graph.namespace.clone(), dep.clone())));
        }
        read
    }
}

fn one(session: &Session, task: &str) -> Result<Names, OpsError> {
    select(session, &Words { graph: None, words: vec![task.to_owned()], exclude: Vec::new() })
}

fn select(session: &Session, words: &Words) -> Result<Names, OpsError> {
    let mut found = Names::new();
    for scope in scope::graphs(session, words)? {
        let of = scope.graph;
        // Which of them are stale is not asked: that is about this machine.
        let status = |_: &TaskName| Status::Stale;
        let tasks = graph::select(session.dag(of), of, &scope.selectors, &scope.exclude, &status)?;
        found.extend(tasks.into_iter().map(|task| (of.namespace.clone(), task)));
    }
    Ok(found)
}
