//! Puts a project together: text, words, then the model.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::checks;
use super::find::Found;
use super::graphs::{self, Definitions};
use super::node::{Kind, Node};
use super::remotes;
use super::report::Report;
use super::scripts::Folders;
use super::settings::{self, Layer, Resolved};
use super::tasks::{self, Lowering};
use super::values::Values;
use super::words::{ProjectWords, SettingsWords, TaskWords};
use super::{ConfigError, Loaded, given::Entries, reader, stumbles, yaml};
use crate::model::{Project, Severity, TaskName};

/// What loading asks of the disk; nothing else here touches it.
pub(super) struct Disk {
    pub is_file: fn(&Path) -> bool,
    pub read: fn(&Path) -> io::Result<Vec<u8>>,
}

impl Disk {
    /// The real one.
    pub const REAL: Self = Self { is_file: |path| path.is_file(), read: |path| std::fs::read(path) };
    /// One without any file.
    pub const EMPTY: Self = Self { is_file: |_| false, read: |_| Err(io::ErrorKind::NotFound.into()) };
}

/// Reads the files of a project that was found.
pub(super) fn load(found: Found) -> Result<Loaded, ConfigError> {
    let text = (Disk::REAL.read)(&found.config_path)
        .map_err(|source| ConfigError::Io { path: found.config_path.clone(), source })?;
    assemble(&text, found, &Disk::REAL)
}

/// Makes a project of the text of its `kptn.yaml`.
pub(super) fn assemble(text: &[u8], found: Found, disk: &Disk) -> Result<Loaded, ConfigError> {
    let mut report = Report::new(&found.config_path);
    let Some(root) = yaml::parse(text, &mut report).filter(|root| is_project(root, &mut report)) else {
        return Err(ConfigError::Invalid { diagnostics: report.into_found() });
    };
    let mut words: ProjectWords = reader::read(&root, &mut report);
    let (resolved, pyproject_report) = read_settings(&found, &mut words, &mut report);
    let mut values = Values::new(&found, &resolved.settings, disk);
    let config = root.get("config").map(|node| values.resolve(node, &mut report)).unwrap_or_default();

    let folders = Folders::new(&found, &resolved.settings, disk);
    let lowering = Lowering { folders: &folders, workers: resolved.workers };
    let definitions = define_tasks(words.tasks.value.unwrap_or_default(), &lowering, &mut report);
    let graph_words = words.graphs.value.unwrap_or_default();
    if graph_words.0.is_empty() && report.has_nothing_at(words.graphs.place) {
        report.error(words.graphs.place, "there are no graphs").hint =
            Some("write `graphs: {NAME: {tasks: {TASK: []}}}`, or run `kptn init` in an empty folder".into());
    }
    let graph_nodes = root.get("graphs").map(Node::entries).unwrap_or_default();
    let graph_configs = graph_nodes.iter().map(|(key, node)| {
        let own = node.get("config").map(|node| values.resolve(node, &mut report)).unwrap_or_default();
        (key.text.clone(), own)
    });
    let graph_configs: HashMap<_, _> = graph_configs.collect();
    let mut absent = found.absent;
    absent.extend(definitions.values().flatten().flat_map(tasks::absent_scripts));
    absent.extend(values.absent);
    checks::renames(definitions.iter().map(|(name, task)| (name, task.as_ref())), &mut report);
    let defined: Vec<TaskName> = definitions.keys().cloned().collect();
    let graphs = graphs::make(graph_words, definitions, &config, &graph_configs, &resolved, &mut report);

    let remotes = remotes::resolve(words.remotes.value.unwrap_or_default(), &mut report);
    let used: std::collections::HashSet<&TaskName> =
        graphs.values().flat_map(|graph| graph.tasks.keys()).collect();
    let unused_tasks = defined.iter().filter(|task| !used.contains(task)).cloned().collect();
    let mut files = found.files;
    files.extend(values.files);
    let mut diagnostics = report.into_found();
    diagnostics.extend(pyproject_report.into_iter().chain(values.reports).flat_map(Report::into_found));
    if diagnostics.iter().any(|found| found.severity == Severity::Error) {
        return Err(ConfigError::Invalid { diagnostics });
    }
    let project = Project {
        root: found.root,
        config_path: found.config_path,
        settings: resolved.settings,
        graphs,
        unused_tasks,
        remotes,
    };
    Ok(Loaded { project, notes: diagnostics, files, absent })
}

/// Tells whether the text is a mapping at all.
fn is_project(root: &Node, report: &mut Report) -> bool {
    match &root.kind {
        Kind::Map(_) => true,
        Kind::Null => {
            stumbles::empty(report);
            false
        }
        _ => {
            let message = format!("`graphs:` and `tasks:` are needed, not {}", root.described());
            report.error(Some(root.place), message);
            false
        }
    }
}

fn read_settings(found: &Found, words: &mut ProjectWords, report: &mut Report) -> (Resolved, Option<Report>) {
    let own = words.settings.value.take().unwrap_or_default();
    if let Some(place) = own.tasks_conf_path.place {
        report.error(Some(place), "`tasks_conf_path` belongs to `[tool.kptn]` in `pyproject.toml`");
    }
    let mut pyproject = found.pyproject.as_ref().map(|pyproject| {
        let mut report = Report::new(&pyproject.path);
        let words: SettingsWords = reader::read(&pyproject.table, &mut report);
        (words, report)
    });
    let mut layers = vec![Layer { words: own, base: found.folder(), report }];
    if let Some((words, report)) = &mut pyproject {
        layers.push(Layer { words: std::mem::take(words), base: &found.root, report });
    }
    (settings::resolve(found, layers), pyproject.map(|(_, report)| report))
}

/// Turns each task's words into the model; absent where something in it is so wrong that it has no meaning.
fn define_tasks(words: Entries<Box<TaskWords>>, lowering: &Lowering<'_>, report: &mut Report) -> Definitions {
    let mut definitions = Definitions::with_capacity(words.0.len());
    for (key, given) in words.0 {
        let Some(name) = graphs::parse_name(&key.text, key.place, report) else { continue };
        let words = given.value.unwrap_or_default();
        let definition = lowering.define(&name, *words, key.place, report);
        if definitions.insert(name, definition).is_some() {
            report.error(Some(key.place), format!("two tasks are called `{}`", key.text)).hint =
                Some("they differ only in how an accent is written; rename one".into());
        }
    }
    definitions
}
