//! Who depends on whom, and in which order tasks can run.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::fmt;

use petgraph::Direction;
use petgraph::graphmap::DiGraphMap;

use crate::model::{Graph, Location, TaskName};

/// The dependencies of one graph, without cycles.
#[derive(Debug, Clone)]
pub struct Dag {
    /// By position in YAML.
    names: Vec<TaskName>,
    positions: HashMap<TaskName, u32>,
    /// Edges run from a task to what depends on it.
    edges: DiGraphMap<u32, ()>,
    order: Vec<TaskName>,
    dependencies: Vec<Vec<TaskName>>,
}

/// One step of a cycle: `task` depends on `on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The task that depends.
    pub task: TaskName,
    /// What it depends on.
    pub on: TaskName,
    /// Where `kptn.yaml` says so.
    pub place: Option<Location>,
}

/// Tasks that depend on each other in a circle, so that none can be first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleError {
    /// Each task depends on the next one's task, the last on the first.
    pub edges: Vec<Edge>,
}

impl fmt::Display for CycleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tasks depend on each other in a circle: ")?;
        for edge in &self.edges {
            write!(f, "{} -> ", edge.task)?;
        }
        self.edges.first().map_or(Ok(()), |first| write!(f, "{}", first.task))
    }
}

impl std::error::Error for CycleError {}

impl Dag {
    /// Orders a graph's tasks; a cycle is an error that shows a shortest one.
    ///
    /// Dependencies that the graph does not have are left out: loading reports them.
    pub fn new(graph: &Graph) -> Result<Self, CycleError> {
        let names: Vec<TaskName> = graph.tasks.keys().cloned().collect();
        let positions: HashMap<TaskName, u32> =
            names.iter().enumerate().map(|(at, name)| (name.clone(), at as u32)).collect();
        let mut edges = DiGraphMap::with_capacity(names.len(), names.len());
        let mut dependencies = Vec::with_capacity(names.len());
        for (at, task) in graph.tasks.values().enumerate() {
            edges.add_node(at as u32);
            let known: Vec<&TaskName> = task.deps.iter().filter(|dep| positions.contains_key(*dep)).collect();
            for dep in &known {
                edges.add_edge(positions[*dep], at as u32, ());
            }
            dependencies.push(known.into_iter().cloned().collect());
        }
        let order = topological(&edges, names.len());
        if order.len() < names.len() {
            return Err(find_cycle(graph, &names, &edges, &order));
        }
        let order = order.into_iter().map(|at| names[at as usize].clone()).collect();
        Ok(Self { names, positions, edges, order, dependencies })
    }

    /// Returns all tasks, dependencies first; where they leave the order free, as in YAML.
    pub fn order(&self) -> &[TaskName] {
        &self.order
    }

    /// Returns what a task depends on directly, in the order written; nothing for an unknown task.
    pub fn dependencies(&self, task: &TaskName) -> &[TaskName] {
        self.positions.get(task).map_or(&[], |at| &self.dependencies[*at as usize])
    }

    /// Returns what depends on a task directly, in YAML order.
    pub fn dependents(&self, task: &TaskName) -> Vec<TaskName> {
        let Some(at) = self.positions.get(task) else { return Vec::new() };
        let mut found: Vec<u32> = self.edges.neighbors_directed(*at, Direction::Outgoing).collect();
        found.sort_unstable();
        found.into_iter().map(|at| self.names[at as usize].clone()).collect()
    }

    /// Returns everything that a task depends on, directly or not; not the task itself.
    pub fn ancestors(&self, task: &TaskName) -> BTreeSet<TaskName> {
        self.reach([task], Direction::Incoming, usize::MAX)
    }

    /// Returns everything that depends on a task, directly or not; not the task itself.
    pub fn descendants(&self, task: &TaskName) -> BTreeSet<TaskName> {
        self.reach([task], Direction::Outgoing, usize::MAX)
    }

