//! What a name in a module turns out to be.
//!
//! Names are looked up as Python does it: in the module, through its imports,
//! through `import *`, as a module below a package. Several answers are all
//! kept. A module that is used as a value (`run(module)`, `getattr(module, k)`)
//! is reached as a whole, and so is one in which a name can't be found.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fingerprint::surroundings::Surroundings;

use super::facts::{Exports, Import, Parsed, Place, What};
use super::space::{ModuleId, Space, Spot};

/// Longer chains of re-exports end in the whole of a module.
const LONGEST_CHAIN: u32 = 100;

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A name bound by a statement.
    Statement(ModuleId, u32, Box<str>),
    /// Everything in a module.
    Whole(ModuleId),
    /// A module or a folder of modules.
    Spot(Spot),
    /// A name outside the project, with its attributes.
    Outside(Box<str>),
}

/// Names that are being looked up, so that circles of imports end.
#[derive(Default)]
pub(super) struct Circles {
    open: HashSet<(ModuleId, Box<str>)>,
    answered: Vec<(ModuleId, Box<str>)>,
    met: bool,
}

impl Space {
    /// Returns what a name of a module leads to; empty for builtins and names it does not have.
    pub(super) fn lookup(&mut self, id: ModuleId, name: &str, chain: u32, s: &Surroundings) -> Arc<[Found]> {
        if let Some(found) = self.module(id).names.get(name) {
            return found.clone();
        }
        if chain > LONGEST_CHAIN {
            return Arc::from([Found::Whole(id)]);
        }
        let asked = (id, Box::from(name));
        if self.circles.open.contains(&asked) {
            self.circles.met = true;
            return Arc::from([]);
        }
        self.circles.open.insert(asked.clone());
        let found: Arc<[Found]> = self.look_up(id, name, chain, s).into();
        self.circles.open.remove(&asked);
        self.module_mut(id).names.insert(name.into(), found.clone());
        self.circles.answered.push(asked);
        if self.circles.open.is_empty() {
            self.forget_partial_answers();
        }
        found
    }

    /// Where modules import from each other in a circle, only the first question got its whole answer.
    fn forget_partial_answers(&mut self) {
        let circles = std::mem::take(&mut self.circles);
        let Some((_, partial)) = circles.answered.split_last() else { return };
        if circles.met {
            for (id, name) in partial {
                self.module_mut(*id).names.remove(name);
            }
        }
    }

    fn look_up(&mut self, id: ModuleId, name: &str, chain: u32, s: &Surroundings) -> Vec<Found> {
        let source = self.module(id).source.clone();
        let mut found = Vec::new();
        for statement in source.binds.get(name).into_iter().flatten() {
            add(&mut found, [Found::Statement(id, *statement, name.into())]);
        }
        for (statement, number) in source.imports.get(name).into_iter().flatten() {
            let import = &source.facts.statements[*statement as usize].imports[*number as usize];
            if !source.is_import(*statement) {
                add(&mut found, [Found::Statement(id, *statement, name.into())]);
            }
            add(&mut found, self.import(id, import, chain + 1, s));
        }
        if found.is_empty() && name != "__getattr__" {
            for (statement, number) in &source.stars {
                let import = &source.facts.statements[*statement as usize].imports[*number as usize];
                for spot in self.module_of(id, import, s) {
                    let Spot::Module(from) = spot else { continue };
                    let exporter = self.module(from).source.clone();
                    if exporter.exports(name) {
                        add(&mut found, self.lookup(from, name, chain + 1, s).iter().cloned());
                        if matches!(exporter.facts.exports, Exports::Listed(_)) && found.is_empty() {
                            add(&mut found, self.below(&spot, name, s).map(Found::Spot));
                        }
                    }
                }
            }
        }
        let unsure = source.facts.parsed != Parsed::Yes || source.binds.contains_key("__getattr__");
        if found.is_empty() && unsure {
            found.push(Found::Whole(id));
        }
        found
    }

    /// Returns the spots that the module part of an import leads to.
    pub(super) fn module_of(&mut self, id: ModuleId, import: &Import, s: &Surroundings) -> Vec<Spot> {
        self.chain_of(id, import, s).into_iter().filter_map(|mut chain| chain.pop()).collect()
    }

    /// Returns, for each way that Python could take, the modules that an import goes through.
    pub(super) fn chain_of(&mut self, id: ModuleId, import: &Import, s: &Surroundings) -> Vec<Vec<Spot>> {
        let mut parts = import.module.split('.').filter(|part| !part.is_empty());
        let starts = if import.level == 0 {
            let Some(first) = parts.next() else { return Vec::new() };
            self.top(first, s)
        } else {
            let mut folder: PathBuf = self.module(id).folder.clone();
            for _ in 1..import.level {
                if !folder.pop() {
                    return Vec::new();
                }
            }
            vec![self.package(&folder, s)]
        };
        let rest: Vec<&str> = parts.collect();
        let mut chains = Vec::new();
        'starts: for start in starts {
            let mut chain = vec![start];
            for part in &rest {
                let Some(last) = chain.last().cloned() else { continue 'starts };
                let Some(next) = self.below(&last, part, s) else {
                    // `import a.b` where `b` is made by code in `a`.
                    if matches!(last, Spot::Module(_)) {
                        break;
                    }
                    continue 'starts;
                };
                chain.push(next);
            }
            chains.push(chain);
        }
        chains
    }

