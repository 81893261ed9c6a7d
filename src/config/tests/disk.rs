//! Where projects, scripts and included files are found.

use std::fs;

use super::*;
use crate::model::*;

/// A project in a folder of its own, with these files.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn load(&self, from: &str) -> Loaded {
        load(&self.path(from)).unwrap_or_else(|error| panic!("{}", shown(&error)))
    }

    fn refused(&self, from: &str) -> String {
        let root = self.path("");
        let error = load(&self.path(from)).expect_err("it loaded");
        shown(&error).replace(&*root.to_string_lossy(), "…/")
    }
}

const ONE: &str = "graphs: {g: {tasks: {A: }}}\ntasks: {A: {file: A/run.R}}\n";

#[test]
fn a_project_is_found_from_any_folder_inside() {
    let place = Place::new(&[("kptn.yaml", ONE), ("A/run.R", ""), ("deep/er/x", "")]);
    let loaded = place.load("deep/er");
    assert_eq!(loaded.project.root, place.path(""));
    assert_eq!(loaded.project.config_path, place.path("kptn.yaml"));
    assert_eq!(loaded.project.graphs[0].tasks[0].script.path, Some(place.path("A/run.R")));
    assert_eq!(loaded.project.settings.flows_dir, place.path("flows"));
    assert!(loaded.files.contains(&place.path("kptn.yaml")));
    assert!(loaded.absent.contains(&place.path("pyproject.toml")));
}

