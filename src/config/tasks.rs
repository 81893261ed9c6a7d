//! One task's words -> [`Task`], as far as no graph is needed for it.
//!
//! What depends on the graph (dependencies, the arguments of its entry) is
//! filled in by `graphs`; whether dependencies provide what the task maps over
//! is asked by `checks`.

use std::collections::{BTreeMap, BTreeSet};

use super::checks;
use super::given::{Entries, Given, OneOrMany};
use super::graphs;
use super::report::Report;
use super::scripts::Folders;
use super::shapes::{self, NameList, Text};
use super::words::{ComputeWords, TaskWords};
use crate::model::{
    Argument, Compute, Input, Language, Location, Refresh, Retries, Script, Task, TaskName, Template, Workers,
};

/// What turning words into tasks needs.
pub(super) struct Lowering<'a> {
    pub folders: &'a Folders<'a>,
    pub workers: Option<Workers>,
}

impl Lowering<'_> {
    /// Makes a task without dependencies; absent where its script makes no sense.
    pub fn define(
        &self,
        name: &TaskName,
        words: TaskWords,
        place: Location,
        report: &mut Report,
    ) -> Option<Task> {
        let mut places = Places(BTreeMap::from([("task".to_owned(), place)]));
        let script = self.script(name, &words, place, report)?;
        places.keep("file", words.file.place);
        places.keep("renamed_from", words.renamed_from.place);
        places.keep("map_over", words.map_over.place);
        places.keep("iterable_item", words.iterable_item.place);
        places.keep("cache_result", words.cache_result.place);
        places.keep("prefix_args", words.prefix_args.place);
        places.keep("cli_args", words.cli_args.place);
        places.keep("compute", words.compute.place);
        places.keep("refresh", words.refresh.place);
        let task = Task {
            name: name.clone(),
            renamed_from: renamed_from(words.renamed_from, report),
            script,
            deps: Vec::new(),
            outputs: outputs(words.outputs, &mut places, report),
            inputs: inputs(words.inputs, &mut places, report),
            refresh: words.refresh.value.map_or(Refresh::default(), |age| age.0),
            args: arguments(words.args.value.unwrap_or_default(), &mut places, report),
            prefix_args: words.prefix_args.value.map(|text| text.0).filter(|text| !text.trim().is_empty()),
            cli_args: words
                .cli_args
                .value
                .as_ref()
                .and_then(|text| template(text, words.cli_args.place, report)),
            cache_result: words.cache_result.value.unwrap_or(false),
            iterable_item: item_names(words.iterable_item),
            map_over: item_names(words.map_over),
            map_deps: words.map_deps.value.map(Into::into).unwrap_or_default(),
            bundle_size: words.bundle_size.value.map_or(1, std::num::NonZeroU32::get),
            group_size: words.group_size.value.map(std::num::NonZeroU32::get),
            compute: compute(words.compute.value.unwrap_or_default(), report),
            tags: texts(words.tags),
            logs: words
                .logs
                .value
                .as_ref()
                .and_then(|text| output_template(text, words.logs.place, "log", report)),
            retries: Retries(words.retries.value.unwrap_or(0)),
            timeout_ms: words.timeout.value.map(|age| age.0),
            env: environment(words.env.value.unwrap_or_default(), &mut places, report),
            secret_env: secret_names(words.secret_env, report),
            cwd: words.cwd.value.map(Into::into),
            cache: words.cache.value.unwrap_or(true),
            reuse: words.reuse.value.map(Into::into),
            keep: words.keep.value.unwrap_or(false),
            local_only: words.local_only.value.unwrap_or(false),
            workers: words.workers.value.map(Into::into).or(self.workers).unwrap_or_default(),
            places: places.0,
        };
        let unmapped_only = [
            ("bundle_size", words.bundle_size.place),
            ("group_size", words.group_size.place),
            ("map_deps", words.map_deps.place),
            ("logs", words.logs.place),
        ];
        checks::task(&task, &unmapped_only, report);
        Some(task)
    }

    fn script(
        &self,
        name: &TaskName,
        words: &TaskWords,
        place: Location,
        report: &mut Report,
    ) -> Option<Script> {
        let Some(file) = &words.file.value else {
            // A `file` of the wrong kind was reported already.
            if report.has_nothing_at(words.file.place) {
                report
                    .error(Some(words.file.place.unwrap_or(place)), format!("task `{name}` has no `file`"))
                    .hint = Some(format!("write `file: {name}/run.R`, `file: {name}.py` or `file: true`"));
            }
            return None;
        };
        self.folders.find(name, file, words.file.place, report)
    }
}

/// Where a task's fields stand.
struct Places(BTreeMap<String, Location>);

impl Places {
    fn keep(&mut self, field: impl Into<String>, place: Option<Location>) {
        if let Some(place) = place {
            self.0.insert(field.into(), place);
        }
    }
}

fn texts(given: Given<OneOrMany<Given<Text>>>) -> Vec<String> {
    let items = given.value.unwrap_or_default().0;
    items.into_iter().filter_map(|item| item.value).map(|text| text.0).collect()
}

fn renamed_from(given: Given<OneOrMany<Given<Text>>>, report: &mut Report) -> Vec<TaskName> {
    let items = given.value.unwrap_or_default().0;
    let named = items.into_iter().filter_map(|item| Some((item.value?, item.place)));
    named.filter_map(|(name, place)| graphs::parse_name(&name.0, place.or(given.place)?, report)).collect()
}

