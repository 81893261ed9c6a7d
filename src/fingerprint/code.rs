//! The code of a task: its script and whatever that reaches, by language.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{CodePart, Digest, Ingredient, IngredientKind, Language, Script, Task};

use super::files::name_of;
use super::gather::Gathered;
use super::memo::Seen;
use super::surroundings::Surroundings;
use super::{python, source};

/// Adds the code that begins at the script `path`.
pub(super) fn add(task: &Task, path: &Path, s: &Surroundings, to: &mut Gathered) {
    match task.script.language {
        Language::Python => {
            python::add(task, path, s, to);
        }
        Language::R => add_script(path, s, to),
    }
}

fn add_script(path: &Path, s: &Surroundings, to: &mut Gathered) {
    let bytes = match s.memo.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            to.uncacheable.push(format!("script `{}` cannot be read: {error}", path.display()));
            return;
        }
    };
    let text = source::normalised(&bytes);
    to.files.push(path.to_path_buf());
    let digest = Digest::of(&text);
    let text: Arc<str> = String::from_utf8_lossy(&text).into();
    add_part(
        CodePart {
            name: "script".to_owned(),
            file: name_of(path, &s.project.root),
            line: 1,
            digest,
            source: Digest::of(text.as_bytes()),
            text,
        },
        to,
    );
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
