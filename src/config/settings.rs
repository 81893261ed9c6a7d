//! `settings` of `kptn.yaml` over `[tool.kptn]` of `pyproject.toml`.

use std::path::{Component, Path, PathBuf};

use super::find::{Found, join};
use super::given::{Entries, Given, OneOrMany};
use super::report::Report;
use super::shapes::{Quantity, Text};
use super::words::SettingsWords;
use crate::model::{AutoClone, CheckoutFiles, GraphName, Location, Settings, Workers, parse_size};

/// Settings with every path made absolute, and what tasks inherit from them.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub settings: Settings,
    /// How tasks that say nothing themselves run their items.
    pub workers: Option<Workers>,
}

/// One file's settings, and the folder that its paths are relative to.
pub(super) struct Layer<'a> {
    pub words: SettingsWords,
    pub base: &'a Path,
    pub report: &'a mut Report,
}

/// Puts layers together; an earlier one wins.
pub(super) fn resolve(found: &Found, layers: Vec<Layer<'_>>) -> Resolved {
    let mut resolved = Resolved::default();
    let mut layers = layers;
    // From the weakest to the strongest, so that the strongest has the last word.
    for layer in layers.iter_mut().rev() {
        apply(layer, &found.root, &mut resolved);
    }
    let settings = &mut resolved.settings;
    if settings.flows_dir.as_os_str().is_empty() {
        settings.flows_dir = found.folder().join("flows");
    }
    resolved
}

fn apply(layer: &mut Layer<'_>, root: &Path, resolved: &mut Resolved) {
    let Layer { words, base, report } = layer;
    let settings = &mut resolved.settings;
    if let Some(path) = text(&words.flows_dir, "flows_dir", report) {
        settings.flows_dir = join(base, path);
    }
    if let Some(folders) = list(&words.py_tasks_dir) {
        settings.py_tasks_dirs = folders.iter().map(|folder| join(base, folder)).collect();
    }
    if let Some(folders) = list(&words.r_tasks_dir) {
        settings.r_tasks_dirs = folders.iter().map(|folder| join(base, folder)).collect();
    }
    replace(&mut settings.project, text(&words.project, "project", report).map(str::to_owned));
    if let Some(folder) = text(&words.outputs_dir, "outputs_dir", report)
        && is_own_folder(root, root, folder, "outputs_dir", words.outputs_dir.place, report)
    {
        settings.outputs_dir = Some(folder.to_owned());
    }
    replace(&mut settings.docker_image, text(&words.docker_image, "docker_image", report).map(str::to_owned));
    replace(&mut settings.python, text(&words.python, "python", report).map(|path| program(base, path)));
    replace(&mut settings.rscript, text(&words.rscript, "rscript", report).map(|path| program(base, path)));
    if let Some(path) = text(&words.store, "store", report)
        && is_own_folder(root, base, path, "store", words.store.place, report)
    {
        settings.store = Some(join(base, path));
    }
    replace(&mut settings.cache_namespace, namespace(&words.cache_namespace, report));
    if let Some(mut packages) = list(&words.r_preload) {
        packages.retain(|name| name != "false");
        settings.r_preload = Some(packages);
    }
    if let Some(protected) = list(&words.protected) {
        settings.protected = protected;
    }
    if let Some(word) = words.flow_type.value {
        settings.flow_type = word.into();
    }
    if let Some(path) = text(&words.templates, "templates", report) {
        settings.templates = Some(join(base, path));
    }
    if let Some(prefect) = &words.prefect.value {
        if let Some(word) = prefect.task_runner.value {
            settings.prefect.task_runner = word.into();
        }
        let address = text(&prefect.address, "address", report).map(str::to_owned);
        replace(&mut settings.prefect.address, address);
        let pool = text(&prefect.work_pool, "work_pool", report).map(str::to_owned);
        replace(&mut settings.prefect.work_pool, pool);
        let schedule = text(&prefect.schedule, "schedule", report).map(str::to_owned);
        replace(&mut settings.prefect.schedule, schedule);
    }
    if let Some(aws) = &words.aws.value {
        let stack = text(&aws.stack, "stack", report).map(str::to_owned);
        replace(&mut settings.aws.stack, stack);
        let region = text(&aws.region, "region", report).map(str::to_owned);
        replace(&mut settings.aws.region, region);
        let profile = text(&aws.profile, "profile", report).map(str::to_owned);
        replace(&mut settings.aws.profile, profile);
    }
    if let Some(word) = words.lockfiles.value {
        settings.lockfiles = word.into();
    }
    if let Some(word) = words.link.value {
        settings.link = word.into();
    }
    if let Some(wanted) = words.auto_clone.value {
        settings.auto_clone = if wanted { AutoClone::Yes } else { AutoClone::No };
    }
    if let Some(wanted) = words.restore_on_checkout.value {
        settings.checkout_files = if wanted { CheckoutFiles::Restored } else { CheckoutFiles::Offered };
    }
    if let Some(word) = words.hooks.value.as_ref().and_then(|hooks| hooks.pre_push.value) {
        settings.pre_push = word.into();
    }
    if let Some(given) = words.pull.value.as_ref().map(|pull| &pull.ask_above)
        && let Some(Quantity(size)) = &given.value
    {
        settings.ask_above = report.accept(given.place, parse_size(size));
    }
    if let Some(Entries(limits)) = &words.concurrency.value {
        let limit = |(tag, most): &(super::given::Name, Given<std::num::NonZeroU32>)| {
            most.value.map(|most| (tag.text.clone(), most.get()))
        };
        settings.concurrency = limits.iter().filter_map(limit).collect();
    }
    replace(&mut resolved.workers, words.workers.value.map(Into::into));
}

