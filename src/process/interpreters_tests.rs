//! Tests of `interpreters`: against the real Python and R of this machine, and against small scripts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::model::Settings;

fn project(root: &Path, python: Option<&str>) -> Project {
    Project {
        root: root.to_owned(),
        config_path: root.join("kptn.yaml"),
        settings: Settings { python: python.map(str::to_owned), ..Settings::default() },
        graphs: indexmap::IndexMap::new(),
        unused_tasks: Vec::new(),
        remotes: Default::default(),
    }
}

fn program(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn python_saying(file: &Path, version: &str) {
    program(file, &format!("#!/bin/sh\necho {version}\necho {}\n", file.display()));
}

fn own(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[derive(Default)]
struct Remembers(RefCell<BTreeMap<Digest, String>>);

impl Versions for Remembers {
    fn recall(&self, key: Digest) -> Option<String> {
        self.0.borrow().get(&key).cloned()
    }

    fn keep(&self, key: Digest, said: &str) {
        self.0.borrow_mut().insert(key, said.to_owned());
    }
}

#[test]
fn the_real_python_tells_its_version_once() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Remembers::default();
    let path = own("PATH").unwrap();
    let env = |name: &str| (name == "PATH").then(|| path.clone());
    let project = project(folder.path(), None);
    let first = find_interpreters(&project, &env, &memory);
    let python = first.interpreters.python.clone().unwrap();
    assert!(python.version.starts_with("3."), "{python:?}");
    assert!(!is_script(&python.path), "a shim is looked through: {python:?}");
    assert_eq!(memory.0.borrow().len(), 1);
    assert_eq!(find_interpreters(&project, &env, &memory), first);
    assert_eq!(first.interpreters.r, None, "no task needs R");
}

#[test]
fn an_active_environment_comes_before_the_projects_own_and_that_before_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    python_saying(&at("active/bin/python3"), "3.10.1");
    python_saying(&at(".venv/bin/python"), "3.9.1");
    python_saying(&at("path/python3"), "3.8.1");
    let search_path = at("path").to_str().unwrap().to_owned();
    let version = |active: &str| {
        let active = at(active).to_str().unwrap().to_owned();
        let env = |name: &str| match name {
            "PATH" => Some(search_path.clone()),
            "VIRTUAL_ENV" => Some(active.clone()),
            _ => None,
        };
        let found = find_interpreters(&project(folder.path(), None), &env, &AlwaysAsk);
        found.interpreters.python.unwrap().version
    };
    assert_eq!(version("active"), "3.10.1");
    assert_eq!(version("gone"), "3.9.1");
    std::fs::remove_dir_all(at(".venv")).unwrap();
    assert_eq!(version("gone"), "3.8.1");
}

#[test]
fn a_named_interpreter_is_never_replaced_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let found = find_interpreters(&project(folder.path(), Some("env/bin/python")), &own, &AlwaysAsk);
    assert_eq!(found.interpreters.python, None);
    assert_eq!(found.problems[0].to_string(), "`settings.python` names `env/bin/python`, which is not there");
    python_saying(&folder.path().join("env/bin/python"), "3.12.0");
    let found = find_interpreters(&project(folder.path(), Some("env/bin/python")), &own, &AlwaysAsk);
    assert_eq!(found.interpreters.python.unwrap().version, "3.12.0");
}

#[test]
fn a_shim_is_asked_again_when_what_it_decides_by_changes() {
    let folder = tempfile::tempdir().unwrap();
    let shim = folder.path().join("shims/python3");
    program(&shim, "#!/bin/sh\ncat .python-version\necho /usr/bin/env\n");
    std::fs::write(folder.path().join(".python-version"), "3.11.1\n").unwrap();
    let search_path = shim.parent().unwrap().to_str().unwrap().to_owned();
    let env = |name: &str| (name == "PATH").then(|| search_path.clone());
    let memory = Remembers::default();
    let project = project(folder.path(), None);
    let version = || find_interpreters(&project, &env, &memory).interpreters.python.unwrap().version;
    assert_eq!(version(), "3.11.1");
    std::fs::write(folder.path().join(".python-version"), "3.12.1\n").unwrap();
    assert_eq!(version(), "3.12.1");
}

#[test]
fn an_interpreter_that_fails_is_said_with_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad/python");
    program(&file, "#!/bin/sh\necho 'no such pyenv version' >&2\nexit 1\n");
    let found = find_interpreters(&project(folder.path(), Some("bad/python")), &own, &AlwaysAsk);
    assert!(found.problems[0].to_string().ends_with("does not tell its version: no such pyenv version"));
}