    /// Returns what an import binds.
    pub(super) fn import(
        &mut self,
        id: ModuleId,
        import: &Import,
        chain: u32,
        s: &Surroundings,
    ) -> Vec<Found> {
        let dots = ".".repeat(import.level.into());
        match &import.what {
            What::Top => {
                let first = import.bound.as_ref();
                let reached = !self.chain_of(id, import, s).is_empty();
                let spots = if reached { self.top(first, s) } else { Vec::new() };
                match spots.is_empty() {
                    true => vec![Found::Outside(first.into())],
                    false => spots.into_iter().map(Found::Spot).collect(),
                }
            }
            What::Module => {
                let spots = self.module_of(id, import, s);
                match spots.is_empty() {
                    true => vec![Found::Outside(import.module.clone())],
                    false => spots.into_iter().map(Found::Spot).collect(),
                }
            }
            What::Name(name) => {
                let mut found = Vec::new();
                for spot in self.module_of(id, import, s) {
                    add(&mut found, self.attribute(&spot, name, chain, s));
                }
                if found.is_empty() {
                    let path = [import.module.as_ref(), name].join(".");
                    found.push(Found::Outside(format!("{dots}{path}").into()));
                }
                found
            }
            What::Star => Vec::new(),
        }
    }

    /// Returns what `name` is in a module or folder; the whole module where it can't be found there.
    fn attribute(&mut self, spot: &Spot, name: &str, chain: u32, s: &Surroundings) -> Vec<Found> {
        let mut found = Vec::new();
        if let Spot::Module(id) = spot {
            let here = self.lookup(*id, name, chain, s);
            add(&mut found, here.iter().cloned());
        }
        add(&mut found, self.below(spot, name, s).map(Found::Spot));
        match spot {
            Spot::Module(id) if found.is_empty() => {
                let says_nothing = ["__name__", "__file__", "__package__", "__spec__", "__doc__"];
                match says_nothing.contains(&name) {
                    true => vec![Found::Outside(name.into())],
                    false => vec![Found::Whole(*id)],
                }
            }
            _ => found,
        }
    }

    /// Returns what a path like `m.f` leads to from a statement of a module: never a module itself
    /// but the whole of it.
    pub(super) fn resolve(
        &mut self,
        id: ModuleId,
        statement: u32,
        path: &str,
        s: &Surroundings,
    ) -> Vec<Found> {
        let mut parts = path.split('.');
        let head = parts.next().unwrap_or(path);
        let rest: Vec<&str> = parts.collect();
        let source = self.module(id).source.clone();
        let mut starts = Vec::new();
        for import in &source.facts.statements[statement as usize].imports {
            if import.place != Place::Module && import.bound.as_ref() == head {
                add(&mut starts, self.import(id, import, 0, s));
            }
        }
        add(&mut starts, self.lookup(id, head, 0, s).iter().cloned());
        let mut ends = Vec::new();
        for start in starts {
            add(&mut ends, self.follow(start, &rest, s));
        }
        ends
    }

    fn follow(&mut self, start: Found, rest: &[&str], s: &Surroundings) -> Vec<Found> {
        let mut open = vec![(start, 0)];
        let mut ends = Vec::new();
        while let Some((found, at)) = open.pop() {
            match found {
                Found::Statement(..) | Found::Whole(_) => add(&mut ends, [found]),
                Found::Outside(path) => {
                    let path = [&[path.as_ref()], &rest[at..]].concat().join(".");
                    add(&mut ends, [Found::Outside(path.into())]);
                }
                Found::Spot(spot) => match rest.get(at) {
                    Some(&"__path__") => add(&mut ends, self.everything_below(&spot, s)),
                    Some(part) => {
                        let next = self.attribute(&spot, part, 0, s);
                        if next.is_empty() {
                            add(&mut ends, [Found::Outside(part.to_owned().into())]);
                        }
                        open.extend(next.into_iter().map(|found| (found, at + 1)));
                    }
                    None => match spot {
                        Spot::Module(id) => add(&mut ends, [Found::Whole(id)]),
                        Spot::Namespace(_) => add(&mut ends, self.everything_below(&spot, s)),
                    },
                },
            }
        }
        ends
    }

    fn everything_below(&mut self, spot: &Spot, s: &Surroundings) -> Vec<Found> {
        let folder = match spot {
            Spot::Module(id) if !self.module(*id).is_package => return vec![Found::Whole(*id)],
            Spot::Module(id) => self.module(*id).folder.clone(),
            Spot::Namespace(folder) => folder.clone(),
        };
        self.all_below(&folder, s).into_iter().map(Found::Whole).collect()
    }
}

fn add(to: &mut Vec<Found>, more: impl IntoIterator<Item = Found>) {
    for found in more {
        if !to.contains(&found) {
            to.push(found);
        }
    }
}