fn item_names(given: Given<NameList>) -> Vec<String> {
    given.value.unwrap_or_default().0
}

fn template(text: &Text, place: Option<Location>, report: &mut Report) -> Option<Template> {
    if text.0.trim().is_empty() {
        return None;
    }
    match Template::parse(&text.0) {
        Ok(template) => Some(template),
        Err(error) => {
            report.error(place, error.to_string()).hint = Some("write `$$` for a dollar sign".into());
            None
        }
    }
}

/// Parses a path below the output folder, put into its plain form.
fn output_template(
    text: &Text,
    place: Option<Location>,
    what: &str,
    report: &mut Report,
) -> Option<Template> {
    let template = template(text, place, report);
    if template.is_none() && text.0.trim().is_empty() {
        report.error(place, format!("an empty {what}"));
    }
    let plain = super::outputs::plain(template?.as_str(), place, what, report)?;
    Template::parse(&plain).ok()
}

fn outputs(given: Given<OneOrMany<Given<Text>>>, places: &mut Places, report: &mut Report) -> Vec<Template> {
    let mut outputs = Vec::new();
    for item in given.value.unwrap_or_default().0 {
        let Some(text) = &item.value else { continue };
        let Some(output) = output_template(text, item.place, "output", report) else { continue };
        if outputs.contains(&output) {
            report.warning(item.place, format!("the output `{output}` is listed twice"));
            continue;
        }
        places.keep(format!("outputs[{}]", outputs.len()), item.place);
        outputs.push(output);
    }
    outputs
}

fn inputs(
    given: Given<OneOrMany<Given<shapes::Input>>>,
    places: &mut Places,
    report: &mut Report,
) -> Vec<Input> {
    let mut inputs = Vec::new();
    for item in given.value.unwrap_or_default().0 {
        let input = match item.value {
            Some(shapes::Input::Files(text)) => template(&Text(text), item.place, report).map(Input::Files),
            Some(shapes::Input::Probe(Some(command))) if !command.trim().is_empty() => {
                Some(Input::Probe(command))
            }
            Some(shapes::Input::Probe(_)) => {
                report.error(item.place, "a probe without a command").hint =
                    Some("write `{probe: 'psql -Atc \"select max(changed) from t\"'}`".into());
                None
            }
            None => None,
        };
        if let Some(input) = input {
            places.keep(format!("inputs[{}]", inputs.len()), item.place);
            inputs.push(input);
        }
    }
    inputs
}

/// Turns arguments into the model; a reference must be a task's name.
pub(super) fn parse_arguments(
    words: Entries<shapes::Argument>,
    mut keep: impl FnMut(String, Option<Location>),
    report: &mut Report,
) -> BTreeMap<String, Argument> {
    let mut arguments = BTreeMap::new();
    for (name, given) in words.0 {
        let place = given.place.or(Some(name.place));
        let argument = match given.value {
            Some(shapes::Argument::Value(value)) => Argument::Value(value),
            Some(shapes::Argument::Ref(task)) => match report.accept(place, TaskName::parse(&task)) {
                Some(task) => Argument::Ref(task),
                None => continue,
            },
            None => Argument::Value(serde_json::Value::Null),
        };
        keep(format!("args.{}", name.text), place);
        arguments.insert(name.text, argument);
    }
    arguments
}

fn arguments(
    words: Entries<shapes::Argument>,
    places: &mut Places,
    report: &mut Report,
) -> BTreeMap<String, Argument> {
    parse_arguments(words, |field, place| places.keep(field, place), report)
}

fn compute(words: ComputeWords, report: &mut Report) -> Compute {
    let mut compute = Compute::default();
    let cpu = words.cpu.value.map(|cpu| Compute::parse_cpu(&cpu.0));
    if let Some(units) = cpu.and_then(|cpu| report.accept(words.cpu.place, cpu)) {
        compute.cpu_units = units;
    }
    let memory = words.memory.value.map(|memory| Compute::parse_memory(&memory.0));
    compute.memory_mib = memory.and_then(|memory| report.accept(words.memory.place, memory));
    compute
}

fn environment(words: Entries<Text>, places: &mut Places, report: &mut Report) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, given) in words.0 {
        if checks::environment_name(&name.text, Some(name.place), report) {
            places.keep(format!("env.{}", name.text), given.place);
            env.insert(name.text, given.value.unwrap_or_default().0);
        }
    }
    env
}

fn secret_names(given: Given<OneOrMany<Given<Text>>>, report: &mut Report) -> Vec<String> {
    let mut names = BTreeSet::new();
    for item in given.value.unwrap_or_default().0 {
        let Some(name) = item.value else { continue };
        if checks::environment_name(&name.0, item.place, report) {
            names.insert(name.0);
        }
    }
    names.into_iter().collect()
}

/// Returns the places where a task's script is not, but would be found before the one that is used.
pub(super) fn absent_scripts(task: &Task) -> impl Iterator<Item = std::path::PathBuf> + '_ {
    let script = &task.script;
    script.tried.iter().take_while(|tried| Some(*tried) != script.path.as_ref()).cloned()
}

/// Tells in which language a task's field has a meaning.
pub(super) fn is_python(task: &Task) -> bool {
    task.script.language == Language::Python
}
