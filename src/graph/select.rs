//! What a user types to name tasks.
//!
//! ```text
//! a        the task            +a  a+  +a+     with all before / after / both
//! clean_*  a glob of names     2+a  a+1        with so many levels of them
//! tag:slow                     state:stale     by tag; by status
//! ```
//! Several selectors select all that any of them does; none select everything.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use petgraph::Direction;

use super::Dag;
use crate::model::{Graph, Status, TaskName, nearest_name};

/// A selector that selects nothing, or is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No task has this name.
    #[error("graph `{graph}` has no task `{name}`")]
    UnknownTask {
        /// The graph.
        graph: String,
        /// What was given.
        name: String,
        /// The name that was probably meant.
        near: Option<String>,
    },
    /// A glob that matches no task.
    #[error("no task of graph `{graph}` matches `{pattern}`")]
    NoMatch {
        /// The graph.
        graph: String,
        /// What was given.
        pattern: String,
    },
    /// No task has this tag.
    #[error("no task of graph `{graph}` has the tag `{tag}`")]
    UnknownTag {
        /// The graph.
        graph: String,
        /// What was given.
        tag: String,
        /// The tags that there are.
        known: Vec<String>,
    },
    /// A status that there is not.
    #[error("`{state}` is no status; use `fresh`, `stale`, `failed` or `maybe`")]
    UnknownState {
        /// What was given.
        state: String,
    },
    /// A text that has no meaning as a selector.
    #[error("`{selector}` is no selector")]
    Malformed {
        /// What was given.
        selector: String,
    },
}

/// Returns the tasks that any of `selectors` selects and none of `exclude` does, dependencies first.
///
/// Without selectors that is every task. A name or glob that matches nothing is an error in either
/// list; a status that no task has right now is not.
pub fn select(
    dag: &Dag,
    graph: &Graph,
    selectors: &[String],
    exclude: &[String],
    status: &dyn Fn(&TaskName) -> Status,
) -> Result<Vec<TaskName>, SelectError> {
    let selection = Selection { dag, graph, status };
    let excluded = selection.union(exclude)?;
    let included = match selectors {
        [] => graph.tasks.keys().cloned().collect(),
        _ => selection.union(selectors)?,
    };
    let chosen = dag.order().iter().filter(|task| included.contains(*task) && !excluded.contains(*task));
    Ok(chosen.cloned().collect())
}

struct Selection<'a> {
    dag: &'a Dag,
    graph: &'a Graph,
    status: &'a dyn Fn(&TaskName) -> Status,
}

/// How many levels before and after what is named; 0 for none.
struct Reach<'t> {
    before: usize,
    named: &'t str,
    after: usize,
}

impl Selection<'_> {
    fn union(&self, selectors: &[String]) -> Result<BTreeSet<TaskName>, SelectError> {
        let mut all = BTreeSet::new();
        for selector in selectors {
            all.extend(self.one(selector)?);
        }
        Ok(all)
    }

    fn one(&self, selector: &str) -> Result<BTreeSet<TaskName>, SelectError> {
        // A name may look like a selector (`a+2`); the name wins.
        if let Some((name, _)) = self.graph.tasks.get_key_value(selector) {
            return Ok(BTreeSet::from([name.clone()]));
        }
        let reach =
            parse(selector).ok_or_else(|| SelectError::Malformed { selector: selector.to_owned() })?;
        let named = self.named(reach.named)?;
        let mut all = self.dag.reach(&named, Direction::Incoming, reach.before);
        all.extend(self.dag.reach(&named, Direction::Outgoing, reach.after));
        all.extend(named);
        Ok(all)
    }

    fn named(&self, text: &str) -> Result<BTreeSet<TaskName>, SelectError> {
        let graph = || self.graph.name.to_string();
        let tasks = || self.graph.tasks.values();
        if let Some(tag) = text.strip_prefix("tag:") {
            let found: BTreeSet<_> = tasks()
                .filter(|task| task.tags.iter().any(|t| t == tag))
                .map(|task| task.name.clone())
                .collect();
            if found.is_empty() {
                let known: BTreeSet<&String> = tasks().flat_map(|task| &task.tags).collect();
                let known = known.into_iter().cloned().collect();
                return Err(SelectError::UnknownTag { graph: graph(), tag: tag.to_owned(), known });
            }
            return Ok(found);
        }
        if let Some(word) = text.strip_prefix("state:") {
            let known = [Status::Fresh, Status::Stale, Status::Failed, Status::Maybe];
            let wanted = known.into_iter().find(|status| status.word() == word);
            let wanted = wanted.ok_or_else(|| SelectError::UnknownState { state: word.to_owned() })?;
            return Ok(self
                .graph
                .tasks
                .keys()
                .filter(|task| (self.status)(task) == wanted)
                .cloned()
                .collect());
        }
        if text.contains(['*', '?', '[']) {
            let matcher = GlobBuilder::new(text)
                .build()
                .map_err(|_| SelectError::Malformed { selector: text.to_owned() })?;
            let matcher = matcher.compile_matcher();
            let found: BTreeSet<_> =
                self.graph.tasks.keys().filter(|task| matcher.is_match(task.as_str())).cloned().collect();
            return match found.is_empty() {
                true => Err(SelectError::NoMatch { graph: graph(), pattern: text.to_owned() }),
                false => Ok(found),
            };
        }
        // Parsing composes accents as names are composed, so `é` is found however it was typed.
        let found = TaskName::parse(text).ok().and_then(|name| self.graph.tasks.get_key_value(&name));
        match found {
            Some((name, _)) => Ok(BTreeSet::from([name.clone()])),
            None => {
                let near = nearest_name(text, self.graph.tasks.keys().map(TaskName::as_str));
                let near = near.map(str::to_owned);
                Err(SelectError::UnknownTask { graph: graph(), name: text.to_owned(), near })
            }
        }
    }
}

