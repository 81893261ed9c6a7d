//! What is left of the dependencies when those go that others imply: the transitive reduction.

use std::collections::HashMap;

use super::Dag;
use crate::model::TaskName;

impl Dag {
    /// Returns for each task of [`Dag::order`] the places in it of the dependencies that no other one
    /// implies, lowest first: `c` of `c: [a, b]` and `b: a` keeps `b` alone.
    pub fn reduced(&self) -> Vec<Vec<usize>> {
        let order = self.order();
        let places: HashMap<&TaskName, usize> =
            order.iter().enumerate().map(|(place, task)| (task, place)).collect();
        let words = order.len().div_ceil(64);
        // Who is before whom, a bit a task.
        let mut before: Vec<Vec<u64>> = Vec::with_capacity(order.len());
        let mut kept = Vec::with_capacity(order.len());
        for task in order {
            let mut deps: Vec<usize> = self.dependencies(task).iter().map(|dep| places[dep]).collect();
            deps.sort_unstable();
            let mut reached = vec![0; words];
            let mut needed = Vec::new();
            // The later one is first: it may imply the earlier ones, never the other way round.
            for dep in deps.into_iter().rev() {
                if reached[dep / 64] & (1 << (dep % 64)) != 0 {
                    continue;
                }
                needed.push(dep);
                reached[dep / 64] |= 1 << (dep % 64);
                for (word, more) in reached.iter_mut().zip(&before[dep]) {
                    *word |= more;
                }
            }
            needed.reverse();
            before.push(reached);
            kept.push(needed);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::graph;
    use super::*;

    #[test]
    fn what_another_dependency_implies_goes() {
        let graph =
            graph(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["a", "c", "b"]), ("e", &["a"])]);
        assert_eq!(Dag::new(&graph).unwrap().reduced(), [vec![], vec![0], vec![1], vec![2], vec![0]]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_said_twice(pairs in proptest::collection::vec((0usize..70, 0usize..70), 0..300)) {
            let labels: Vec<String> = (0..70).map(|at| format!("t{at}")).collect();
            let deps: Vec<Vec<&str>> = (0..70)
                .map(|at| pairs.iter().filter(|(to, from)| *to == at && from < to).map(|(_, from)| labels[*from].as_str()).collect())
                .collect();
            let tasks: Vec<(&str, &[&str])> = labels.iter().map(String::as_str).zip(deps.iter().map(Vec::as_slice)).collect();
            let graph = graph(&tasks);
            let dag = Dag::new(&graph).unwrap();
            let (order, reduced) = (dag.order(), dag.reduced());
            for (task, needed) in order.iter().zip(&reduced) {
                let mut reached: std::collections::BTreeSet<_> = needed.iter().map(|dep| order[*dep].clone()).collect();
                for dep in needed {
                    let above = dag.ancestors(&order[*dep]);
                    prop_assert!(needed.iter().all(|other| !above.contains(&order[*other])));
                    reached.extend(above);
                }
                prop_assert_eq!(reached, dag.ancestors(task));
            }
        }
    }
}