    /// Returns what is at most `levels` steps before (`Incoming`) or after (`Outgoing`) any of `tasks`,
    /// without those.
    pub(super) fn reach<'t>(
        &self,
        tasks: impl IntoIterator<Item = &'t TaskName>,
        direction: Direction,
        levels: usize,
    ) -> BTreeSet<TaskName> {
        let mut level: Vec<u32> =
            tasks.into_iter().filter_map(|task| self.positions.get(task)).copied().collect();
        let mut seen = vec![false; self.names.len()];
        for at in &level {
            seen[*at as usize] = true;
        }
        let mut found = BTreeSet::new();
        for _ in 0..levels {
            let mut next = Vec::new();
            for at in level {
                for neighbour in self.edges.neighbors_directed(at, direction) {
                    if !std::mem::replace(&mut seen[neighbour as usize], true) {
                        found.insert(self.names[neighbour as usize].clone());
                        next.push(neighbour);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            level = next;
        }
        found
    }
}

/// Returns the tasks that can be ordered: of those that are ready, the first in YAML comes first.
fn topological(edges: &DiGraphMap<u32, ()>, count: usize) -> Vec<u32> {
    let mut waiting: Vec<usize> =
        (0..count as u32).map(|at| edges.neighbors_directed(at, Direction::Incoming).count()).collect();
    let mut ready: BinaryHeap<Reverse<u32>> =
        (0..count as u32).filter(|at| waiting[*at as usize] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for next in edges.neighbors_directed(at, Direction::Outgoing) {
            waiting[next as usize] -= 1;
            if waiting[next as usize] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    order
}

/// Finds a cycle among the tasks that could not be ordered; it begins with its first task in YAML.
fn find_cycle(graph: &Graph, names: &[TaskName], edges: &DiGraphMap<u32, ()>, ordered: &[u32]) -> CycleError {
    let mut left = vec![true; names.len()];
    for at in ordered {
        left[*at as usize] = false;
    }
    // What is left is in a cycle or behind one. Each such task waits for another one, so walking
    // from task to dependency ends up in a cycle.
    let mut at = (0..names.len() as u32).find(|at| left[*at as usize]).unwrap_or_default();
    while std::mem::replace(&mut left[at as usize], false) {
        let waits_for = |at: u32| edges.neighbors_directed(at, Direction::Incoming);
        let Some(next) = waits_for(at).find(|dep| left[*dep as usize]) else { break };
        at = next;
    }
    let mut path = cycle_through(at, edges).unwrap_or_default();
    let first = path.iter().enumerate().min_by_key(|(_, task)| **task).map_or(0, |(position, _)| position);
    path.rotate_left(first);
    let edge = |(task, on): (u32, u32)| {
        let (task, on) = (&names[task as usize], &names[on as usize]);
        let place = graph.tasks.get(task).and_then(|found| found.places.get(&format!("deps.{on}")).copied());
        Edge { task: task.clone(), on: on.clone(), place }
    };
    let next = path.iter().skip(1).chain(path.first());
    CycleError { edges: path.iter().zip(next).map(|(task, on)| edge((*task, *on))).collect() }
}

/// Returns a shortest cycle that begins at `start`, each depending on the next; absent where there is none.
fn cycle_through(start: u32, edges: &DiGraphMap<u32, ()>) -> Option<Vec<u32>> {
    let mut came_from: HashMap<u32, u32> = HashMap::new();
    let mut level = vec![start];
    while !level.is_empty() {
        let mut next = Vec::new();
        for at in level {
            for dep in edges.neighbors_directed(at, Direction::Incoming) {
                if dep == start {
                    let mut path = vec![at];
                    while let Some(before) = path.last().and_then(|last| came_from.get(last)) {
                        path.push(*before);
                    }
                    path.reverse();
                    return Some(path);
                }
                if let std::collections::hash_map::Entry::Vacant(free) = came_from.entry(dep) {
                    free.insert(at);
                    next.push(dep);
                }
            }
        }
        level = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::graph;
    use super::*;

    fn names<'a>(tasks: impl IntoIterator<Item = &'a TaskName>) -> String {
        tasks.into_iter().map(TaskName::as_str).collect::<Vec<_>>().join(" ")
    }

    fn name(text: &str) -> TaskName {
        TaskName::parse(text).unwrap()
    }

    #[test]
    fn yaml_order_breaks_ties() {
        let graph = graph(&[("d", &[]), ("c", &["a"]), ("b", &[]), ("a", &["b"]), ("e", &["d"])]);
        let dag = Dag::new(&graph).unwrap();
        assert_eq!(names(dag.order()), "d b a c e");
        assert_eq!(names(dag.dependencies(&name("c"))), "a");
        assert_eq!(names(&dag.dependents(&name("b"))), "a");
        assert_eq!(names(&dag.ancestors(&name("c"))), "a b");
        assert_eq!(names(&dag.descendants(&name("b"))), "a c");
        assert_eq!(names(&dag.ancestors(&name("nobody"))), "");
    }

    #[test]
    fn a_cycle_is_shown_as_a_path() {
        let cycle = |tasks| Dag::new(&graph(tasks)).unwrap_err().to_string();
        let circle = "tasks depend on each other in a circle: ";
        assert_eq!(cycle(&[("a", &["a"])]), format!("{circle}a -> a"));
        // `first` is behind the cycle, not in it; `x` is beside it.
        let tasks: &[(&str, &[&str])] =
            &[("first", &["a"]), ("x", &[]), ("a", &["x", "b"]), ("b", &["c"]), ("c", &["a", "x"])];
        assert_eq!(cycle(tasks), format!("{circle}a -> b -> c -> a"));
    }

    #[test]
    fn a_cycle_knows_the_places_that_close_it() {
        let mut graph = graph(&[("a", &["b"]), ("b", &["a"])]);
        let place = Location { line: 3, column: 7, length: 1 };
        graph.tasks["b"].places.insert("deps.a".to_owned(), place);
        let cycle = Dag::new(&graph).unwrap_err();
        assert_eq!(cycle.edges.iter().map(|edge| edge.place).collect::<Vec<_>>(), [None, Some(place)]);
    }

    proptest! {
        #[test]
        fn either_an_order_or_a_true_cycle(pairs in proptest::collection::vec((0usize..12, 0usize..12), 0..30)) {
            let labels: Vec<String> = (0..12).map(|at| format!("t{at}")).collect();
            let deps: Vec<Vec<&str>> = (0..12)
                .map(|at| pairs.iter().filter(|(from, _)| *from == at).map(|(_, to)| labels[*to].as_str()).collect())
                .collect();
            let tasks: Vec<(&str, &[&str])> = labels.iter().map(String::as_str).zip(deps.iter().map(Vec::as_slice)).collect();
            let graph = graph(&tasks);
            match Dag::new(&graph) {
                Ok(dag) => {
                    prop_assert_eq!(dag.order().len(), 12);
                    for (at, task) in dag.order().iter().enumerate() {
                        for dep in dag.dependencies(task) {
                            prop_assert!(dag.order()[..at].contains(dep));
                            prop_assert!(dag.ancestors(task).is_superset(&dag.ancestors(dep)));
                            prop_assert!(dag.descendants(dep).contains(task));
                        }
                    }
                }
                Err(cycle) => {
                    prop_assert!(!cycle.edges.is_empty());
                    let next = cycle.edges.iter().cycle().skip(1);
                    for (edge, next) in cycle.edges.iter().zip(next) {
                        prop_assert!(graph.tasks[&edge.task].deps.contains(&edge.on));
                        prop_assert_eq!(&edge.on, &next.task);
                    }
                }
            }
        }
    }
}
