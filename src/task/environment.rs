//! What a task is handed: its environment, its arguments, its words.
//!
//! ```text
//! prepare(task, circumstances)   once a task: what all its items share
//!   .job(item, log, lines)       once an attempt of a task or an item
//! ```
//!
//! Where names meet, the later one counts: config, `args`, dependencies'
//! results, the item. Python gets them as parameters, R as environment
//! variables and in the JSON file that `KPTN_INPUTS` names. The environment is
//! the user's own; over it kptn's, then those values (R), then `env`, then the
//! item (R), then `FOO=1` at the head of `prefix_args`. Paths of this machine
//! and `KPTN_*` are handed over and never counted: see `docs/fingerprint.md`.

mod values;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::execute::{Code, Job, LineSink, PythonFunction, RScript, Warm, packages_to_load};
use crate::fingerprint::{data_year, variables};
use crate::model::{
    Argument, Cwd, Interpreter, Item, Language, Project, RunPlan, TaggedHasher, Task, TaskName, Variables,
    Workers,
};
use crate::plan::list_provider;
use crate::process::Environment;
use values::{Handed, Kind, Names};

/// What surrounds a task, besides what it says itself.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The project.
    pub project: &'a Project,
    /// The run.
    pub plan: &'a RunPlan,
    /// The results of its direct dependencies, as canonical JSON.
    pub results: &'a BTreeMap<TaskName, Arc<[u8]>>,
    /// The user's own environment.
    pub inherited: &'a Environment,
}

/// Why a task cannot be handed what it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A name that would replace what the process itself needs.
    #[error("{kind} `{name}` would replace the environment variable of that name; give it another name")]
    Reserved { kind: Kind, name: String },
    /// A name that no environment can hold.
    #[error("{kind} `{name}` cannot be an environment variable: its name is empty or holds `=` or a NUL")]
    NoName { kind: Kind, name: String },
    /// A value that no environment can hold.
    #[error("{kind} `{name}` cannot be an environment variable: its value holds a NUL")]
    HoldsNul { kind: Kind, name: String },
    /// A value that is longer than the system allows for one variable.
    #[error("environment variable `{name}` has {bytes} bytes; the system allows 131071, name included")]
    TooLong { name: String, bytes: usize },
    /// `{ref: dep}` on the list that a mapped task runs over.
    #[error(
        "argument `{name}` refers to `{dep}`, whose list this task maps over; an item gets its own value alone"
    )]
    ListAsArgument { name: String, dep: TaskName },
    /// `{ref: dep}` on a dependency without a result.
    #[error("argument `{name}` refers to `{dep}`, which has no result; `cache_result: true` keeps one")]
    NoResult { name: String, dep: TaskName },
    /// A result in the store that is no JSON text.
    #[error("the result of `{dep}` is not JSON")]
    BadResult { dep: TaskName },
    /// A `${name}` that nothing supplies.
    #[error("`{field}` uses `${{{name}}}`, which nothing supplies")]
    UnknownVariable { field: &'static str, name: String },
    /// Words with an open quote.
    #[error("`{field}` cannot be split into words: a quote is not closed in `{text}`")]
    OpenQuote { field: &'static str, text: String },
    /// A log that would lie outside its folder.
    #[error("`logs` names `{path}`, which leaves the folder of logs")]
    LogOutside { path: String },
    /// The script is nowhere.
    #[error("`{file}` is not there")]
    NoScript { file: String, tried: Vec<PathBuf> },
    /// The interpreter is nowhere.
    #[error("no {program} was found")]
    NoInterpreter { program: &'static str },
}

/// What all items of a task share, ready to make jobs of.
#[derive(Debug)]
pub struct Prepared<'a> {
    task: &'a Task,
    circumstances: Circumstances<'a>,
    interpreter: PathBuf,
    environment: Environment,
    variables: Variables,
    names: Names,
    python: Option<Arc<PythonFunction>>,
    warm: Option<Arc<Warm>>,
}

/// Makes ready what all items of a task share. What it cannot be handed is an error, before anything runs.
pub fn prepare<'a>(
    task: &'a Task,
    circumstances: Circumstances<'a>,
) -> Result<Prepared<'a>, EnvironmentError> {
    let plan = circumstances.plan;
    let names = Names::of(task, plan, circumstances.results)?;
    let mut prepared = Prepared {
        task,
        circumstances,
        interpreter: interpreter(task, plan)?.path.clone(),
        environment: circumstances.inherited.clone(),
        variables: variables(task, &plan.graph),
        names,
        python: None,
        warm: None,
    };
    prepared.set_environment()?;
    if task.script.language == Language::Python && task.script.path.is_some() {
        prepared.python = Some(Arc::new(prepared.python_function(None)?));
    }
    Ok(prepared)
}

