//! Python code: what a function reaches, and what it takes.
//!
//! ```text
//! facts     what one source says, by its bytes alone   (statements, names, tokens, ...)
//! look      sources read and parsed once
//! space     the project's modules through one list of import roots
//! resolve   what a name turns out to be
//! closure   everything a function reaches               (effects: what an import does)
//! parts     the closure as parts of code
//! ```
//! The function counts with every top-level name it mentions, transitively, and
//! with what importing the modules does. What cannot be resolved widens to the
//! whole file. A comment, formatting, or a function that nothing mentions does
//! not count. After a run, the modules that were really imported are compared
//! with this closure, by the caller.

mod closure;
mod config;
mod decorators;
mod dotted;
mod dynamic;
mod effects;
mod execution;
mod facts;
mod imports;
mod look;
mod names;
mod parts;
mod purity;
mod resolve;
mod roots;
mod scopes;
mod signature;
mod space;
mod statements;
mod tokens;

use std::collections::BTreeSet;
use std::path::Path;

use crate::model::{Diagnostic, Input, Location, Severity, Task};

use super::code::{Packages, Reached, add_part};
use super::gather::{Called, Gathered};
use super::kept::guard;
use super::surroundings::Surroundings;
use closure::{Closure, module_of, node_of};
use resolve::Found;
use space::{ModuleId, Node, Space};

pub use facts::{Facts, facts_of};
pub(super) use look::Look;
pub use signature::{Parameter, ParameterKind, Signature};

/// Adds the code of a Python task; returns what it uses from outside the project.
pub(super) fn add(task: &Task, script: &Path, s: &Surroundings, to: &mut Gathered) -> Reached {
    let roots = roots::of(task, script, s);
    // Read and parsed before the space is locked: other threads can go on meanwhile.
    s.python.source(s.memo, script);
    let space = s.python.space(roots.clone());
    let mut space = guard(&space);
    let reach = Reach::of(&mut space, task, script, s);
    if !reach.alters_path() {
        return reach.add(&mut space, task, s, to);
    }
    drop(space);
    let space = s.python.space(roots::everywhere(roots, s));
    let mut space = guard(&space);
    Reach::of(&mut space, task, script, s).add(&mut space, task, s, to)
}

/// Returns the files that a source may mean by what it imports, relative to where modules are looked for:
/// for Python code that a task of another language runs.
pub(super) fn imported_files(bytes: &[u8]) -> Vec<String> {
    let facts = facts_of(bytes);
    facts.statements.iter().flat_map(|statement| &statement.imports).flat_map(imports::files).collect()
}

/// Everything that a task's function reaches.
struct Reach {
    script: ModuleId,
    /// What the function's name leads to; empty where it is missing.
    found: Vec<Found>,
    signature: Option<Signature>,
    config: config::Reach,
    closure: Closure,
}

impl Reach {
    fn of(space: &mut Space, task: &Task, path: &Path, s: &Surroundings) -> Self {
        let script = space.load(path, s);
        let name = function_of(task);
        let found = space.lookup(script, name.split('.').next().unwrap_or(name), 0, s).to_vec();
        let signature = signature_of(space, &found);
        let config = config::reach(space, script, signature.as_ref(), s);
        let mut starts: Vec<Node> = found.iter().filter_map(node_of).collect();
        starts.push(Node::Executed(script));
        starts.extend(config.starts.iter().copied());
        let closure = space.closure(&starts, s);
        Self { script, found, signature, config, closure }
    }

    /// Tells whether the code changes where Python looks for modules.
    fn alters_path(&self) -> bool {
        self.closure.executions.iter().any(|execution| execution.alters_path)
    }

    fn add(self, space: &mut Space, task: &Task, s: &Surroundings, to: &mut Gathered) -> Reached {
        if self.found.is_empty() && !space.takes_all_from_outside(self.script, s) {
            to.called = Called::Missing { instead: space.module(self.script).source.names() };
            to.uncacheable.push(format!(
                "function `{}` was not found in `{}`",
                function_of(task),
                space.module(self.script).path.display()
            ));
        }
        for part in space.parts(&self.closure, self.script, s) {
            add_part(part, to);
        }
        let counted: BTreeSet<ModuleId> = self.closure.nodes.iter().map(|node| module_of(*node)).collect();
        to.files.extend(counted.iter().chain([&self.script]).map(|id| space.module(*id).path.clone()));
        for execution in self.closure.executions {
            to.uncacheable.extend(execution.problems.iter().cloned());
            to.imported.push(execution.paths.clone());
        }
        to.uncacheable.extend(self.config.missing);
        if !declares_code(task) {
            to.notes.extend(self.closure.computed.iter().map(|(path, line)| computed_import(path, *line)));
        }
        to.signature = self.signature;
        let packages = Packages { names: self.closure.outside, more: !self.closure.computed.is_empty() };
        Reached { packages, config: self.config.names }
    }
}

fn function_of(task: &Task) -> &str {
    task.script.function.as_deref().unwrap_or(task.name.as_str())
}

fn computed_import(path: &Path, line: u32) -> Diagnostic {
    Diagnostic::new(Severity::Note, "a module is imported by a computed name, so it can't be followed")
        .at(path, Some(Location { line, column: 1, length: 0 }))
        .hint("name the files it may be in the task's `inputs`")
}

fn declares_code(task: &Task) -> bool {
    task.inputs.iter().any(|input| matches!(input, Input::Files(files) if files.as_str().ends_with(".py")))
}

/// Returns the signature of what a task calls; absent where it is no plain function.
fn signature_of(space: &Space, found: &[Found]) -> Option<Signature> {
    let mut signatures = found.iter().map(|found| match found {
        Found::Statement(id, statement, _) => {
            match &space.module(*id).source.facts.statements[*statement as usize].kind {
                facts::Kind::Function(function) => Some(&function.signature),
                _ => None,
            }
        }
        _ => None,
    });
    // Defined twice: the later one is called.
    signatures.next_back().flatten().cloned()
}
