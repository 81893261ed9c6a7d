//! What is to be run once: everything a process needs, and nothing to look up.
//!
//! A plain value made by [`crate::task::environment`]; running it reads no
//! configuration and no state, so one job can be tried alone in a test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::model::{ItemValues, TaskName};
use crate::process::Environment;

/// Hears the lines that a task prints, as they come.
pub type LineSink = Arc<dyn Fn(&str) + Send + Sync>;

/// One attempt of one task, or of one item of a mapped one.
#[derive(Clone)]
pub struct Job {
    /// The task.
    pub task: TaskName,
    /// How people name the item; absent for an unmapped task.
    pub item: Option<String>,
    /// What to run.
    pub code: Code,
    /// The interpreter, absolute.
    pub interpreter: PathBuf,
    /// The complete environment.
    pub environment: Environment,
    /// The folder it starts in.
    pub folder: PathBuf,
    /// The project root.
    pub root: PathBuf,
    /// The output folder.
    pub outputs: PathBuf,
    /// Where what it prints is appended; made with its folder where absent.
    pub log: PathBuf,
    /// After which it is stopped; absent means never.
    pub timeout: Option<Duration>,
    /// Where its lines go as well; absent where nobody watches.
    pub lines: Option<LineSink>,
}

/// What to run.
#[derive(Debug, Clone)]
pub enum Code {
    /// An R script.
    R(RScript),
    /// A Python function, shared by all items of a task.
    Python {
        /// The function and the values that all items get.
        function: Arc<PythonFunction>,
        /// The values of the item that it was made for, by name; empty for an unmapped task. What a lane is asked
        /// for names its own: [`super::Call`].
        item: ItemValues,
    },
}

/// An R script and the words around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RScript {
    /// The script, absolute.
    pub script: PathBuf,
    /// Words before `Rscript`.
    pub prefix: Vec<String>,
    /// Words after the script.
    pub arguments: Vec<String>,
    /// What the file that `KPTN_INPUTS` names will hold: all values by name, as JSON.
    pub inputs: Option<Vec<u8>>,
    /// For a session that forks for each item; absent where each item is to have an R of its own.
    pub warm: Option<Arc<Warm>>,
}

/// What a session is started with that forks for each item of a mapped R task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warm {
    /// Packages that it loads.
    pub packages: Vec<String>,
    /// The names of the variables that each item has its own values of.
    pub variables: Vec<String>,
}

impl Job {
    /// Returns the same job in a process of its own.
    pub fn alone(&self) -> Self {
        let mut job = self.clone();
        if let Code::R(script) = &mut job.code {
            script.warm = None;
        }
        job
    }
}

/// A Python function and the values it may take; the worker reads exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PythonFunction {
    /// The file it is in, absolute.
    pub script: PathBuf,
    /// Its name.
    pub function: String,
    /// Folders that the project's modules are imported from, first to last; what lies in them is the project's code.
    pub roots: Vec<PathBuf>,
    /// Whether what it returns is kept.
    pub wants_result: bool,
    /// Whether a process is used for many items.
    pub warm: bool,
    /// A process of that much resident memory takes no further item.
    pub memory_kib: Option<u64>,
    /// Values by name, each as JSON text: `args` and dependencies' results.
    pub given: BTreeMap<String, String>,
    /// Which of `given` come from `args`: the function must take these.
    pub args: Vec<String>,
    /// `config`, by name; `{"$function": "module:name"}` stands for what that function returns.
    pub config: BTreeMap<String, Value>,
    /// What `pipeline_config` holds; each is also a parameter's value by its own name.
    pub pipeline: BTreeMap<String, Value>,
    /// What a config function's `task_info` is told.
    pub info: BTreeMap<String, String>,
}