fn replace<T>(setting: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *setting = given;
    }
}

/// Returns a text; an empty one is an error.
fn text<'a>(given: &'a Given<Text>, field: &str, report: &mut Report) -> Option<&'a str> {
    let text = given.value.as_ref()?.0.trim();
    if text.is_empty() {
        report.error(given.place, format!("`{field}` is empty")).hint =
            Some("remove it, or give it a value".into());
        return None;
    }
    Some(text)
}

fn list(given: &Given<OneOrMany<Given<Text>>>) -> Option<Vec<String>> {
    let items = &given.value.as_ref()?.0;
    Some(items.iter().filter_map(|item| item.value.as_ref()).map(|text| text.0.trim().to_owned()).collect())
}

/// Tells whether a folder that kptn fills may be one that holds nothing else; else reports it.
fn is_own_folder(
    root: &Path,
    base: &Path,
    written: &str,
    field: &str,
    place: Option<Location>,
    report: &mut Report,
) -> bool {
    let mut folder = PathBuf::new();
    for part in join(base, written).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(folder.pop()),
            other => folder.push(other),
        }
    }
    let in_git = || field == "outputs_dir" && folder.components().any(|part| part.as_os_str() == ".git");
    let (problem, instead) = match field {
        _ if !root.starts_with(&folder) && !in_git() => return true,
        "store" => ("holds the project itself", ".kptn"),
        _ if in_git() => ("lies in git's own folder", "scratch"),
        _ => ("holds the project itself", "scratch"),
    };
    report.error(place, format!("the folder `{written}` of `{field}` {problem}")).hint =
        Some(format!("name a folder of its own, such as `{field}: {instead}`"));
    false
}

/// Returns a program: a path made absolute, or a bare name that is looked for on PATH.
fn program(base: &Path, written: &str) -> String {
    let is_path = written.contains('/') || written.contains(std::path::MAIN_SEPARATOR);
    let path: PathBuf = if is_path { join(base, written) } else { written.into() };
    path.to_string_lossy().into_owned()
}

fn namespace(given: &Given<Text>, report: &mut Report) -> Option<GraphName> {
    let written = text(given, "cache_namespace", report)?;
    report.accept(given.place, GraphName::parse(written))
}