/// Splits `2+name+1`; absent where nothing is named.
fn parse(selector: &str) -> Option<Reach<'_>> {
    let levels = |digits: &str| match digits {
        "" => Some(usize::MAX),
        _ => digits.parse().ok().filter(|_| digits.bytes().all(|c| c.is_ascii_digit())),
    };
    let (before, rest) = match selector.split_once('+') {
        Some((digits, rest)) if levels(digits).is_some() => (levels(digits)?, rest),
        _ => (0, selector),
    };
    let (named, after) = match rest.rsplit_once('+') {
        Some((named, digits)) if levels(digits).is_some() => (named, levels(digits)?),
        _ => (rest, 0),
    };
    (!named.is_empty()).then_some(Reach { before, named, after })
}

#[cfg(test)]
mod tests {
    use super::super::testing::graph;
    use super::*;

    /// a -> b -> c -> d, and e alone; c is stale.
    fn selected(selectors: &[&str], exclude: &[&str]) -> Result<String, SelectError> {
        let mut graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &["c"]), ("e-1", &[])]);
        graph.tasks[1].tags.push("slow".to_owned());
        let dag = Dag::new(&graph).unwrap();
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let status = |task: &TaskName| if task.as_str() == "c" { Status::Stale } else { Status::Fresh };
        let chosen = select(&dag, &graph, &own(selectors), &own(exclude), &status)?;
        Ok(chosen.iter().map(TaskName::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn names_reach_and_globs_select_in_order() {
        for (selectors, tasks) in [
            (&[][..], "a b c d e-1"),
            (&["c"], "c"),
            (&["+c"], "a b c"),
            (&["c+"], "c d"),
            (&["1+c"], "b c"),
            (&["a+2"], "a b c"),
            (&["+b+"], "a b c d"),
            (&["d", "a"], "a d"),
            (&["[bc]"], "b c"),
            (&["e*"], "e-1"),
            (&["tag:slow+1"], "b c"),
            (&["state:stale"], "c"),
            (&["state:failed"], ""),
        ] {
            assert_eq!(selected(selectors, &[]).as_deref(), Ok(tasks), "{selectors:?}");
        }
        assert_eq!(selected(&["+d"], &["b"]).as_deref(), Ok("a c d"));
        assert_eq!(selected(&[], &["b+"]).as_deref(), Ok("a e-1"));
    }

    #[test]
    fn what_selects_nothing_is_an_error_that_helps() {
        let near = |selector: &str| match selected(&[selector], &[]) {
            Err(SelectError::UnknownTask { near, .. }) => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(near("e_1"), Some("e-1".to_owned()));
        assert_eq!(near("zebra"), None);
        assert!(matches!(selected(&["x*"], &[]), Err(SelectError::NoMatch { .. })));
        assert!(matches!(selected(&["tag:slwo"], &[]), Err(SelectError::UnknownTag { .. })));
        assert!(matches!(selected(&["state:odd"], &[]), Err(SelectError::UnknownState { .. })));
        assert!(matches!(selected(&["+"], &[]), Err(SelectError::Malformed { .. })));
        assert!(matches!(selected(&[""], &[]), Err(SelectError::Malformed { .. })));
        assert!(selected(&[], &["nobody"]).is_err());
    }
}
