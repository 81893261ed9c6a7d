//! Declared inputs: files, globs and folders that a task reads and no task makes.
//!
//! Each file is an ingredient by its path and bytes, so `why` can name it; very
//! large sets are one ingredient. What is declared and missing makes the task
//! uncacheable: it cannot be told what the task will read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::{
    Diagnostic, Digest, Ingredient, IngredientKind, Input, Item, ProbeAnswer, Severity, TaggedHasher, Task,
    Template,
};

use super::gather::Gathered;
use super::memo::{Seen, is_glob, split_glob};
use super::recipe::ingredient;
use super::surroundings::Surroundings;
use super::values;

/// With more files than this, an input is one ingredient instead of one a file.
const NAMED_FILES: usize = 256;

/// Adds the declared inputs and probes that do not depend on the item.
pub(super) fn add(task: &Task, s: &Surroundings, to: &mut Gathered) {
    for input in &task.inputs {
        match input {
            Input::Probe(command) => add_probe(command, s, to),
            Input::Files(files) if depends_on_item(files, task) => {}
            Input::Files(files) => add_files(files, task, None, s, to),
        }
    }
    forget_repeats(to);
}

/// Adds the declared inputs that depend on the item.
pub(super) fn add_of_item(task: &Task, item: &Item, s: &Surroundings, to: &mut Gathered) {
    for input in &task.inputs {
        if let Input::Files(files) = input
            && depends_on_item(files, task)
        {
            add_files(files, task, Some(item), s, to);
        }
    }
    forget_repeats(to);
}

/// Tells whether a text names one of the variables of an item.
pub(super) fn depends_on_item(text: &Template, task: &Task) -> bool {
    text.variables().any(|name| task.map_over.iter().any(|item| item == name))
}

fn add_probe(command: &str, s: &Surroundings, to: &mut Gathered) {
    match s.probes.get(command) {
        Some(ProbeAnswer::Said { digest, shown }) => to.ingredients.push(Ingredient {
            kind: IngredientKind::Probe,
            name: command.to_owned(),
            digest: *digest,
            shown: Some(super::recipe::shorten(shown)),
        }),
        Some(ProbeAnswer::Failed { message }) => {
            to.uncacheable.push(format!("probe `{command}` failed: {message}"));
        }
        None => to.uncacheable.push(format!("probe `{command}` was not run")),
    }
}

fn add_files(template: &Template, task: &Task, item: Option<&Item>, s: &Surroundings, to: &mut Gathered) {
    let mut variables = values::variables(task, s.graph);
    variables.extend(item.map(Item::variables).into_iter().flatten());
    let known: BTreeSet<&str> = variables.keys().map(String::as_str).collect();
    if let Some(unknown) = template.variables().find(|name| !known.contains(name)) {
        to.uncacheable.push(format!("input `{template}` has a variable `{unknown}` that nothing supplies"));
        return;
    }
    let written = values::expanded(template, &variables);
    let found = match find(&written, s) {
        Ok(found) => found,
        Err((path, error)) => {
            to.uncacheable.push(format!("input `{written}` cannot be read: {}: {error}", path.display()));
            return;
        }
    };
    let Some(files) = found else {
        to.uncacheable.push(format!("input `{written}` does not exist"));
        return;
    };
    if files.is_empty() {
        let message = format!("input `{written}` of task `{}` matches no file", task.name);
        to.notes.push(Diagnostic::new(Severity::Warning, message).at(&s.project.config_path, None));
        to.ingredients.push(ingredient(IngredientKind::Input, &written, b"", Some("no files".to_owned())));
        return;
    }
    to.ingredients.extend(ingredients(&written, &files, &s.project.root));
    to.files.extend(files.into_iter().map(|(path, _)| path));
}

type Files = Vec<(PathBuf, Digest)>;

/// Returns the files that an input names; `None` where a file or folder is named that is not there.
fn find(written: &str, s: &Surroundings) -> Result<Option<Files>, (PathBuf, std::io::Error)> {
    let root = &s.project.root;
    let literal = root.join(written);
    let literally = s.memo.look(&literal).map_err(|error| (literal.clone(), error))?;
    let paths = match literally {
        Seen::File { digest, .. } => return Ok(Some(vec![(literal, digest)])),
        Seen::Folder => s.memo.list(&literal, "**").map_err(|error| (literal.clone(), error))?,
        Seen::Absent if !is_glob(written) => return Ok(None),
        Seen::Absent => {
            let (base, pattern) = split_glob(written);
            let base = root.join(base);
            s.memo.list(&base, pattern).map_err(|error| (base, error))?
        }
    };
    let mut files = Vec::new();
    for path in paths {
        if let Seen::File { digest, .. } = s.memo.look(&path).map_err(|error| (path.clone(), error))? {
            files.push((path, digest));
        }
    }
    Ok(Some(files))
}

fn ingredients(written: &str, files: &Files, root: &Path) -> Vec<Ingredient> {
    let kind = IngredientKind::Input;
    if files.len() <= NAMED_FILES {
        return files
            .iter()
            .map(|(path, digest)| Ingredient {
                kind,
                name: name_of(path, root),
                digest: *digest,
                shown: None,
            })
            .collect();
    }
    let mut hasher = TaggedHasher::new("kptn input files 1");
    for (path, digest) in files {
        hasher.field("path", name_of(path, root).as_bytes()).field("digest", digest.as_bytes());
    }
    let shown = Some(format!("{} files", files.len()));
    vec![Ingredient { kind, name: written.to_owned(), digest: hasher.finish(), shown }]
}

/// Returns how a file is named in ingredients: relative to the project root where it is inside, with `/`.
pub(super) fn name_of(path: &Path, root: &Path) -> String {
    let Ok(relative) = path.strip_prefix(root) else { return path.display().to_string() };
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Two patterns may find the same file; it counts once.
fn forget_repeats(to: &mut Gathered) {
    let mut seen = BTreeSet::new();
    to.ingredients.retain(|one| one.kind != IngredientKind::Input || seen.insert(one.name.clone()));
}
