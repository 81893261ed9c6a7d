//! Tests of this layer as a whole, over folders on disk and the plain memo.
//!
//! [`Fixture`] is a small project; [`Edit`] rows say which edits must be seen and
//! which must not. Everything the issue lists under "Change detection" is a row.

mod check;
mod fields;
mod golden;
mod hostile;
mod hostile_modules;
mod hostile_python;
mod hostile_r;
mod many;
mod other_edits;
mod python_edits;
mod python_modules;
mod python_parts;
mod python_spellings;
mod r_edits;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::{Gathered, Plain, Surroundings, fingerprint, gather};
use crate::model::*;

/// A project on disk with one task, `T`.
pub(super) struct Fixture {
    pub folder: tempfile::TempDir,
    pub task: Task,
    pub config: BTreeMap<String, serde_json::Value>,
    pub settings: Settings,
    pub interpreters: Interpreters,
    pub probes: BTreeMap<String, ProbeAnswer>,
    pub env: BTreeMap<String, String>,
}

pub(super) fn name(text: &str) -> TaskName {
    TaskName::parse(text).unwrap()
}

pub(super) fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

/// A task as `kptn.yaml` would make it from its `file` alone.
pub(super) fn task(file: &str) -> Task {
    let (file, function) = file.split_once(':').unwrap_or((file, "T"));
    let python = file.ends_with(".py");
    let script = testing::script(if python { Language::Python } else { Language::R }, file);
    testing::task("T", Script { function: python.then(|| function.to_owned()), ..script })
}

impl Fixture {
    /// Makes a project whose task's script is `file` (`a/b.py`, `b.py:f`, `c.R`).
    pub(super) fn new(file: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let found = |version: &str| Some(Interpreter { path: "/x/bin".into(), version: version.into() });
        let fixture = Self {
            folder,
            task: task(file),
            config: BTreeMap::new(),
            settings: Settings::default(),
            interpreters: Interpreters { python: found("3.11.7"), r: found("4.3.1") },
            probes: BTreeMap::new(),
            env: BTreeMap::new(),
        };
        for (path, text) in files {
            fixture.write(path, text);
        }
        fixture
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn graph(&self) -> Graph {
        let name = GraphName::parse("g").unwrap();
        Graph {
            namespace: name.clone(),
            name,
            tasks: IndexMap::from([(self.task.name.clone(), self.task.clone())]),
            config: self.config.clone(),
            place: None,
        }
    }

    /// Gathers in a new look at the disk.
    pub(super) fn gather(&self) -> Gathered {
        self.look(gather)
    }

    pub(super) fn look<T>(&self, f: impl FnOnce(&Task, &Surroundings) -> T) -> T {
        let mut task = self.task.clone();
        let script = self.root().join(task.script.file.as_str());
        task.script.path = script.is_file().then_some(script);
        let graph = self.graph();
        let mut settings = self.settings.clone();
        let absolute = |folder: &mut PathBuf| *folder = self.root().join(&*folder);
        settings.py_tasks_dirs.iter_mut().for_each(absolute);
        let project = Project {
            root: self.root(),
            config_path: self.root().join("kptn.yaml"),
            settings,
            graphs: IndexMap::new(),
            unused_tasks: Vec::new(),
            remotes: Default::default(),
        };
        let env = |name: &str| self.env.get(name).cloned();
        let s = Surroundings::new(&project, &graph, &self.interpreters, &self.probes, &env, &Plain);
        f(&task, &s)
    }

    /// Returns the fingerprint; panics where there is none that can be trusted.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let gathered = self.gather();
        assert_eq!(gathered.uncacheable, [""; 0]);
        fingerprint(&gathered.ingredients)
    }

    /// Returns the names of all ingredients of a kind.
    pub(super) fn names(&self, kind: IngredientKind) -> Vec<String> {
        let ingredients = self.gather().ingredients;
        ingredients.into_iter().filter(|one| one.kind == kind).map(|one| one.name).collect()
    }
}

/// Whether an edit must change the fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Seen,
    Unseen,
}

/// One row: a project, and one file with other contents.
pub(super) struct Row<'a> {
    pub what: &'a str,
    pub script: &'a str,
    pub files: &'a [(&'a str, &'a str)],
    pub edit: (&'a str, &'a str),
    pub expected: Edit,
}

/// Checks rows; says all that are wrong, not only the first.
pub(super) fn check_edits(rows: &[Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        let fixture = Fixture::new(row.script, row.files);
        let before = fixture.fingerprint();
        let path = fixture.root().join(row.edit.0);
        let same = std::fs::read(&path).is_ok_and(|old| old == row.edit.1.as_bytes());
        assert!(!same, "{}: the edit changes nothing", row.what);
        fixture.write(row.edit.0, row.edit.1);
        let seen = if fixture.fingerprint() == before { Edit::Unseen } else { Edit::Seen };
        if seen != row.expected {
            wrong.push(format!("{}: {seen:?} ({:?})", row.what, fixture.names(IngredientKind::Code)));
        }
    }
    assert!(wrong.is_empty(), "wrong:\n{}", wrong.join("\n"));
}

pub(super) fn relative(path: &Path, root: &Path) -> String {
    super::files::name_of(path, root)
}
