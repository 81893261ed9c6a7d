//! Which modules an import executes, transitively.
//!
//! Where a package names all its tasks, each of them executes all the others.
//! The sets are therefore made once for each module that is imported, and
//! tasks hold references to them: ten thousand such tasks cost ten thousand
//! references, not a hundred million entries.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::fingerprint::surroundings::Surroundings;

use super::space::{ModuleId, Node, Space};

/// Modules that are executed together, and what they do then.
#[derive(Debug, Default)]
pub(super) struct Execution {
    /// The modules, sorted.
    modules: Vec<ModuleId>,
    /// Their files.
    pub paths: Arc<[PathBuf]>,
    /// Statements with an effect, and modules that could not be understood.
    pub starts: Vec<Node>,
    /// First parts of modules outside the project that they import.
    pub outside: BTreeSet<Box<str>>,
    /// Why one of them could not be read.
    pub problems: Vec<String>,
    /// Whether one of them changes where Python looks for modules.
    pub alters_path: bool,
}

impl Space {
    /// Returns what importing a module executes: itself, and all that each module it imports does.
    pub(super) fn executions_of(&mut self, id: ModuleId, s: &Surroundings) -> Arc<[Arc<Execution>]> {
        if let Some(known) = self.executions.get(&id) {
            return known.clone();
        }
        let mut all = vec![Arc::new(self.execution(&BTreeSet::from([id]), s))];
        for module in self.imported_by(id, s) {
            let whole = self.whole_execution(module, s);
            if !all.iter().any(|known| Arc::ptr_eq(known, &whole)) {
                all.push(whole);
            }
        }
        let all: Arc<[Arc<Execution>]> = all.into();
        self.executions.insert(id, all.clone());
        all
    }

    /// Returns everything that importing a module executes, as one set.
    fn whole_execution(&mut self, id: ModuleId, s: &Surroundings) -> Arc<Execution> {
        if let Some(known) = self.whole_executions.get(&id) {
            return known.clone();
        }
        let mut reached = HashSet::new();
        let mut open = vec![id];
        while let Some(module) = open.pop() {
            if !reached.insert(module) {
                continue;
            }
            let Some(known) = self.whole_executions.get(&module).cloned() else {
                open.extend(self.imported_by(module, s));
                continue;
            };
            // Each of two modules that import one another executes the same.
            if known.modules.binary_search(&id).is_ok() {
                self.whole_executions.insert(id, known.clone());
                return known;
            }
            reached.extend(&known.modules);
        }
        let made = Arc::new(self.execution(&reached.into_iter().collect(), s));
        self.whole_executions.insert(id, made.clone());
        made
    }

    fn imported_by(&mut self, id: ModuleId, s: &Surroundings) -> Vec<ModuleId> {
        let edges = self.edges(Node::Executed(id), s);
        let imported = edges.to.iter().filter_map(|node| match node {
            Node::Executed(module) if *module != id => Some(*module),
            _ => None,
        });
        imported.collect()
    }

    fn execution(&mut self, modules: &BTreeSet<ModuleId>, s: &Surroundings) -> Execution {
        let mut execution = Execution { modules: modules.iter().copied().collect(), ..Execution::default() };
        for id in modules {
            let edges = self.edges(Node::Executed(*id), s);
            execution.starts.extend(edges.to.iter().filter(|node| !matches!(node, Node::Executed(_))));
            execution.outside.extend(edges.outside.iter().cloned());
            let source = &self.module(*id).source;
            execution.problems.extend(source.problem.clone());
            execution.alters_path |= source.facts.alters_path();
        }
        execution.paths = modules.iter().map(|id| self.module(*id).path.clone()).collect();
        execution
    }
}
