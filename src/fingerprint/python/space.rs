//! The project's modules as one list of import roots sees them.
//!
//! Where Python would take the first root that has a module, all that have it
//! count: which root comes first depends on how the interpreter was started,
//! and one module too many does no harm. In one folder a package goes before a
//! file, and both before a folder without `__init__.py`, as in Python.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fingerprint::files::name_of;
use crate::fingerprint::memo::Seen;
use crate::fingerprint::surroundings::Surroundings;

use super::execution::Execution;
use super::look::Source;
use super::parts::Parts;
use super::resolve::{Circles, Found};

/// A module of a space.
pub(super) type ModuleId = u32;

/// One thing that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    /// One top-level statement.
    Statement(ModuleId, u32),
    /// The import of a module: what it does then.
    Executed(ModuleId),
    /// Everything in a module.
    Whole(ModuleId),
}

/// Where a dotted name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// A file, or the `__init__.py` of a package.
    Module(ModuleId),
    /// A folder without `__init__.py`.
    Namespace(PathBuf),
}

/// One module.
pub(super) struct Module {
    /// Its file.
    pub path: PathBuf,
    /// The folder in which its relative imports begin.
    pub folder: PathBuf,
    /// Its name in ingredients: the path below the project root, with dots.
    pub name: String,
    /// Whether it is an `__init__.py`.
    pub is_package: bool,
    /// Its text and facts.
    pub source: Arc<Source>,
    /// What names of the module lead to, as far as asked.
    pub names: HashMap<Box<str>, Arc<[Found]>>,
    /// What each of its nodes leads to, as far as asked.
    pub edges: HashMap<Node, Arc<Edges>>,
}

/// What a node leads to.
#[derive(Debug)]
pub(super) struct Edges {
    /// Of the statement, and of what each name in it turned out to be; unused for other nodes.
    pub digest: crate::model::Digest,
    /// What it reaches.
    pub to: Vec<Node>,
    /// First parts of modules outside the project that it imports.
    pub outside: Vec<Box<str>>,
    /// Lines at which it imports a module by a computed name.
    pub computed: Vec<u32>,
}

/// All modules that were reached through one list of roots.
pub(super) struct Space {
    pub roots: Vec<PathBuf>,
    pub modules: Vec<Module>,
    by_path: HashMap<PathBuf, ModuleId>,
    tops: HashMap<String, Vec<Spot>>,
    pub parts: Parts,
    pub circles: Circles,
    pub executions: HashMap<ModuleId, Arc<[Arc<Execution>]>>,
    pub whole_executions: HashMap<ModuleId, Arc<Execution>>,
}

