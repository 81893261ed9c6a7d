//! What the tasks of a run share while it goes, and the threads that help them.
//!
//! One thread decides, talks to the runner and starts processes. What reads or
//! writes files at length happens on helper threads, which borrow from the run:
//! they end before it does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Scope;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::oneshot;

use super::environment::Circumstances;
use super::outputs::{Declared, Folder, Outputs};
use super::owners::{Depth, Owners};
use super::{Past, Run, StateKnown};
use crate::model::{LinkMode, Task, TaskName};
use crate::process::{Environment, own_environment};
use crate::state::{BranchKey, StateError};
use crate::store::{StoreError, Stored};

/// Takes a file into the store, or only says what it holds.
type TakeIn<'a> = &'a (dyn Fn(&Path) -> Result<Stored, StoreError> + Sync);

/// What all tasks of a run share.
pub struct Shared<'e> {
    /// The run.
    pub run: &'e Run,
    /// Whose state this is.
    pub key: &'e BranchKey,
    /// The past of its branch, kept up to date as tasks finish.
    pub known: StateKnown<'e>,
    /// Which path belongs to whom.
    pub owners: Owners,
    /// Where tasks write.
    pub folder: Folder,
    /// Names the folder in `.kept/` for edits that are met in this run.
    kept_under: String,
    tracked: OnceLock<BTreeSet<PathBuf>>,
    /// Files that were changed after the run was opened, each told once.
    told: Mutex<BTreeSet<PathBuf>>,
    /// The user's own environment.
    inherited: Environment,
}

impl<'e> Shared<'e> {
    /// Reads what the branch has now.
    pub fn load(run: &'e Run, key: &'e BranchKey) -> Result<Self, StateError> {
        let past = Past {
            store: &run.store,
            state: &run.state,
            key,
            project: &run.project,
            graph: &run.plan.graph,
            outputs_dir: &run.plan.outputs_dir,
            memo: &*run.memo,
        };
        Ok(Self {
            known: StateKnown::load(past)?.using(run.plan.cache),
            owners: Owners::of(&run.plan.graph),
            folder: run.folder(),
            kept_under: jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string(),
            tracked: OnceLock::new(),
            told: Mutex::default(),
            inherited: own_environment(),
            run,
            key,
        })
    }

    /// Returns what surrounds a task whose dependencies returned `results`.
    pub fn circumstances<'a>(&'a self, results: &'a BTreeMap<TaskName, Arc<[u8]>>) -> Circumstances<'a> {
        Circumstances {
            project: &self.run.project,
            plan: &self.run.plan,
            results,
            inherited: &self.inherited,
        }
    }

    /// Says which files were changed after the run was opened: they are used as they are now.
    pub fn tell_changed(&self, files: &[PathBuf]) {
        let opened = UNIX_EPOCH + Duration::from_millis(self.run.plan.id.made_ms());
        let changed = |path: &PathBuf| {
            std::fs::metadata(path).and_then(|found| found.modified()).is_ok_and(|time| time > opened)
        };
        for path in files.iter().filter(|path| changed(path)) {
            if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone()) {
                let shown = path.strip_prefix(&self.run.project.root).unwrap_or(path).display();
                self.run.note(
                    None,
                    format!("`{shown}` was changed after the run began; it is used as it is now"),
                );
            }
        }
    }

    /// Works on the output folder for a task that declares `declared`.
    pub fn with_outputs<T>(
        &self,
        task: &Task,
        declared: &Declared,
        act: impl FnOnce(&Outputs<'_>) -> T,
    ) -> T {
        self.with_depth(&task.name, Owners::depth_for(declared), &|path| self.take_in(path), act)
    }

    /// Works on the output folder, where what is taken in only has to be read.
    pub fn with_outputs_read<T>(
        &self,
        task: &Task,
        declared: &Declared,
        read: TakeIn<'_>,
        act: impl FnOnce(&Outputs<'_>) -> T,
    ) -> T {
        self.with_depth(&task.name, Owners::depth_for(declared), read, act)
    }

    /// Takes a file into the store.
    pub fn take_in(&self, path: &Path) -> Result<Stored, StoreError> {
        self.run.memo.put_file(&self.run.store, path)
    }

    /// Works on the output folder, where it matters what others have on record.
    pub fn with_all_outputs<T>(&self, task: &TaskName, act: impl FnOnce(&Outputs<'_>) -> T) -> T {
        self.with_depth(task, Depth::Records, &|path| self.take_in(path), act)
    }

    /// Works on the output folder for no task.
    pub fn with_any_outputs<T>(&self, act: impl FnOnce(&Outputs<'_>) -> T) -> T {
        act(&Outputs {
            store: &self.run.store,
            memo: &*self.run.memo,
            take_in: &|path| self.take_in(path),
            folder: &self.folder,
            link: self.run.project.settings.link,
            kept_under: &self.kept_under,
            owner: &|_| None,
            tracked: &|path| self.is_tracked(path),
        })
    }

    fn with_depth<T>(
        &self,
        task: &TaskName,
        depth: Depth,
        take_in: TakeIn<'_>,
        act: impl FnOnce(&Outputs<'_>) -> T,
    ) -> T {
        // What is updated in place must not share its bytes with the store.
        let in_place = self.run.task(task.as_str()).is_some_and(|task| task.keep);
        act(&Outputs {
            store: &self.run.store,
            memo: &*self.run.memo,
            take_in,
            folder: &self.folder,
            link: if in_place { LinkMode::Copy } else { self.run.project.settings.link },
            kept_under: &self.kept_under,
            owner: &|path| self.owners.other(task, path, depth, &self.known),
            tracked: &|path| self.is_tracked(path),
        })
    }

    fn is_tracked(&self, path: &Path) -> bool {
        let below = || {
            let repository = self.run.repository.as_ref()?;
            let repository = repository.lock().unwrap_or_else(PoisonError::into_inner);
            repository.tracked_below(self.folder.root()).ok()
        };
        self.tracked.get_or_init(|| below().unwrap_or_default()).contains(path)
    }
}

/// Threads that may borrow what outlives them.
#[derive(Clone, Copy)]
pub struct Threads<'s, 'e>(pub &'s Scope<'s, 'e>);

impl<'s> Threads<'s, '_> {
    /// Runs `work` on a thread of its own and waits for it without blocking.
    ///
    /// # Panics
    /// Where `work` did.
    pub async fn run<T: Send + 's>(&self, work: impl FnOnce() -> T + Send + 's) -> T {
        let (sender, receiver) = oneshot::channel();
        let thread = self.0.spawn(move || drop(sender.send(work())));
        match receiver.await {
            Ok(value) => value,
            Err(_) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                #[expect(clippy::unreachable, reason = "a thread that ends well has sent its value")]
                Ok(()) => unreachable!("a thread that ends well has sent its value"),
            },
        }
    }
}
