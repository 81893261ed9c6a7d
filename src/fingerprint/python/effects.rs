//! Whether a statement does something when its module is imported.
//!
//! A definition does nothing. A call, a decorator or a base class may put what
//! it is given into some table, from where it is found without its name being
//! mentioned; so unless it is known not to, the statement counts wherever its
//! module is imported.

use crate::fingerprint::surroundings::Surroundings;

use super::facts::{Kind, Role, Run};
use super::purity::{is_pure_builtin, is_pure_outside};
use super::resolve::Found;
use super::space::{ModuleId, Space};

/// Longer chains of base classes or of values count as having an effect.
const LONGEST: u32 = 30;

/// Tells whether a statement does more than define names when its module is imported.
pub(super) fn has_effect(space: &mut Space, id: ModuleId, number: u32, s: &Surroundings) -> bool {
    let source = space.module(id).source.clone();
    let Some(statement) = source.facts.statements.get(number as usize) else { return false };
    statement.effect || statement.runs.iter().any(|run| acts(space, id, number, run, 0, s))
}

fn acts(space: &mut Space, id: ModuleId, number: u32, run: &Run, depth: u32, s: &Surroundings) -> bool {
    let found = space.resolve(id, number, &run.path, s);
    if found.is_empty() {
        return run.role != Role::Operand && !is_pure_builtin(&run.path);
    }
    found.into_iter().any(|found| match found {
        Found::Outside(path) => !is_pure_outside(run.role, &path),
        Found::Statement(at, statement, _) if run.role == Role::Operand => {
            is_of_project(space, at, statement, depth, s)
        }
        Found::Whole(_) | Found::Spot(_) if run.role == Role::Operand => false,
        // `@process.register` is an attribute of what was found, of which nothing is known.
        Found::Statement(_, _, name) if !run.path.ends_with(name.as_ref()) && run.path.contains('.') => true,
        Found::Statement(at, statement, _) => keeps(space, at, statement, run, depth, s),
        Found::Whole(_) | Found::Spot(_) => true,
    })
}

/// Tells whether a value may be an object of a class of the project, whose operators may do anything.
fn is_of_project(space: &mut Space, id: ModuleId, number: u32, depth: u32, s: &Surroundings) -> bool {
    let source = space.module(id).source.clone();
    let statement = &source.facts.statements[number as usize];
    if statement.kind != Kind::Other {
        return false;
    }
    if depth >= LONGEST {
        return true;
    }
    let calls = statement.runs.iter().filter(|run| run.role == Role::Call);
    let paths = calls.map(|run| run.path.clone()).chain(statement.mentions.iter().cloned());
    paths.collect::<Vec<_>>().iter().any(|path| {
        space.resolve(id, number, path, s).into_iter().any(|found| match found {
            Found::Statement(at, other, _) if (at, other) != (id, number) => {
                let source = space.module(at).source.clone();
                source.facts.statements[other as usize].kind != Kind::Other
                    || is_of_project(space, at, other, depth + 1, s)
            }
            _ => false,
        })
    })
}

/// Tells whether something of the project may keep what it is given in this role.
fn keeps(space: &mut Space, id: ModuleId, number: u32, run: &Run, depth: u32, s: &Surroundings) -> bool {
    let source = space.module(id).source.clone();
    let statement = &source.facts.statements[number as usize];
    match (&statement.kind, run.role) {
        (Kind::Function(function), Role::Decorator) => !function.lets_go,
        (Kind::Function(function), Role::CalledDecorator) => !function.lets_go_called,
        (Kind::Class { hooks: false }, Role::Base) if depth < LONGEST => {
            let bases = statement.runs.iter().filter(|run| run.role == Role::Base);
            bases.into_iter().any(|base| acts(space, id, number, base, depth + 1, s))
        }
        _ => true,
    }
}
