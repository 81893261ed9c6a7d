//! Everything that a function reaches: statements, and what importing their modules does.
//!
//! ```text
//! statement --mentions--> statement, whole module
//!           --stands in--> its module, executed
//! executed  --imports--> modules, executed; packages around it, executed
//!           --does-----> statements with an effect
//! whole     --> all statements, all that it imports
//! ```
//! What each node leads to is worked out once a space; a task's closure is then
//! a walk over numbers.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fingerprint::memo::Seen;
use crate::fingerprint::surroundings::Surroundings;
use crate::model::{Digest, TaggedHasher};

use super::dynamic;
use super::effects;
use super::execution::Execution;
use super::facts::{Load, Parsed, Place, Statement, What};
use super::resolve::Found;
use super::space::{Edges, ModuleId, Node, Space, Spot};

/// Everything a function reaches.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// Statements and whole modules, sorted.
    pub nodes: BTreeSet<Node>,
    /// What importing their modules executes; sets that many tasks share.
    pub executions: Vec<Arc<Execution>>,
    /// First parts of modules outside the project.
    pub outside: BTreeSet<Box<str>>,
    /// Where modules are imported by computed names.
    pub computed: BTreeSet<(PathBuf, u32)>,
}

impl Space {
    /// Returns everything that some nodes reach.
    pub(super) fn closure(&mut self, starts: &[Node], s: &Surroundings) -> Closure {
        let mut closure = Closure::default();
        let mut open: Vec<Node> = starts.to_vec();
        let mut executed = HashSet::new();
        while let Some(node) = open.pop() {
            if let Node::Executed(id) = node {
                if executed.insert(id) {
                    self.execute(id, &mut closure, &mut open, s);
                }
                continue;
            }
            if !closure.nodes.insert(node) {
                continue;
            }
            let edges = self.edges(node, s);
            closure.outside.extend(edges.outside.iter().cloned());
            if !edges.computed.is_empty() {
                let path = &self.module(module_of(node)).path;
                closure.computed.extend(edges.computed.iter().map(|line| (path.clone(), *line)));
            }
            open.extend(edges.to.iter().filter(|next| !closure.nodes.contains(next)));
        }
        closure
    }

    fn execute(&mut self, id: ModuleId, closure: &mut Closure, open: &mut Vec<Node>, s: &Surroundings) {
        for execution in self.executions_of(id, s).iter() {
            if closure.executions.iter().any(|known| Arc::ptr_eq(known, execution)) {
                continue;
            }
            open.extend(&execution.starts);
            closure.outside.extend(execution.outside.iter().cloned());
            closure.executions.push(execution.clone());
        }
    }

    /// Returns what a node leads to.
    pub(super) fn edges(&mut self, node: Node, s: &Surroundings) -> Arc<Edges> {
        let id = module_of(node);
        if let Some(edges) = self.module(id).edges.get(&node) {
            return edges.clone();
        }
        let edges = match node {
            Node::Statement(_, statement) => self.edges_of_statement(id, statement, s),
            Node::Executed(_) => self.edges_of_execution(id, s),
            Node::Whole(_) => self.edges_of_whole(id, s),
        };
        let edges = Arc::new(edges);
        self.module_mut(id).edges.insert(node, edges.clone());
        edges
    }

    fn edges_of_statement(&mut self, id: ModuleId, number: u32, s: &Surroundings) -> Edges {
        let source = self.module(id).source.clone();
        let statement = &source.facts.statements[number as usize];
        let mut hasher = TaggedHasher::new("kptn python statement 1");
        hasher.field("tokens", statement.tokens.as_bytes());
        let mut edges = Edges::new();
        edges.to.push(Node::Executed(id));
        for path in &statement.mentions {
            let mut found = self.resolve(id, number, path, s);
            if found.is_empty() {
                found.extend(self.stars_outside(id, s));
            }
            if found.is_empty() {
                continue;
            }
            let mut names: Vec<String> = found.iter().map(|found| self.identity(id, found)).collect();
            names.sort_unstable();
            // `from importlib import import_module as load`, or given to something that calls it.
            let hidden = found.iter().any(|found| match found {
                Found::Outside(outside) if dynamic::loads(outside) => {
                    statement.loads.is_empty() || outside.rsplit('.').next() != path.rsplit('.').next()
                }
                _ => false,
            });
            if hidden {
                self.add_load(id, &Load::Computed { line: statement.line }, s, &mut edges);
            }
            hasher.field("mentions", path.as_bytes());
            for name in names {
                hasher.field("which is", name.as_bytes());
            }
            edges.to.extend(found.iter().filter_map(node_of));
        }
        if statement.wide {
            edges.to.push(Node::Whole(id));
        }
        self.add_imports(id, statement, &[Place::Function], s, &mut edges);
        for load in &statement.loads {
            self.add_load(id, load, s, &mut edges);
        }
        edges.digest = hasher.finish();
        edges.tidy()
    }