#[test]
fn the_root_is_where_a_pyproject_names_the_file() {
    let pyproject = "[tool.kptn]\nflows_dir = 'py_src/flows'\npy_tasks_dir = 'py_src/tasks'\nr_tasks_dir = ['r_src']\n\
                     tasks_conf_path = './py_src/kptn.yaml'\ndocker_image = 'x:latest'\nlockfiles = 'ignore'\n";
    let config = "graphs: {g: {tasks: {A: , B: , C: }}}\n\
                  tasks: {A: {file: true}, B: {file: b/run.R}, C: {file: c.py}}\n\
                  settings: {docker_image: 'y', r_tasks_dir: ../other_r}\n";
    let files = [
        ("pyproject.toml", pyproject),
        ("py_src/kptn.yaml", config),
        ("py_src/tasks/A.py", ""),
        ("other_r/b/run.R", ""),
        ("c.py", ""),
        ("py_src/tasks/c.py", ""),
    ];
    let place = Place::new(&files);
    for from in ["", "py_src", "py_src/tasks", "other_r/b"] {
        let loaded = place.load(from);
        let project = &loaded.project;
        assert_eq!(project.root, place.path(""), "{from}");
        assert_eq!(project.settings.flows_dir, place.path("py_src/flows"));
        assert_eq!(project.settings.docker_image.as_deref(), Some("y"), "kptn.yaml wins");
        assert_eq!(project.settings.lockfiles, LockfilePolicy::Ignore);
        let found = |at: usize| project.graphs[0].tasks[at].script.path.clone().unwrap();
        assert_eq!(found(0), place.path("py_src/tasks/A.py"));
        assert_eq!(found(1).canonicalize().unwrap(), place.path("other_r/b/run.R"));
        assert_eq!(found(2), place.path("c.py"), "the root before the folders of tasks");
        let said = findings(&loaded.notes).replace(&*place.path("").to_string_lossy(), "…/");
        insta::allow_duplicates! { insta::assert_snapshot!(said, @"
        2:56+4 warning: `c.py` is in two places; `…/c.py` is used, not `…/py_src/tasks/c.py`
            rename or remove one of them
        "); }
    }
    assert!(place.load("").absent.contains(&place.path("py_src/c.py")));
}

#[test]
fn the_search_ends_at_gits_root() {
    let place = Place::new(&[("kptn.yaml", ONE), ("repo/.git", "gitdir: x"), ("repo/sub/x", "")]);
    assert!(matches!(load(&place.path("repo/sub")), Err(ConfigError::NotFound { .. })));
    let pyproject = "[tool.kptn]\ntasks_conf_path = 'repo/kptn.yaml'\n";
    let place = Place::new(&[("pyproject.toml", pyproject), ("repo/.git", "x"), ("repo/kptn.yaml", ONE)]);
    assert_eq!(place.load("repo").project.root, place.path("repo"));
}

#[test]
fn a_missing_script_is_no_error_and_says_where_it_was_looked_for() {
    let place = Place::new(&[("kptn.yaml", &format!("{ONE}settings: {{r_tasks_dir: [r, r2]}}\n"))]);
    let script = place.load("").project.graphs[0].tasks[0].script.clone();
    assert_eq!(script.path, None);
    assert_eq!(script.tried, [place.path("A/run.R"), place.path("r/A/run.R"), place.path("r2/A/run.R")]);
}

#[test]
fn included_files_are_merged_below_own_values() {
    let config = format!(
        "{ONE}config:\n  include: [a.json, sub/b.yaml]\n  own: 1\n  deep: {{x: own}}\n  engine: lib.db:make\n  nested: {{include: sub/b.yaml}}\n"
    );
    let files = [
        ("kptn.yaml", config.as_str()),
        ("a.json", "{\"own\": 0, \"deep\": {\"x\": 1, \"y\": [1, 2.5, \"\\u00e9\"]}, \"a\": true}"),
        ("sub/b.yaml", "b: NO\na: false\n"),
        ("lib/db.py", ""),
        ("A/run.R", ""),
    ];
    let place = Place::new(&files);
    let loaded = place.load("");
    let config = serde_json::to_value(&loaded.project.graphs[0].config).unwrap();
    let expected = serde_json::json!({
        "own": 1, "deep": {"x": "own", "y": [1, 2.5, "é"]}, "a": false, "b": "NO",
        "engine": {"$function": "lib.db:make"}, "nested": {"a": false, "b": "NO"},
    });
    assert_eq!(config, expected);
    assert!(loaded.files.contains(&place.path("a.json")) && loaded.files.contains(&place.path("sub/b.yaml")));
    insta::assert_snapshot!(findings(&loaded.notes), @"4:21+10 warning: `a` of `sub/b.yaml` replaces the one of a file before it");
}

#[test]
fn includes_that_go_wrong_are_named() {
    let config = format!("{ONE}config: {{include: [gone.yaml, self.yaml, x.txt, twice.json, [a]]}}\n");
    let files = [
        ("kptn.yaml", config.as_str()),
        ("self.yaml", "include: self.yaml\n"),
        ("twice.json", "{\"a\": 1,\n \"a\": 2}"),
    ];
    insta::assert_snapshot!(Place::new(&files).refused(""), @"
    3:20+9 error: there is no `gone.yaml` to include
        looked for `…/gone.yaml`
    3:42+5 error: `x.txt` is neither JSON (`.json`) nor YAML (`.yaml`)
    3:61+1 error: a file or a list of files is needed, not a list
    1:10+9 error: files include files more than 16 deep; does `self.yaml` include itself?
    2:2+3 error: duplicate key `a`
        it is given in line 1 too; keep one
    ");
}

#[test]
fn settings_of_pyproject_are_checked_where_they_stand() {
    let pyproject = "[tool.kptn]\ntasks_conf_path = 'kptn.yaml'\nflow_type = 'prefekt'\nlockfile = 'warn'\nconcurrency = {db = 0}\n";
    let place = Place::new(&[("kptn.yaml", ONE), ("pyproject.toml", pyproject)]);
    insta::assert_snapshot!(place.refused(""), @"
    3:13+9 error: `python`, `vanilla`, `prefect`, `slurm` or `stepfunctions` is needed, not `prefekt`
        did you mean `prefect`?
    4:1+8 error: unknown field `lockfile` in settings
        did you mean `lockfiles`?
    5:21+1 error: a whole number from 1 is needed, not the number 0
    ");
    let place = Place::new(&[("kptn.yaml", ONE), ("pyproject.toml", "[tool.kptn]\nx = \n")]);
    insta::assert_snapshot!(place.refused(""), @"2:5+0 error: this is no valid TOML: string values must be quoted, expected literal string");
    let place = Place::new(&[("kptn.yaml", ONE), ("pyproject.toml", "[tool.other]\nx = \n")]);
    place.load("");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let place = Place::new(&[("x", "")]);
    assert!(
        matches!(load_file(&place.path("kptn.yaml")), Err(ConfigError::Io { path, .. }) if path == place.path("kptn.yaml"))
    );
    assert!(matches!(load_file(&place.path("gone/kptn.yaml")), Err(ConfigError::Io { .. })));
}

#[test]
fn a_file_that_is_called_kptn_yml_is_named() {
    let place = Place::new(&[("kptn.yml", ONE), ("sub/x", "")]);
    assert_eq!(
        place.refused("sub"),
        "error: a project's file is called `kptn.yaml`\n    mv kptn.yml kptn.yaml"
    );
}

#[test]
fn every_example_of_the_docs_loads_without_a_warning() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let mut loaded = 0;
    for example in fs::read_dir(examples).unwrap() {
        let folder = example.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let project = load(&folder).unwrap_or_else(|error| panic!("{folder:?}: {}", shown(&error)));
        let worse = project.notes.iter().filter(|note| note.severity != Severity::Note);
        assert_eq!(findings(&worse.cloned().collect::<Vec<_>>()), "", "{folder:?}");
        for task in project.project.graphs.values().flat_map(|graph| graph.tasks.values()) {
            assert!(task.script.path.is_some(), "{folder:?}: {}", task.name);
        }
        loaded += 1;
    }
    assert!(loaded >= 4, "{loaded}");
}
