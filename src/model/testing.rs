//! Tasks for tests: as `kptn.yaml` makes them from their `file` alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Compute, Language, MapDeps, Refresh, Retries, Script, Task, TaskName, Template, Workers};

/// Makes a script of a language that may not be there.
pub fn script(language: Language, file: &str) -> Script {
    Script { language, file: Template::parse(file).unwrap(), path: None, function: None, tried: Vec::new() }
}

/// Makes an R script that was found.
pub fn found_script(file: &str, path: &str) -> Script {
    Script { path: Some(PathBuf::from(path)), ..script(Language::R, file) }
}

/// Makes a task that says nothing but its script.
pub fn task(name: &str, script: Script) -> Task {
    Task {
        name: TaskName::parse(name).unwrap(),
        renamed_from: Vec::new(),
        script,
        deps: Vec::new(),
        outputs: Vec::new(),
        inputs: Vec::new(),
        refresh: Refresh::Never,
        args: BTreeMap::new(),
        prefix_args: None,
        cli_args: None,
        cache_result: false,
        iterable_item: Vec::new(),
        map_over: Vec::new(),
        map_deps: MapDeps::All,
        bundle_size: 1,
        group_size: None,
        compute: Compute::default(),
        tags: Vec::new(),
        logs: None,
        retries: Retries(0),
        timeout_ms: None,
        env: BTreeMap::new(),
        secret_env: Vec::new(),
        cwd: None,
        cache: true,
        reuse: None,
        keep: false,
        local_only: false,
        workers: Workers::Warm,
        places: BTreeMap::new(),
    }
}
