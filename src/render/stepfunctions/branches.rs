//! A graph as branches: chains of tasks, and the gates between them.
//!
//! A task with one dependency may follow it in its branch; each other task
//! begins one, and waits there for each of its dependencies. So all waits are
//! there from the first second, and whoever ends a task can open the gate.
//!
//! ```text
//! a -> b -> d <- c         [a b]   [c]   [d], which waits for b and c
//! ```

use super::gates::MOST_HERE;
use crate::graph::Dag;

/// A branch is cut where it would be heavier, so that any graph can be put into machines.
const HEAVIEST: usize = 1000;

/// A straight line of tasks, by their places in the graph's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// What the first one waits for.
    pub waits: Vec<usize>,
    /// The first one and those that follow.
    pub tasks: Vec<usize>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branches {
    /// In the order of their first tasks.
    pub branches: Vec<Branch>,
    /// For each task, the tasks that wait for it at a gate.
    pub opens: Vec<Vec<usize>>,
}

/// Cuts a graph into branches.
pub fn cut(dag: &Dag) -> Branches {
    let needed = dag.reduced();
    let mut branches: Vec<Branch> = Vec::new();
    let mut opens = vec![Vec::new(); needed.len()];
    // The branch whose last task this is.
    let mut ends: Vec<Option<usize>> = vec![None; needed.len()];
    for (task, deps) in needed.into_iter().enumerate() {
        let follows = match deps.as_slice() {
            [one] => ends[*one],
            _ => None,
        };
        if let Some(branch) = follows {
            ends[deps[0]] = None;
            branches[branch].tasks.push(task);
            ends[task] = Some(branch);
            continue;
        }
        for dep in &deps {
            opens[*dep].push(task);
        }
        ends[task] = Some(branches.len());
        branches.push(Branch { waits: deps, tasks: vec![task] });
    }
    let branches = branches.into_iter().flat_map(|branch| pieces(branch, &mut opens)).collect();
    Branches { branches, opens }
}

/// Cuts a branch where it is too heavy; what is behind the cut waits for what is before it.
fn pieces(branch: Branch, opens: &mut [Vec<usize>]) -> Vec<Branch> {
    let mut pieces: Vec<Branch> = Vec::new();
    let mut weight = 0;
    for task in branch.tasks {
        // A task leaves ten events or so, as a gate does; many gates are opened elsewhere.
        let own = 10 * (1 + opens[task].len().min(MOST_HERE));
        weight += own;
        match pieces.last_mut() {
            Some(piece) if weight <= HEAVIEST => piece.tasks.push(task),
            Some(Branch { tasks, .. }) => {
                let before = tasks[tasks.len() - 1];
                opens[before].push(task);
                pieces.push(Branch { waits: vec![before], tasks: vec![task] });
                weight = own;
            }
            None => pieces.push(Branch { waits: branch.waits.clone(), tasks: vec![task] }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::graph;

    fn shown(tasks: &[(&str, &[&str])]) -> String {
        let graph = graph(tasks);
        let dag = Dag::new(&graph).unwrap();
        let name = |place: &usize| dag.order()[*place].as_str();
        let names = |places: &[usize]| places.iter().map(name).collect::<Vec<_>>().join(" ");
        let cut = cut(&dag);
        let one = |branch: &Branch| match branch.waits.as_slice() {
            [] => format!("[{}]", names(&branch.tasks)),
            waits => format!("({}) [{}]", names(waits), names(&branch.tasks)),
        };
        cut.branches.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_chain_is_a_branch_and_what_joins_begins_one() {
        assert_eq!(
            shown(&[("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &["b", "c"])]),
            "[a b] [c] (b c) [d]"
        );
        assert_eq!(shown(&[("a", &[]), ("b", &["a"]), ("c", &["a"])]), "[a b] (a) [c]");
        assert_eq!(shown(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])]), "[a b c]");
        assert_eq!(shown(&[]), "");
    }

    #[test]
    fn a_long_chain_is_cut() {
        let names: Vec<String> = (0..101).map(|at| format!("t{at}")).collect();
        let deps: Vec<Vec<&str>> =
            (0..101).map(|at: usize| names[..at].last().into_iter().map(String::as_str).collect()).collect();
        let tasks: Vec<(&str, &[&str])> =
            names.iter().map(String::as_str).zip(deps.iter().map(Vec::as_slice)).collect();
        assert!(shown(&tasks).ends_with("t98 t99] (t99) [t100]"), "{}", shown(&tasks));
    }
}