    fn edges_of_execution(&mut self, id: ModuleId, s: &Surroundings) -> Edges {
        let source = self.module(id).source.clone();
        let mut edges = Edges::new();
        let around = self.packages_around(id, s);
        edges.to.extend(around.into_iter().map(Node::Executed));
        for (number, statement) in (0..).zip(&source.facts.statements) {
            self.add_imports(id, statement, &[Place::Module, Place::Class], s, &mut edges);
            if effects::has_effect(self, id, number, s) {
                edges.to.push(Node::Statement(id, number));
            }
        }
        if source.facts.parsed != Parsed::Yes {
            edges.to.push(Node::Whole(id));
        }
        edges.tidy()
    }

    fn edges_of_whole(&mut self, id: ModuleId, s: &Surroundings) -> Edges {
        let source = self.module(id).source.clone();
        let mut edges = Edges::new();
        edges.to.push(Node::Executed(id));
        for (number, statement) in (0..).zip(&source.facts.statements) {
            if !source.is_import(number) {
                edges.to.push(Node::Statement(id, number));
            }
            for import in statement.imports.iter().filter(|import| import.place == Place::Module) {
                if import.what == What::Star {
                    let spots = self.module_of(id, import, s);
                    edges.to.extend(spots.iter().filter_map(|spot| match spot {
                        Spot::Module(from) => Some(Node::Whole(*from)),
                        Spot::Namespace(_) => None,
                    }));
                }
                let found = self.import(id, import, 0, s);
                edges.to.extend(found.iter().filter_map(node_of));
            }
        }
        edges.tidy()
    }

    /// Adds the modules that the imports of a statement execute.
    fn add_imports(
        &mut self,
        id: ModuleId,
        statement: &Statement,
        places: &[Place],
        s: &Surroundings,
        to: &mut Edges,
    ) {
        for import in statement.imports.iter().filter(|import| places.contains(&import.place)) {
            let chains = self.chain_of(id, import, s);
            if chains.is_empty() && import.level == 0 {
                to.outside.extend(import.module.split('.').next().map(Box::from));
            }
            for spot in chains.iter().flatten() {
                if let Spot::Module(module) = spot {
                    to.to.push(Node::Executed(*module));
                }
            }
            if let What::Name(name) = &import.what {
                for last in chains.iter().filter_map(|chain| chain.last()) {
                    if let Some(Spot::Module(module)) = self.below(last, name, s) {
                        to.to.push(Node::Executed(module));
                    }
                }
            }
        }
    }

    fn add_load(&mut self, id: ModuleId, load: &Load, s: &Surroundings, to: &mut Edges) {
        let loaded = match load {
            Load::Module(name) => self.spots_of(id, name, s),
            Load::Package(name) => {
                let folders: Vec<PathBuf> =
                    self.spots_of(id, name, s).into_iter().filter_map(|spot| self.folder_of(&spot)).collect();
                let modules = folders.iter().flat_map(|folder| self.all_below(folder, s)).collect::<Vec<_>>();
                modules.into_iter().map(Spot::Module).collect()
            }
            Load::File(path) => self.spots_of_file(id, path, s),
            Load::Computed { .. } => Vec::new(),
        };
        to.to.extend(loaded.iter().filter_map(|spot| match spot {
            Spot::Module(module) => Some(Node::Whole(*module)),
            Spot::Namespace(_) => None,
        }));
        if let Load::Computed { line } = load {
            to.computed.push(*line);
            to.to.push(Node::Whole(id));
            let folder = self.module(id).folder.clone();
            if let Spot::Module(_) = self.package(&folder, s) {
                to.to.extend(self.all_below(&folder, s).into_iter().map(Node::Whole));
            }
        }
    }