fn interpreter<'a>(task: &Task, plan: &'a RunPlan) -> Result<&'a Interpreter, EnvironmentError> {
    let program = match task.script.language {
        Language::Python => "Python",
        Language::R => "Rscript",
    };
    plan.interpreters.of(task.script.language).ok_or(EnvironmentError::NoInterpreter { program })
}

/// Returns where a task's or an item's log is: `<outputs>/log/<task>/` where `logs` is set, else among the run's.
pub fn log_path(
    task: &Task,
    item: Option<&Item>,
    circumstances: Circumstances<'_>,
    run_logs: &Path,
) -> Result<PathBuf, EnvironmentError> {
    let folder = crate::model::safe_folder_name(task.name.as_str());
    let Some(template) = &task.logs else {
        return Ok(match item {
            None => run_logs.join(format!("{folder}.log")),
            Some(item) => run_logs.join(folder).join(format!("{}.log", item.key().0.short())),
        });
    };
    let mut known = variables(task, &circumstances.plan.graph);
    known.extend(item.map(Item::variables).unwrap_or_default());
    let path = words::expand("logs", template, &known)?;
    let inside = Path::new(&path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inside || path.is_empty() {
        return Err(EnvironmentError::LogOutside { path });
    }
    Ok(circumstances.plan.outputs_dir.join("log").join(task.name.as_str()).join(path))
}

impl Prepared<'_> {
    /// Says which packages the code of a mapped R task names: what a warm session may load.
    ///
    /// Where the script depends on the item, each item has an R of its own.
    pub fn with_packages<S: AsRef<str>>(mut self, named: &[S]) -> Self {
        let Self { task, circumstances, .. } = &self;
        let (script, is_warm) = (&task.script, task.workers == Workers::Warm && task.is_mapped());
        if script.language == Language::R && is_warm && script.path.is_some() {
            let preload = circumstances.project.settings.r_preload.as_deref();
            let packages = packages_to_load(named, preload);
            self.warm = Some(Arc::new(Warm { packages, variables: task.map_over.clone() }));
        }
        self
    }

    /// Makes the job of one attempt, of the task or of one item.
    pub fn job(
        &self,
        item: Option<&Item>,
        log: &Path,
        lines: Option<LineSink>,
    ) -> Result<Job, EnvironmentError> {
        let Self { task, circumstances: Circumstances { plan, .. }, .. } = self;
        let mut environment = self.environment.clone();
        environment.insert("KPTN_SEED".into(), self.seed(item).to_string().into());
        let script = self.script(item)?;
        let folder = match task.cwd() {
            Cwd::Script => script.parent().unwrap_or(&plan.root).to_owned(),
            Cwd::Project => plan.root.clone(),
            Cwd::Outputs => plan.outputs_dir.clone(),
        };
        let code = match task.script.language {
            Language::R => Code::R(self.r_script(item, script, &mut environment)?),
            Language::Python => Code::Python {
                function: match &self.python {
                    Some(shared) => Arc::clone(shared),
                    None => Arc::new(self.python_function(item)?),
                },
                item: item.map(|item| item.values.clone()).unwrap_or_default(),
            },
        };
        Ok(Job {
            task: task.name.clone(),
            item: item.map(|item| item.label(&task.map_over)),
            code,
            interpreter: self.interpreter.clone(),
            environment,
            folder,
            root: plan.root.clone(),
            outputs: plan.outputs_dir.clone(),
            log: log.to_owned(),
            timeout: task.timeout_ms.map(Duration::from_millis),
            lines,
        })
    }

    /// The part of the environment that all items share.
    fn set_environment(&mut self) -> Result<(), EnvironmentError> {
        let Circumstances { plan, inherited, .. } = self.circumstances;
        // Of a kptn that runs us as its task: where its pipes and files are is none of ours.
        let nested = inherited.contains_key(&OsString::from("KPTN_R_PROFILES"));
        for name in
            ["KPTN_PASS_FDS", "KPTN_EVENTS_FD", "KPTN_RUN", "KPTN_INPUTS", "KPTN_WORKER", "KPTN_R_PROFILES"]
        {
            self.environment.remove(&OsString::from(name));
        }
        if nested {
            self.environment.remove(&OsString::from("R_PROFILE_USER"));
        }
        let year = self.data_year();
        let mut set = |name: &str, value: OsString| self.environment.insert(name.into(), value);
        set("KPTN_BRANCH", plan.branch.as_str().into());
        set("KPTN_GRAPH", plan.graph.name.as_str().into());
        set("KPTN_TASK", self.task.name.as_str().into());
        for name in ["KPTN_OUTPUT_DIR", "OUTPUT_PIPELINE_DIR", "INPUT_PIPELINE_DIR"] {
            set(name, plan.outputs_dir.clone().into());
        }
        set("EXTERNAL_FILE_PATH", plan.outputs_dir.join("externals").into());
        set("DATA_YEAR", year.into());
        if self.task.script.language == Language::R {
            for (name, text) in self.names.for_environment()? {
                self.environment.insert(name.into(), text.into());
            }
        } else if !inherited.contains_key(&OsString::from("PYTHONHASHSEED")) {
            // A set that is written to a file in its own order would differ on every run.
            self.environment.insert("PYTHONHASHSEED".into(), "0".into());
        }
        for (name, value) in &self.task.env {
            values::check(Kind::Env, name, value)?;
            values::check_length(name, value)?;
            self.environment.insert(name.into(), value.into());
        }
        Ok(())
    }

    fn data_year(&self) -> String {
        let Circumstances { plan, inherited, .. } = self.circumstances;
        let own =
            |name: &str| inherited.get(&OsString::from(name)).map(|text| text.to_string_lossy().into_owned());
        data_year(self.task, &plan.graph, &own)
    }

    /// A number that is the same whenever and wherever this task or item runs; R's `set.seed` takes it.
    pub fn seed(&self, item: Option<&Item>) -> u32 {
        let mut hasher = TaggedHasher::new("kptn seed 1");
        hasher.field("task", self.task.counted_name().as_str().as_bytes());
        if let Some(item) = item {
            hasher.field("item", item.key().0.as_bytes());
        }
        let digest = hasher.finish();
        let [a, b, c, d, ..] = *digest.as_bytes();
        u32::from_le_bytes([a, b, c, d]) & 0x7fff_ffff
    }

    fn variables_of(&self, item: Option<&Item>) -> Variables {
        let mut variables = self.variables.clone();
        variables.extend(item.map(Item::variables).unwrap_or_default());
        variables
    }

    /// Finds the script; one that depends on the item is looked for where all others are.
    fn script(&self, item: Option<&Item>) -> Result<PathBuf, EnvironmentError> {
        let script = &self.task.script;
        if let Some(path) = &script.path {
            return Ok(path.clone());
        }
        let file = words::expand("file", &script.file, &self.variables_of(item))?;
        let project = self.circumstances.project;
        let folders = match script.language {
            Language::Python => &project.settings.py_tasks_dirs,
            Language::R => &project.settings.r_tasks_dirs,
        };
        let beside = project.config_path.parent().map(Path::to_owned);
        let all = beside.iter().chain([&project.root]).chain(folders);
        let tried: Vec<PathBuf> = all.map(|folder| folder.join(&file)).collect();
        match tried.iter().find(|path| path.is_file()) {
            Some(found) => Ok(found.clone()),
            None => Err(EnvironmentError::NoScript { file, tried }),
        }
    }

    fn r_script(
        &self,
        item: Option<&Item>,
        script: PathBuf,
        environment: &mut Environment,
    ) -> Result<RScript, EnvironmentError> {
        let mut names = self.names.clone();
        if let Some(item) = item {
            for (name, value) in item.values.iter() {
                let handed = Handed::value(Kind::Item, value);
                if let Some(text) = handed.text_for(name)? {
                    environment.insert(name.into(), text.into());
                }
                names.insert(name, handed);
            }
        }
        let prefix = words::prefix(self.task.prefix_args.as_deref())?;
        environment.extend(prefix.environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        let arguments = words::arguments(self.task.cli_args.as_ref(), &self.variables_of(item))?;
        // An item's file holds only what does not fit the environment, so that most items share one.
        let inputs = if item.is_some() { names.json_beyond_environment()? } else { names.json() };
        let warm = item.and(self.warm.clone());
        Ok(RScript { script, prefix: prefix.words, arguments, inputs, warm })
    }

    fn python_function(&self, item: Option<&Item>) -> Result<PythonFunction, EnvironmentError> {
        let Circumstances { project, plan, .. } = self.circumstances;
        let beside = project.config_path.parent().map(Path::to_owned);
        let mut roots = vec![project.root.clone()];
        roots.extend(beside);
        for folder in &project.settings.py_tasks_dirs {
            roots.push(folder.clone());
            roots.extend(folder.parent().map(Path::to_owned));
        }
        roots.push(project.root.join("src"));
        let mut seen = std::collections::BTreeSet::new();
        roots.retain(|root| root.is_dir() && seen.insert(root.clone()));
        let texts = |folders: &[PathBuf]| -> Value {
            folders.iter().map(|folder| folder.to_string_lossy().into_owned()).collect()
        };
        let settings = &project.settings;
        let pipeline = [
            ("scratch_dir", json!(plan.outputs_dir.to_string_lossy())),
            ("BRANCH", json!(plan.branch.as_str())),
            ("PIPELINE_NAME", json!(plan.graph.name.as_str())),
            ("DATA_YEAR", json!(self.data_year())),
            ("TASKS_CONFIG_PATH", json!(project.config_path.to_string_lossy())),
            ("PY_TASKS_DIRS", texts(&settings.py_tasks_dirs)),
            ("R_TASKS_DIRS", texts(&settings.r_tasks_dirs)),
        ];
        let name = self.task.name.as_str();
        let info = [("task_name", name), ("task_lang", "python"), ("task_language", "python")];
        Ok(PythonFunction {
            script: self.script(item)?,
            function: self.task.script.function.clone().unwrap_or_else(|| name.to_owned()),
            roots,
            wants_result: self.task.cache_result,
            warm: self.task.is_mapped() && self.task.workers == Workers::Warm,
            memory_kib: self.task.compute.memory_mib.map(|mib| mib * 1024),
            given: self.names.given(),
            args: self.task.args.keys().cloned().collect(),
            config: plan.graph.config.clone(),
            pipeline: pipeline.map(|(name, value)| (name.to_owned(), value)).into(),
            info: info.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        })
    }
}

/// Returns the task whose list a mapped task runs over, if it has one.
fn supplier<'a>(task: &Task, plan: &'a RunPlan) -> Option<&'a TaskName> {
    if !task.is_mapped() {
        return None;
    }
    list_provider(&plan.graph, task).ok().map(|provider| &provider.name)
}

/// Returns the dependencies that are handed over under another name: `args: {x: {ref: dep}}`.
fn aliased(task: &Task) -> impl Iterator<Item = &TaskName> {
    task.args.values().filter_map(|argument| match argument {
        Argument::Ref(dep) => Some(dep),
        Argument::Value(_) => None,
    })
}
