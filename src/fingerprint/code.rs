//! The code of a task: its script and whatever that reaches, by language.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::{CodePart, Ingredient, IngredientKind, Language, Script, Task};

use super::gather::Gathered;
use super::memo::Seen;
use super::surroundings::Surroundings;
use super::{python, r};

/// What the code of a task turned out to use besides files.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Packages from outside the project.
    pub packages: Packages,
    /// Names of `config` values that functions in `config` take.
    pub config: BTreeSet<String>,
}

/// Packages from outside the project.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// As the code names them: an R package, the first part of a Python module.
    pub names: BTreeSet<Box<str>>,
    /// Whether there may be others: their names are computed.
    pub more: bool,
}

/// Adds the code that begins at the script `path`.
pub(super) fn add(task: &Task, path: &Path, s: &Surroundings, to: &mut Gathered) -> Reached {
    match task.script.language {
        Language::Python => python::add(task, path, s, to),
        Language::R => r::add(task, path, s, to),
    }
}

/// Adds one part as code to show and as ingredient.
pub(super) fn add_part(part: CodePart, to: &mut Gathered) {
    to.ingredients.push(Ingredient {
        kind: IngredientKind::Code,
        name: part.name.clone(),
        digest: part.digest,
        shown: None,
    });
    to.code.push(part);
}

/// Returns the script that `file`, as written for one item, names: looked for where the task's other places are.
pub(super) fn find_script(file: &str, s: &Surroundings, script: &Script) -> Option<PathBuf> {
    let template = Path::new(script.file.as_str());
    let mut folders: Vec<PathBuf> = script
        .tried
        .iter()
        .filter(|tried| tried.ends_with(template))
        .filter_map(|tried| tried.ancestors().nth(template.components().count()).map(Path::to_path_buf))
        .collect();
    if folders.is_empty() {
        folders.extend(s.project.config_path.parent().map(Path::to_path_buf));
        folders.push(s.project.root.clone());
        folders.extend(s.project.settings.py_tasks_dirs.iter().cloned());
        folders.extend(s.project.settings.r_tasks_dirs.iter().cloned());
    }
    let mut paths = folders.into_iter().map(|folder| folder.join(file));
    paths.find(|path| matches!(s.memo.look(path), Ok(Seen::File { .. })))
}
