//! Lock files: which version of each package the code runs with.
//!
//! ```text
//! read      one lock file -> packages, each with version and what it needs
//! modules   Python: which package an import comes from
//! ```
//! Only lock files of the task's language count. `renv.lock` and `uv.lock` are
//! narrowed to the packages that the code reaches and all that those need; the
//! rest, and whatever can't be told, counts whole. Under `lockfiles: warn` the
//! same ingredients are gathered as watched ones, which no fingerprint counts.

mod modules;
mod read;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::model::{Ingredient, IngredientKind, Language, LockfilePolicy, TaggedHasher, Task};

use super::code::Packages;
use super::files::name_of;
use super::gather::Gathered;
use super::kept::guard;
use super::memo::Seen;
use super::surroundings::Surroundings;
use read::{Lock, Narrow};

/// With more packages than this, a lock file is one ingredient instead of one a package.
const NAMED_PACKAGES: usize = 64;

const PYTHON: [&str; 6] =
    ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "requirements*.txt"];
const R: [&str; 2] = ["renv.lock", "packrat/packrat.lock"];
const BOTH: [&str; 3] = ["pixi.lock", "conda-lock.yml", "conda-lock.yaml"];

/// Returns the names of lock files that count for a language, globs among them.
pub fn lockfile_names(language: Language) -> impl Iterator<Item = &'static str> {
    let own: &[&str] = match language {
        Language::Python => &PYTHON,
        Language::R => &R,
    };
    own.iter().chain(&BOTH).copied()
}

/// What one look at the project knows of its lock files.
#[derive(Default)]
pub(super) struct Look {
    python: OnceLock<Vec<Arc<Lock>>>,
    r: OnceLock<Vec<Arc<Lock>>>,
    narrowed: Mutex<Narrowed>,
}

/// Ingredients by lock file and the packages that are reached; absent where all of them are.
type Narrowed = HashMap<(PathBuf, Option<Names>), Arc<[Ingredient]>>;

/// Names of packages, as the lock file has them.
type Names = BTreeSet<Box<str>>;

/// Adds the lock files of the task's language, as far as its code reaches into them.
pub(super) fn add(task: &Task, packages: &Packages, s: &Surroundings, to: &mut Gathered) {
    let kind = match s.project.settings.lockfiles {
        LockfilePolicy::Stale => IngredientKind::Lockfile,
        LockfilePolicy::Warn => IngredientKind::WatchedLockfile,
        LockfilePolicy::Ignore => return,
    };
    let locks = match task.script.language {
        Language::Python => s.lockfiles.python.get_or_init(|| find(&PYTHON, s)),
        Language::R => s.lockfiles.r.get_or_init(|| find(&R, s)),
    };
    for lock in locks {
        to.files.push(lock.path.clone());
        to.uncacheable.extend(lock.problem.clone());
        let ingredients = s.lockfiles.ingredients(lock, packages, task.script.language);
        to.ingredients.extend(ingredients.iter().cloned().map(|one| Ingredient { kind, ..one }));
    }
}

/// Returns the lock files of the project root and of the folder of `kptn.yaml`.
fn find(names: &[&str], s: &Surroundings) -> Vec<Arc<Lock>> {
    let mut folders = vec![s.project.root.as_path()];
    folders.extend(s.project.config_path.parent().filter(|folder| *folder != s.project.root));
    let mut paths = BTreeSet::new();
    for folder in folders {
        for name in names.iter().chain(&BOTH) {
            if name.contains('*') {
                paths.extend(s.memo.list(folder, name).unwrap_or_default());
            } else if !matches!(s.memo.look(&folder.join(name)), Ok(Seen::Absent | Seen::Folder)) {
                paths.insert(folder.join(name));
            }
        }
    }
    let mut locks = Vec::new();
    let mut open: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = open.pop() {
        let lock = Lock::read(&path, name_of(&path, &s.project.root), s.memo);
        // `-r base.txt`
        let included = lock.includes.iter().map(|name| path.parent().unwrap_or(Path::new("")).join(name));
        open.extend(included.filter(|path| paths.insert(path.clone())).collect::<Vec<_>>());
        locks.push(Arc::new(lock));
    }
    locks
}

impl Look {
    fn ingredients(&self, lock: &Lock, packages: &Packages, language: Language) -> Arc<[Ingredient]> {
        let reached = narrow(lock, packages, language);
        let key = (lock.path.clone(), reached.clone());
        if let Some(known) = guard(&self.narrowed).get(&key) {
            return known.clone();
        }
        let made: Arc<[Ingredient]> = ingredients(lock, reached.as_ref()).into();
        guard(&self.narrowed).insert(key, made.clone());
        made
    }
}

/// Returns the packages of a lock file that the code reaches; `None` where that can't be told.
fn narrow(lock: &Lock, packages: &Packages, language: Language) -> Option<Names> {
    if packages.more || lock.narrow == Narrow::Never {
        return None;
    }
    let mut open: Vec<Box<str>> = Vec::new();
    for name in &packages.names {
        open.extend(match language {
            Language::R => r_package(lock, name)?,
            Language::Python => modules::packages_of(lock, name)?,
        });
    }
    let mut reached = Names::new();
    while let Some(name) = open.pop() {
        let Some(package) = lock.packages.get(&name) else { continue };
        if reached.insert(name.clone()) {
            open.extend(package.needs.iter().cloned());
            if language == Language::Python {
                open.extend(modules::plugins_of(&name).iter().map(|plugin| Box::from(*plugin)));
            }
        }
    }
    // Of no package but itself; the lock file names the version of R too.
    reached.extend(lock.packages.keys().filter(|name| name.as_ref() == "R").cloned());
    Some(reached)
}

/// Returns the package of an R name: none for what comes with R; `None` where the lock file lacks it.
fn r_package(lock: &Lock, name: &str) -> Option<Vec<Box<str>>> {
    const WITH_R: [&str; 15] = [
        "base",
        "compiler",
        "datasets",
        "grDevices",
        "graphics",
        "grid",
        "methods",
        "parallel",
        "splines",
        "stats",
        "stats4",
        "tcltk",
        "tools",
        "translations",
        "utils",
    ];
    match WITH_R.contains(&name) {
        true => Some(Vec::new()),
        false => lock.packages.contains_key(name).then(|| vec![name.into()]),
    }
}

fn ingredients(lock: &Lock, reached: Option<&Names>) -> Vec<Ingredient> {
    let kind = IngredientKind::Lockfile;
    if lock.packages.is_empty() {
        return vec![Ingredient { kind, name: lock.name.clone(), digest: lock.digest, shown: None }];
    }
    let mut each = Vec::new();
    for (name, package) in &lock.packages {
        if reached.is_none_or(|reached| reached.contains(name)) {
            let (name, shown) = (format!("{}:{name}", lock.name), Some(package.version.clone()));
            each.push(Ingredient { kind, name, digest: package.digest, shown });
        }
    }
    if each.len() <= NAMED_PACKAGES {
        return each;
    }
    let mut hasher = TaggedHasher::new("kptn lock file 1");
    for one in &each {
        hasher.field("package", one.name.as_bytes()).field("digest", one.digest.as_bytes());
    }
    let shown = Some(format!("{} packages", each.len()));
    vec![Ingredient { kind, name: lock.name.clone(), digest: hasher.finish(), shown }]
}
