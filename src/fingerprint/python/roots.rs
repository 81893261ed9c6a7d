//! Where a task's imports are looked for.
//!
//! The script's own folder, the folder around its package, the project root,
//! the folder of `kptn.yaml`, each `py_tasks_dir` and the folder around it,
//! `src`, and what `PYTHONPATH` names. A root too many does no harm.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fingerprint::surroundings::Surroundings;
use crate::model::Task;

use super::closure::is_foreign;

/// Returns the roots for a script, each once.
pub(super) fn of(task: &Task, script: &Path, s: &Surroundings) -> Vec<PathBuf> {
    let project = s.project;
    let mut roots = vec![project.root.clone()];
    roots.extend(project.config_path.parent().map(Path::to_path_buf));
    for folder in &project.settings.py_tasks_dirs {
        roots.push(folder.clone());
        roots.extend(folder.parent().map(Path::to_path_buf));
    }
    if s.python.folder(s.memo, &project.root).contains("src") {
        roots.push(project.root.join("src"));
    }
    let paths = task.env.get("PYTHONPATH").cloned().or_else(|| (s.env)("PYTHONPATH")).unwrap_or_default();
    let named = std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty());
    roots.extend(named.map(|path| project.root.join(path)).filter(|path| !is_foreign(path)));
    if let Some(folder) = script.parent() {
        roots.extend(around_package(folder, s));
        // Tasks that each have a folder to themselves share what is known of all other modules.
        if has_other_modules(folder, script, s) {
            roots.push(folder.to_path_buf());
        }
    }
    let mut seen = BTreeSet::new();
    roots.retain(|root| seen.insert(root.clone()));
    roots
}

/// Returns the roots where the code itself says that it looks elsewhere: every folder with modules.
pub(super) fn everywhere(mut roots: Vec<PathBuf>, s: &Surroundings) -> Vec<PathBuf> {
    let files = s.memo.list(&s.project.root, "**/*.py").unwrap_or_default();
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .filter(|file| !is_foreign(file))
        .filter_map(|file| Some(file.parent()?.to_path_buf()))
        .collect();
    roots.extend(folders);
    let mut seen = BTreeSet::new();
    roots.retain(|root| seen.insert(root.clone()));
    roots
}

/// Returns the folder in which the outermost package around a folder lies; absent where it is none.
fn around_package(folder: &Path, s: &Surroundings) -> Option<PathBuf> {
    let is_package = |folder: &Path| s.python.folder(s.memo, folder).contains("__init__.py");
    let mut outermost = None;
    for folder in folder.ancestors() {
        if !is_package(folder) {
            break;
        }
        outermost = folder.parent();
    }
    outermost.map(Path::to_path_buf)
}

fn has_other_modules(folder: &Path, script: &Path, s: &Surroundings) -> bool {
    let own = script.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let may_be_module = |name: &String| {
        name != own
            && (!name.contains('.')
                || name.ends_with(".py")
                || name.ends_with(".so")
                || name.ends_with(".pyd"))
    };
    s.python.folder(s.memo, folder).iter().any(may_be_module)
}
