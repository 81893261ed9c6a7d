//! Sources and folders, read and parsed once in a look at the project.
//!
//! Facts live longer than that: see `kept`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::fingerprint::kept::{self, guard};
use crate::fingerprint::memo::{Memo, is_absence};
use crate::fingerprint::source;
use crate::model::Digest;

use super::facts::{Exports, FORMAT, Facts, Kind, Parsed, Place, What, decoded, facts_of};
use super::space::Space;

/// What one look at the project knows of its Python code.
#[derive(Default)]
pub(in crate::fingerprint) struct Look {
    sources: Mutex<HashMap<PathBuf, Arc<Source>>>,
    folders: Mutex<HashMap<PathBuf, Arc<HashSet<String>>>>,
    spaces: Mutex<HashMap<Vec<PathBuf>, Arc<Mutex<Space>>>>,
}

/// One source as read: its text, its facts, and where to find a name in them.
#[derive(Debug)]
pub(super) struct Source {
    /// The text that the facts are about; empty for a compiled module.
    pub text: Arc<str>,
    /// What it says.
    pub facts: Facts,
    /// Statements by the names they bind.
    pub binds: HashMap<Box<str>, Vec<u32>>,
    /// Imports (statement, number) by the names of the module they bind.
    pub imports: HashMap<Box<str>, Vec<(u32, u32)>>,
    /// `import *` (statement, number) of the module.
    pub stars: Vec<(u32, u32)>,
    /// Why it could not be read or understood.
    pub problem: Option<String>,
}

impl Look {
    /// Returns a source, read at most once.
    pub(super) fn source(&self, memo: &dyn Memo, path: &Path) -> Arc<Source> {
        if let Some(source) = guard(&self.sources).get(path) {
            return source.clone();
        }
        // Parsed outside the lock: another thread may do the same, with the same answer.
        let source = Source::read(memo, path);
        guard(&self.sources).entry(path.to_path_buf()).or_insert(source).clone()
    }

    /// Returns the names in a folder, hidden ones left out; empty where there is none.
    pub(super) fn folder(&self, memo: &dyn Memo, folder: &Path) -> Arc<HashSet<String>> {
        if let Some(names) = guard(&self.folders).get(folder) {
            return names.clone();
        }
        let paths = memo.list(folder, "*").unwrap_or_default();
        let names = paths.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        guard(&self.folders).entry(folder.to_path_buf()).or_insert(Arc::new(names)).clone()
    }

    /// Returns the modules as one list of import roots sees them.
    pub(super) fn space(&self, roots: Vec<PathBuf>) -> Arc<Mutex<Space>> {
        guard(&self.spaces)
            .entry(roots)
            .or_insert_with_key(|roots| Arc::new(Mutex::new(Space::new(roots.clone()))))
            .clone()
    }
}

impl Source {
    fn read(memo: &dyn Memo, path: &Path) -> Arc<Self> {
        let bytes = match memo.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let what = if is_absence(&error) { "does not exist".to_owned() } else { error.to_string() };
                let problem = format!("`{}` cannot be read: {what}", path.display());
                return Arc::new(Self { problem: Some(problem), ..Self::opaque(Digest::of(b"")) });
            }
        };
        if path.extension().is_none_or(|extension| extension != "py") {
            return Arc::new(Self::opaque(Digest::of(&bytes)));
        }
        let source = kept::shared("python source", &bytes, || Self::parse(memo, &bytes));
        if source.facts.parsed != Parsed::No {
            return source;
        }
        let problem = format!("`{}` cannot be parsed: what it imports is unknown", path.display());
        Arc::new(Self { problem: Some(problem), ..Self::opaque(source.facts.bytes) })
    }

    fn parse(memo: &dyn Memo, bytes: &[u8]) -> Self {
        let normalised = source::normalised(bytes);
        let facts = kept::facts(memo, FORMAT, Digest::of(&normalised), || facts_of(&normalised));
        let text = decoded(&normalised).0.as_ref().into();
        Self::of(text, facts)
    }

    /// A source that counts by its bytes alone.
    fn opaque(bytes: Digest) -> Self {
        let facts = Facts { bytes, parsed: Parsed::No, statements: Vec::new(), exports: Exports::Any };
        Self::of("".into(), facts)
    }

    fn of(text: Arc<str>, facts: Facts) -> Self {
        let mut binds: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        let mut imports: HashMap<Box<str>, Vec<(u32, u32)>> = HashMap::new();
        let mut stars = Vec::new();
        for (at, statement) in (0..).zip(&facts.statements) {
            for name in &statement.binds {
                binds.entry(name.clone()).or_default().push(at);
            }
            for (number, import) in (0..).zip(&statement.imports) {
                match (&import.what, import.place) {
                    (_, Place::Function | Place::Class) => {}
                    (What::Star, Place::Module) => stars.push((at, number)),
                    (_, Place::Module) => {
                        imports.entry(import.bound.clone()).or_default().push((at, number));
                    }
                }
            }
        }
        Self { text, facts, binds, imports, stars, problem: None }
    }

    /// Tells whether `import *` takes a name.
    pub(super) fn exports(&self, name: &str) -> bool {
        match &self.facts.exports {
            Exports::Public => !name.starts_with('_'),
            Exports::Listed(names) => names.iter().any(|listed| listed.as_ref() == name),
            Exports::Any => true,
        }
    }

    /// Returns the names that a task could call, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let defined = self.binds.iter().filter(|(_, at)| {
            let statements = at.iter().filter_map(|at| self.facts.statements.get(*at as usize));
            statements.into_iter().any(|one| matches!(one.kind, Kind::Function(_) | Kind::Class { .. }))
        });
        let mut names: Vec<String> =
            defined.map(|(name, _)| name).chain(self.imports.keys()).map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// Tells whether a statement is nothing but imports.
    pub(super) fn is_import(&self, statement: u32) -> bool {
        self.facts.statements.get(statement as usize).is_some_and(|one| one.kind == Kind::Import)
    }
}