impl Space {
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        Self {
            roots,
            modules: Vec::new(),
            by_path: HashMap::new(),
            tops: HashMap::new(),
            parts: Parts::default(),
            circles: Circles::default(),
            executions: HashMap::new(),
            whole_executions: HashMap::new(),
        }
    }

    /// Returns a module of the space.
    pub(super) fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id as usize]
    }

    pub(super) fn module_mut(&mut self, id: ModuleId) -> &mut Module {
        &mut self.modules[id as usize]
    }

    /// Returns the module of a file, read now if it was not yet.
    pub(super) fn load(&mut self, path: &Path, s: &Surroundings) -> ModuleId {
        if let Some(id) = self.by_path.get(path) {
            return *id;
        }
        let source = s.python.source(s.memo, path);
        let is_package = path.file_name().is_some_and(|name| name == "__init__.py");
        let id = self.modules.len() as ModuleId;
        self.modules.push(Module {
            folder: path.parent().unwrap_or(path).to_path_buf(),
            name: module_name(path, &s.project.root),
            is_package,
            source,
            names: HashMap::new(),
            edges: HashMap::new(),
            path: path.to_path_buf(),
        });
        self.by_path.insert(path.to_path_buf(), id);
        id
    }

    /// Returns the module `name` of a folder.
    pub(super) fn module_in(&mut self, folder: &Path, name: &str, s: &Surroundings) -> Option<Spot> {
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let entries = s.python.folder(s.memo, folder);
        let mut namespace = None;
        if entries.contains(name) {
            let below = folder.join(name);
            if matches!(s.memo.look(&below), Ok(Seen::Folder)) {
                if s.python.folder(s.memo, &below).contains("__init__.py") {
                    return Some(Spot::Module(self.load(&below.join("__init__.py"), s)));
                }
                namespace = Some(Spot::Namespace(below));
            }
        }
        let file = format!("{name}.py");
        if entries.contains(&file) {
            return Some(Spot::Module(self.load(&folder.join(file), s)));
        }
        let compiled = |entry: &&String| {
            entry.strip_prefix(name).is_some_and(|rest| {
                rest.starts_with('.') && (rest.ends_with(".so") || rest.ends_with(".pyd"))
            })
        };
        if let Some(file) = entries.iter().filter(compiled).min() {
            return Some(Spot::Module(self.load(&folder.join(file), s)));
        }
        namespace
    }

    /// Returns where the first part of an absolute import leads: every root that has it.
    pub(super) fn top(&mut self, name: &str, s: &Surroundings) -> Vec<Spot> {
        if let Some(spots) = self.tops.get(name) {
            return spots.clone();
        }
        let mut spots: Vec<Spot> = Vec::new();
        for root in self.roots.clone() {
            spots.extend(self.module_in(&root, name, s).filter(|spot| !spots.contains(spot)));
        }
        if spots.iter().any(|spot| matches!(spot, Spot::Module(_))) {
            spots.retain(|spot| matches!(spot, Spot::Module(_)));
        }
        self.tops.insert(name.to_owned(), spots.clone());
        spots
    }

    /// Returns the module `name` below a package.
    pub(super) fn below(&mut self, spot: &Spot, name: &str, s: &Surroundings) -> Option<Spot> {
        let folder = match spot {
            Spot::Module(id) if self.module(*id).is_package => self.module(*id).folder.clone(),
            Spot::Module(_) => return None,
            Spot::Namespace(folder) => folder.clone(),
        };
        self.module_in(&folder, name, s)
    }

    /// Returns what a folder is as a package.
    pub(super) fn package(&mut self, folder: &Path, s: &Surroundings) -> Spot {
        if s.python.folder(s.memo, folder).contains("__init__.py") {
            Spot::Module(self.load(&folder.join("__init__.py"), s))
        } else {
            Spot::Namespace(folder.to_path_buf())
        }
    }

    /// Returns the packages around a module, outermost last: importing it imports them.
    pub(super) fn packages_around(&mut self, id: ModuleId, s: &Surroundings) -> Vec<ModuleId> {
        let module = self.module(id);
        let mut folder = module.folder.clone();
        if module.is_package && !folder.pop() {
            return Vec::new();
        }
        let mut around = Vec::new();
        while let Spot::Module(package) = self.package(&folder, s) {
            around.push(package);
            if !folder.pop() {
                break;
            }
        }
        around
    }

    /// Returns all modules in and below a folder.
    pub(super) fn all_below(&mut self, folder: &Path, s: &Surroundings) -> Vec<ModuleId> {
        let files = s.memo.list(folder, "**/*.py").unwrap_or_default();
        files.iter().map(|file| self.load(file, s)).collect()
    }
}

/// Returns `pkg.module` for `<root>/pkg/module.py` and `pkg` for `<root>/pkg/__init__.py`.
fn module_name(path: &Path, root: &Path) -> String {
    let name = name_of(path, root);
    let name = name.strip_suffix("/__init__.py").unwrap_or(name.strip_suffix(".py").unwrap_or(&name));
    if path.starts_with(root) {
        return name.replace('/', ".");
    }
    // Outside the project its place on this machine must not count.
    name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned()
}
