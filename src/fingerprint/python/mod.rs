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
mod decorators;
mod dynamic;
mod effects;
mod facts;
mod imports;
mod look;
mod names;
mod parts;
mod purity;
mod resolve;
mod roots;
mod signature;
mod space;
mod statements;
mod tokens;

use std::collections::BTreeSet;
use std::path::Path;

use crate::model::{Diagnostic, Input, Location, Severity, Task};

use super::code::add_part;
use super::gather::Gathered;
use super::surroundings::Surroundings;
use closure::{Closure, module_of, node_of};
use look::guard;
use resolve::Found;
use space::{ModuleId, Node, Space};

pub use facts::{Facts, facts_of};
pub(super) use look::Look;
pub use signature::{Parameter, ParameterKind, Signature};

/// Adds the code of a Python task; returns the modules outside the project that it imports, by
/// their first parts.
pub(super) fn add(task: &Task, script: &Path, s: &Surroundings, to: &mut Gathered) -> BTreeSet<Box<str>> {
    let function = task.script.function.as_deref().unwrap_or(task.name.as_str());
    let roots = roots::of(task, script, s);
    // Read and parsed before the space is locked: other threads can go on meanwhile.
    s.python.source(s.memo, script);
    let space = s.python.space(roots.clone());
    let (found, closure) = reach(&mut guard(&space), script, function, s);
    if !alters_path(&guard(&space), &closure) {
        return add_reached(&mut guard(&space), task, script, function, &found, closure, s, to);
    }
    let space = s.python.space(roots::everywhere(roots, s));
    let mut space = guard(&space);
    let (found, closure) = reach(&mut space, script, function, s);
    add_reached(&mut space, task, script, function, &found, closure, s, to)
}

fn reach(space: &mut Space, script: &Path, function: &str, s: &Surroundings) -> (Vec<Found>, Closure) {
    let id = space.load(script, s);
    let found = space.lookup(id, function, 0, s).to_vec();
    let mut starts: Vec<Node> = found.iter().filter_map(node_of).collect();
    starts.push(Node::Executed(id));
    let closure = space.closure(&starts, s);
    (found, closure)
}

fn alters_path(space: &Space, closure: &Closure) -> bool {
    let modules: BTreeSet<ModuleId> = closure.nodes.iter().map(|node| module_of(*node)).collect();
    modules.iter().any(|id| space.module(*id).source.facts.alters_path())
}

#[expect(clippy::too_many_arguments, reason = "one step of `add`, taken in one of two spaces")]
fn add_reached(
    space: &mut Space,
    task: &Task,
    script: &Path,
    function: &str,
    found: &[Found],
    closure: Closure,
    s: &Surroundings,
    to: &mut Gathered,
) -> BTreeSet<Box<str>> {
    let id = space.load(script, s);
    if found.is_empty() {
        to.uncacheable.push(format!("function `{function}` was not found in `{}`", script.display()));
    }
    to.signature = signature_of(space, found);
    for part in space.parts(&closure, id, s) {
        add_part(part, to);
    }
    let modules: BTreeSet<ModuleId> = closure.nodes.iter().map(|node| module_of(*node)).collect();
    for module in modules {
        let module = space.module(module);
        to.files.push(module.path.clone());
        to.uncacheable.extend(module.source.problem.clone());
    }
    if !declares_code(task) {
        to.notes.extend(closure.computed.iter().map(|(path, line)| {
            Diagnostic::new(
                Severity::Note,
                "a module is imported by a computed name, so it can't be followed",
            )
            .at(path, Some(Location { line: *line, column: 1, length: 0 }))
            .hint("name the files it may import in the task's `inputs`")
        }));
    }
    closure.outside
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
