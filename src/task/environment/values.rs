//! The values a task gets by name, as JSON and as environment variables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{EnvironmentError, aliased, supplier};
use crate::model::{Argument, Item, LONGEST_VARIABLE, RunPlan, Task, TaskName};

/// A longer value comes in the file that `KPTN_INPUTS` names alone.
const LONGEST: usize = 32 * 1024;
/// All values together; Linux gives a new process 2 MiB for everything by default.
const LONGEST_TOGETHER: usize = 512 * 1024;

/// Where a value comes from; the later one counts where names meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `config`
    Config,
    /// `args`
    Argument,
    /// The result of a dependency, by its name.
    Result,
    /// `env`
    Env,
    /// A variable of the item.
    Item,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config value",
            Self::Argument => "argument",
            Self::Result => "dependency",
            Self::Env => "`env`",
            Self::Item => "item",
        })
    }
}

/// One value, ready to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handed {
    kind: Kind,
    json: Arc<str>,
    /// As an environment variable has it; absent where that is the JSON.
    text: Option<Arc<str>>,
}

impl Handed {
    pub fn value(kind: Kind, value: &Value) -> Self {
        Self { kind, json: value.to_string().into(), text: Some(Item::text(value).into()) }
    }

    fn result(dep: &TaskName, bytes: &[u8]) -> Result<Self, EnvironmentError> {
        let json =
            std::str::from_utf8(bytes).map_err(|_| EnvironmentError::BadResult { dep: dep.clone() })?;
        Ok(Self { kind: Kind::Result, json: json.into(), text: None })
    }

    fn text(&self) -> &str {
        self.text.as_deref().unwrap_or(&self.json)
    }

    /// Returns its text as the variable `name`; absent where it is too long for one.
    pub fn text_for(&self, name: &str) -> Result<Option<&str>, EnvironmentError> {
        let text = self.text();
        if text.len() > LONGEST {
            return Ok(None);
        }
        check(self.kind, name, text)?;
        Ok(Some(text))
    }
}

/// All values of a task by name, without those of an item.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// `config`, which Python takes by name alone.
    config: BTreeMap<String, Handed>,
    /// `args` and results.
    given: BTreeMap<String, Handed>,
}

impl Names {
    /// Collects the values of a task.
    pub fn of(
        task: &Task,
        plan: &RunPlan,
        results: &BTreeMap<TaskName, Arc<[u8]>>,
    ) -> Result<Self, EnvironmentError> {
        let mut names = Self::default();
        // What a Python function makes is nothing that R could be given.
        let plain = plan.graph.config.iter().filter(|(_, value)| !has_function(value));
        names.config =
            plain.map(|(name, value)| (name.clone(), Handed::value(Kind::Config, value))).collect();
        let supplier = supplier(task, plan);
        for (name, argument) in &task.args {
            let handed = match argument {
                Argument::Value(value) => Handed::value(Kind::Argument, value),
                Argument::Ref(dep) if Some(dep) == supplier => {
                    return Err(EnvironmentError::ListAsArgument { name: name.clone(), dep: dep.clone() });
                }
                Argument::Ref(dep) => {
                    let result = results.get(dep);
                    let missing = || EnvironmentError::NoResult { name: name.clone(), dep: dep.clone() };
                    Handed::result(dep, result.ok_or_else(missing)?)?
                }
            };
            names.given.insert(name.clone(), handed);
        }
        for dep in &task.deps {
            let renamed = aliased(task).any(|other| other == dep);
            if let Some(bytes) = results.get(dep).filter(|_| !renamed && Some(dep) != supplier) {
                names.given.insert(dep.as_str().to_owned(), Handed::result(dep, bytes)?);
            }
        }
        Ok(names)
    }

    /// Adds one; it replaces another of that name.
    pub fn insert(&mut self, name: &str, handed: Handed) {
        self.given.insert(name.to_owned(), handed);
    }

    /// Returns `args` and results as JSON text.
    pub fn given(&self) -> BTreeMap<String, String> {
        self.given.iter().map(|(name, handed)| (name.clone(), handed.json.to_string())).collect()
    }

    fn all(&self) -> BTreeMap<&str, &Handed> {
        let both = self.config.iter().chain(&self.given);
        both.map(|(name, handed)| (name.as_str(), handed)).collect()
    }

    /// Returns those that fit as environment variables.
    pub fn for_environment(&self) -> Result<Vec<(&str, &str)>, EnvironmentError> {
        let mut fitting = Vec::new();
        let mut together = 0;
        for (name, handed) in self.all() {
            // Keys of `config` are anybody's; those that are no name are in the file.
            if handed.kind == Kind::Config && !is_name(name) {
                continue;
            }
            let Some(text) = handed.text_for(name)? else { continue };
            together += name.len() + text.len() + 2;
            if together <= LONGEST_TOGETHER {
                fitting.push((name, text));
            }
        }
        Ok(fitting)
    }

    /// Returns all of them as one JSON object; absent where there is none.
    pub fn json(&self) -> Option<Vec<u8>> {
        as_json(self.all())
    }

    /// Returns, likewise, results and those that do not fit the environment.
    pub fn json_beyond_environment(&self) -> Result<Option<Vec<u8>>, EnvironmentError> {
        let fitting: BTreeSet<&str> = self.for_environment()?.into_iter().map(|(name, _)| name).collect();
        let beyond = |name: &str, handed: &Handed| handed.kind == Kind::Result || !fitting.contains(name);
        Ok(as_json(self.all().into_iter().filter(|(name, handed)| beyond(name, handed)).collect()))
    }
}

fn as_json(values: BTreeMap<&str, &Handed>) -> Option<Vec<u8>> {
    if values.is_empty() {
        return None;
    }
    // The values are JSON already, perhaps many megabytes of it: they are not parsed for this.
    let fields = values.iter().map(|(name, handed)| format!("{}:{}", Value::from(*name), handed.json));
    Some(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).into_bytes())
}

/// Tells whether a value, or one within it, stands for what a function returns.
fn has_function(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            (fields.len() == 1 && fields.contains_key(crate::config::FUNCTION_KEY))
                || fields.values().any(has_function)
        }
        Value::Array(elements) => elements.iter().any(has_function),
        _ => false,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// Refuses what an environment cannot hold, and names that the process itself needs.
pub(super) fn check(kind: Kind, name: &str, value: &str) -> Result<(), EnvironmentError> {
    let name = name.to_owned();
    if !is_name(&name) {
        return Err(EnvironmentError::NoName { kind, name });
    }
    let needed = name == "PATH" || name == "HOME";
    // Saying `env: {PATH: …}` is saying what is meant; the other names are there for something else.
    if name.starts_with("KPTN_") || (needed && kind != Kind::Env) {
        return Err(EnvironmentError::Reserved { kind, name });
    }
    if value.contains('\0') {
        return Err(EnvironmentError::HoldsNul { kind, name });
    }
    Ok(())
}

/// Refuses what Linux refuses, before it does so without a name (`E2BIG`).
pub(super) fn check_length(name: &str, value: &str) -> Result<(), EnvironmentError> {
    let bytes = name.len() + 1 + value.len();
    if bytes > LONGEST_VARIABLE {
        return Err(EnvironmentError::TooLong { name: name.to_owned(), bytes });
    }
    Ok(())
}
