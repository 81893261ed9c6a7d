//! Everything that counts for one task, put together.
//!
//! A gathering never fails: what cannot be read is named in
//! [`Gathered::uncacheable`], and such a task runs every time. What its
//! dependencies left and which item it runs for are not looked at here; the
//! plan adds those by [`dependency_ingredients`](super::dependency_ingredients)
//! and [`item_ingredient`](super::item_ingredient).

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{CodePart, Diagnostic, Ingredient, IngredientKind, Input, Item, Language, Task};

use super::code::Reached;
use super::python::Signature;
use super::surroundings::Surroundings;
use super::{code, files, lockfiles, recipe, values};

/// What was found out about one task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gathered {
    /// All ingredients but those of dependencies and items, sorted.
    pub ingredients: Vec<Ingredient>,
    /// The parts of the code, for showing what changed.
    pub code: Vec<CodePart>,
    /// Every file that counts: code, inputs, lock files; sorted, each once.
    pub files: Vec<PathBuf>,
    /// Files that the code imports, whether or not anything in them counts: lists that tasks share.
    pub imported: Vec<Arc<[PathBuf]>>,
    /// Why no fingerprint can be trusted; empty where one can.
    pub uncacheable: Vec<String>,
    /// What the user should know.
    pub notes: Vec<Diagnostic>,
    /// The Python function's parameters; absent for R and where they cannot be told.
    pub signature: Option<Signature>,
    /// R packages that the code names, unless it also changes where packages are looked for.
    pub packages: Vec<Box<str>>,
    /// Whether the Python function is in its script.
    pub called: Called,
    /// Whether the script or an input depends on the item: those are gathered by [`gather_item_code`].
    pub item_code: bool,
}

/// Whether what a task calls is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Called {
    /// It is, or that can't be told.
    #[default]
    Found,
    /// It is not.
    Missing {
        /// The functions, classes and imported names that are there, sorted.
        instead: Vec<String>,
    },
}

impl Gathered {
    /// Returns every file that kptn saw in the code or was told of, some of them twice.
    pub fn seen_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().chain(self.imported.iter().flat_map(|files| files.iter()))
    }

    fn sorted(mut self) -> Self {
        self.ingredients.sort();
        self.files.sort();
        self.files.dedup();
        self.uncacheable.sort();
        self.uncacheable.dedup();
        self
    }
}

/// Gathers everything about a task but its dependencies and its items.
pub fn gather(task: &Task, s: &Surroundings) -> Gathered {
    let item_script = files::depends_on_item(&task.script.file, task);
    let item_input =
        |input: &Input| matches!(input, Input::Files(files) if files::depends_on_item(files, task));
    let mut gathered =
        Gathered { item_code: item_script || task.inputs.iter().any(item_input), ..Gathered::default() };
    let mut reached = Reached::default();
    if !item_script {
        match &task.script.path {
            Some(path) => reached = code::add(task, path, s, &mut gathered),
            None => gathered.uncacheable.push(format!("script `{}` was not found", task.script.file)),
        }
    }
    values::add(task, s, &reached.config, &mut gathered);
    files::add(task, s, &mut gathered);
    add_interpreter(task, s, &mut gathered);
    if !item_script {
        lockfiles::add(task, &reached.packages, s, &mut gathered);
    }
    gathered.sorted()
}

/// Gathers what depends on the item: its script and its inputs. Empty where [`Gathered::item_code`] is false.
pub fn gather_item_code(task: &Task, item: &Item, s: &Surroundings) -> Gathered {
    let mut gathered = Gathered::default();
    if files::depends_on_item(&task.script.file, task) {
        let mut variables = values::variables(task, s.graph);
        variables.extend(item.variables());
        let file = values::expanded(&task.script.file, &variables);
        match code::find_script(&file, s, &task.script) {
            Some(path) => {
                let reached = code::add(task, &path, s, &mut gathered);
                lockfiles::add(task, &reached.packages, s, &mut gathered);
            }
            None => gathered.uncacheable.push(format!("script `{file}` was not found")),
        }
    }
    files::add_of_item(task, item, s, &mut gathered);
    gathered.sorted()
}

fn add_interpreter(task: &Task, s: &Surroundings, to: &mut Gathered) {
    let name = match task.script.language {
        Language::Python => "Python",
        Language::R => "R",
    };
    let Some(interpreter) = s.interpreters.of(task.script.language) else {
        to.uncacheable.push(format!("no {name} was found"));
        return;
    };
    let version = interpreter.major_minor();
    to.ingredients.push(recipe::ingredient(
        IngredientKind::Interpreter,
        name,
        version.as_bytes(),
        Some(version.clone()),
    ));
}