    /// Returns what a name of a module, itself named absolutely, leads to.
    pub(super) fn find(&mut self, from: ModuleId, module: &str, name: &str, s: &Surroundings) -> Vec<Found> {
        let spots = self.spots_of(from, module, s);
        let mut found = Vec::new();
        for spot in spots {
            if let Spot::Module(id) = spot {
                found.extend(self.lookup(id, name, 0, s).iter().cloned());
            }
        }
        found
    }

    fn spots_of(&mut self, id: ModuleId, name: &str, s: &Surroundings) -> Vec<Spot> {
        let module = name.trim_start_matches('.');
        let level = (name.len() - module.len()) as u16;
        let import = super::facts::Import {
            level,
            module: module.into(),
            what: What::Module,
            bound: "".into(),
            place: Place::Function,
        };
        self.module_of(id, &import, s)
    }

    fn spots_of_file(&mut self, id: ModuleId, path: &str, s: &Surroundings) -> Vec<Spot> {
        let folders = [s.project.root.clone(), self.module(id).folder.clone()];
        let files = folders.iter().map(|folder| folder.join(path));
        let files: Vec<PathBuf> =
            files.filter(|file| matches!(s.memo.look(file), Ok(Seen::File { .. }))).collect();
        files.iter().map(|file| Spot::Module(self.load(file, s))).collect()
    }

    fn folder_of(&self, spot: &Spot) -> Option<PathBuf> {
        match spot {
            Spot::Module(id) => self.module(*id).is_package.then(|| self.module(*id).folder.clone()),
            Spot::Namespace(folder) => Some(folder.clone()),
        }
    }

    /// Tells whether any name of a module may come from outside the project (`from numpy import *`).
    pub(super) fn takes_all_from_outside(&mut self, id: ModuleId, s: &Surroundings) -> bool {
        !self.stars_outside(id, s).is_empty()
    }

    /// Returns modules outside the project from which any unknown name may come.
    fn stars_outside(&mut self, id: ModuleId, s: &Surroundings) -> Vec<Found> {
        let source = self.module(id).source.clone();
        let mut found = Vec::new();
        for (statement, number) in &source.stars {
            let import = &source.facts.statements[*statement as usize].imports[*number as usize];
            if self.module_of(id, import, s).is_empty() {
                found.push(Found::Outside(format!("{}.*", import.module).into()));
            }
        }
        found
    }

    /// Returns what something is called in digests, seen from a module: its own names begin with a dot,
    /// so that they stay the same when its file is moved.
    fn identity(&self, from: ModuleId, found: &Found) -> String {
        let module = |id: ModuleId| if id == from { "" } else { self.module(id).name.as_str() };
        match found {
            Found::Statement(id, _, name) => format!("{}.{name}", module(*id)),
            Found::Whole(id) => format!("{}.*", module(*id)),
            Found::Spot(Spot::Module(id)) => module(*id).to_owned(),
            Found::Spot(Spot::Namespace(folder)) => {
                folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Found::Outside(path) => format!("outside {path}"),
        }
    }
}

impl Edges {
    fn new() -> Self {
        Self {
            digest: Digest::from_bytes([0; 32]),
            to: Vec::new(),
            outside: Vec::new(),
            computed: Vec::new(),
        }
    }

    fn tidy(mut self) -> Self {
        self.to.sort_unstable();
        self.to.dedup();
        self.outside.sort_unstable();
        self.outside.dedup();
        self
    }
}

pub(super) fn module_of(node: Node) -> ModuleId {
    match node {
        Node::Statement(id, _) | Node::Executed(id) | Node::Whole(id) => id,
    }
}

/// Returns the node that stands for what was found.
pub(super) fn node_of(found: &Found) -> Option<Node> {
    match found {
        Found::Statement(id, statement, _) => Some(Node::Statement(*id, *statement)),
        Found::Whole(id) | Found::Spot(Spot::Module(id)) => Some(Node::Whole(*id)),
        Found::Spot(Spot::Namespace(_)) | Found::Outside(_) => None,
    }
}

/// Tells whether a file counts as code of the project where it lies.
pub(super) fn is_foreign(path: &Path) -> bool {
    path.components().any(|part| {
        matches!(
            part.as_os_str().to_str(),
            Some("site-packages" | "dist-packages" | "node_modules" | "__pycache__")
        )
    })
}
