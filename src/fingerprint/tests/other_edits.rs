//! Changes outside code that must be seen, and those that must not: values, inputs, probes, lock files.

use serde_json::json;

use super::{Fixture, template};
use crate::fingerprint::{
    DependencyDigests, Surroundings, data_year, dependency_ingredients, fingerprint, gather, gather_item_code,
};
use crate::model::*;

const SCRIPT: (&str, &str) = ("T.py", "def T(a=1): return a");

fn python(files: &[(&str, &str)]) -> Fixture {
    Fixture::new("T.py", &[files, &[SCRIPT]].concat())
}

fn r(files: &[(&str, &str)]) -> Fixture {
    Fixture::new("T.R", &[files, &[("T.R", "library(dplyr)\nx <- 1")]].concat())
}

/// Makes a change and tells whether it was seen.
fn seen(fixture: &mut Fixture, change: impl FnOnce(&mut Fixture)) -> bool {
    let before = fixture.fingerprint();
    change(fixture);
    fixture.fingerprint() != before
}

fn uncacheable(fixture: &Fixture) -> Vec<String> {
    let root = fixture.root().display().to_string();
    fixture.gather().uncacheable.iter().map(|text| text.replace(&root, "ROOT")).collect()
}

#[test]
fn a_python_function_counts_the_config_values_it_takes() {
    let set = |name: &str| {
        let name = name.to_owned();
        move |fixture: &mut Fixture| drop(fixture.config.insert(name, json!("new")))
    };
    let mut named = Fixture::new("T.py", &[("T.py", "def T(year): pass")]);
    assert!(seen(&mut named, set("year")));
    assert!(!seen(&mut named, set("other")));
    for whole in ["pipeline_config", "runtime_config", "config", "**kwargs"] {
        let script = format!("def T({whole}): pass");
        let mut fixture = Fixture::new("T.py", &[("T.py", &script)]);
        assert!(seen(&mut fixture, set("other")), "{whole}");
    }
    let mut decorated = Fixture::new("T.py", &[("T.py", "import lib\n@lib.task\ndef T(): pass")]);
    assert!(seen(&mut decorated, set("other")));
    assert!(seen(&mut r(&[]), set("other")));
}

#[test]
fn values_in_texts_count_where_they_are_used() {
    let mut fixture = python(&[]);
    fixture.task.outputs = vec![template("${year}/a.csv"), template("${STATE}.csv")];
    assert!(seen(&mut fixture, |fixture| drop(fixture.config.insert("year".into(), json!(2021)))));
    assert_eq!(fixture.names(IngredientKind::Output), ["${STATE}.csv", "2021/a.csv"]);
    let mut fixture = r(&[]);
    fixture.task.cli_args = Some(template("--n ${n}"));
    fixture.task.args.insert("n".into(), Argument::Value(json!(1)));
    assert!(seen(&mut fixture, |fixture| drop(
        fixture.task.args.insert("n".into(), Argument::Value(json!(2)))
    )));
}

#[test]
fn a_number_and_its_text_differ() {
    let mut fixture = python(&[]);
    fixture.task.args.insert("a".into(), Argument::Value(json!(1)));
    assert!(seen(&mut fixture, |fixture| drop(
        fixture.task.args.insert("a".into(), Argument::Value(json!("1")))
    )));
    let text = Argument::Value(json!({"kptn ref": "B"}));
    fixture.task.args.insert("a".into(), text);
    // One that looks like a reference is none.
    let reference = Argument::Ref(super::name("B"));
    assert!(seen(&mut fixture, |fixture| drop(fixture.task.args.insert("a".into(), reference))));
}

#[test]
fn the_year_comes_from_arguments_config_and_environment_in_that_order() {
    let year = |fixture: &Fixture| {
        data_year(&fixture.task, &fixture.graph(), &|name: &str| fixture.env.get(name).cloned())
    };
    let mut fixture = r(&[]);
    assert_eq!(year(&fixture), "2022");
    assert!(seen(&mut fixture, |fixture| drop(fixture.env.insert("year".into(), "2019".into()))));
    assert_eq!(year(&fixture), "2019");
    fixture.config.insert("data_year".into(), json!(2020));
    assert_eq!(year(&fixture), "2020");
    fixture.task.args.insert("DATA_YEAR".into(), Argument::Value(json!("2021")));
    assert_eq!(year(&fixture), "2021");
}

#[test]
fn the_users_environment_does_not_count_and_declared_values_do() {
    let mut fixture = python(&[]);
    fixture.task.secret_env = vec!["TOKEN".into()];
    assert!(!seen(&mut fixture, |fixture| drop(fixture.env.insert("TOKEN".into(), "x".into()))));
    assert!(seen(&mut fixture, |fixture| drop(fixture.task.env.insert("MODE".into(), "x".into()))));
}

#[test]
fn interpreters_count_by_major_and_minor() {
    let set = |version: &str| {
        let found = Some(Interpreter { path: "/elsewhere".into(), version: version.into() });
        move |fixture: &mut Fixture| fixture.interpreters.python = found
    };
    let mut fixture = python(&[]);
    assert!(!seen(&mut fixture, set("3.11.9")));
    assert!(seen(&mut fixture, set("3.12.0")));
    let mut script = r(&[]);
    assert!(!seen(&mut script, set("3.9.0")));
    script.interpreters.r = None;
    assert_eq!(uncacheable(&script), ["no R was found"]);
}

#[test]
fn inputs_count_by_path_and_bytes() {
    let mut fixture = python(&[("data/a.csv", "1"), ("data/b.csv", "1"), ("data/deep/c.csv", "1")]);
    let declare = |fixture: &mut Fixture, input: &str| {
        fixture.task.inputs = vec![Input::Files(template(input)), Input::Files(template("data/a.csv"))];
        fixture.names(IngredientKind::Input)
    };
    assert_eq!(declare(&mut fixture, "data/*.csv"), ["data/a.csv", "data/b.csv"]);
    assert!(seen(&mut fixture, |fixture| fixture.write("data/b.csv", "2")));
    assert!(!seen(&mut fixture, |fixture| fixture.write("data/deep/c.csv", "2")));
    assert!(seen(&mut fixture, |fixture| fixture.write("data/d.csv", "1")));
    assert!(seen(&mut fixture, |fixture| std::fs::remove_file(fixture.root().join("data/d.csv")).unwrap()));
    for folder in ["data", "data/", "data/**"] {
        assert_eq!(
            declare(&mut fixture, folder),
            ["data/a.csv", "data/b.csv", "data/deep/c.csv"],
            "{folder}"
        );
    }
    fixture.config.insert("which".into(), json!("b"));
    assert_eq!(declare(&mut fixture, "data/${which}.csv"), ["data/a.csv", "data/b.csv"]);
}

#[test]
fn a_missing_input_makes_the_task_uncacheable() {
    let mut fixture = python(&[]);
    fixture.task.inputs = vec![
        Input::Files(template("gone.csv")),
        Input::Files(template("${nothing}.csv")),
        Input::Probe("date".into()),
        Input::Probe("false".into()),
    ];
    fixture.probes.insert("false".into(), ProbeAnswer::Failed { message: "exit code 1".into() });
    assert_eq!(
        uncacheable(&fixture),
        [
            "input `${nothing}.csv` has a variable `nothing` that nothing supplies",
            "input `gone.csv` does not exist",
            "probe `date` was not run",
            "probe `false` failed: exit code 1",
        ]
    );
    fixture.task.inputs = vec![Input::Files(template("*.gone"))];
    assert_eq!(uncacheable(&fixture), [""; 0]);
    assert_eq!(fixture.gather().notes[0].message, "input `*.gone` of task `T` matches no file");
}

#[test]
fn what_a_probe_answers_counts() {
    let mut fixture = python(&[]);
    fixture.task.inputs = vec![Input::Probe("date".into())];
    let answer = |text: &str| ProbeAnswer::Said { digest: Digest::of(text.as_bytes()), shown: text.into() };
    fixture.probes.insert("date".into(), answer("1"));
    assert!(seen(&mut fixture, |fixture| drop(fixture.probes.insert("date".into(), answer("2")))));
    assert!(!seen(&mut fixture, |fixture| drop(fixture.probes.insert("other".into(), answer("2")))));
}

#[test]
fn a_script_or_input_of_the_item_is_gathered_per_item() {
    let mut fixture = Fixture::new(
        "${STATE}.R",
        &[("NC.R", "1"), ("VA.R", "2"), ("NC.csv", "1"), ("VA.csv", "1"), ("all.csv", "1")],
    );
    fixture.task.script.language = Language::R;
    fixture.task.map_over = vec!["STATE".into()];
    fixture.task.inputs = vec![Input::Files(template("${STATE}.csv")), Input::Files(template("all.csv"))];
    let item = |state: &str| Item { values: [("STATE".to_owned(), json!(state))].into() };
    let names = |gathered: &crate::fingerprint::Gathered| -> Vec<String> {
        let counted = gathered.ingredients.iter();
        let counted = counted.filter(|one| matches!(one.kind, IngredientKind::Code | IngredientKind::Input));
        counted.map(|one| one.name.clone()).collect()
    };
    fixture.look(|task: &Task, s: &Surroundings| {
        let whole = gather(task, s);
        assert!(whole.item_code && whole.uncacheable.is_empty());
        assert_eq!(names(&whole), ["all.csv"]);
        let (nc, va) = (gather_item_code(task, &item("NC"), s), gather_item_code(task, &item("VA"), s));
        assert_eq!(names(&nc), ["script", "NC.csv"]);
        assert_ne!(fingerprint(&nc.ingredients), fingerprint(&va.ingredients));
        let gone = gather_item_code(task, &item("TX"), s);
        assert_eq!(gone.uncacheable, ["input `TX.csv` does not exist", "script `TX.R` was not found"]);
    });
}

const RENV: &str = r#"{"R": {"Version": "4.3.1"}, "Packages": {
  "dplyr": {"Package": "dplyr", "Version": "1.0", "Requirements": ["rlang"]},
  "rlang": {"Package": "rlang", "Version": "1.0"}, "sf": {"Package": "sf", "Version": "1.0"}}}"#;

const UV: &str = "[[package]]\nname = \"pandas\"\nversion = \"2.0\"\ndependencies = [{ name = \"numpy\" }]\n\
    [[package]]\nname = \"numpy\"\nversion = \"1.0\"\n[[package]]\nname = \"pyarrow\"\nversion = \"1.0\"\n\
    [[package]]\nname = \"ruff\"\nversion = \"1.0\"\n";

#[test]
fn renv_lock_counts_as_far_as_the_script_reaches() {
    let mut fixture = r(&[("renv.lock", RENV), ("uv.lock", UV)]);
    assert_eq!(
        fixture.names(IngredientKind::Lockfile),
        ["renv.lock:R", "renv.lock:dplyr", "renv.lock:rlang"]
    );
    let bump = |package: &str| {
        RENV.replace(
            &format!("\"{package}\", \"Version\": \"1.0\""),
            &format!("\"{package}\", \"Version\": \"1.1\""),
        )
    };
    assert!(seen(&mut fixture, |fixture| fixture.write("renv.lock", bump("rlang"))));
    fixture.write("renv.lock", RENV);
    assert!(!seen(&mut fixture, |fixture| fixture.write("renv.lock", bump("sf"))));
    fixture.write("T.R", "library(notInTheLockFile)");
    assert_eq!(fixture.names(IngredientKind::Lockfile).len(), 4);
}

#[test]
fn uv_lock_counts_as_far_as_imports_can_be_told() {
    let fixture = Fixture::new(
        "T.py",
        &[("T.py", "import json\nimport pandas as pd\ndef T(): return pd"), ("uv.lock", UV)],
    );
    let names = ["uv.lock:numpy", "uv.lock:pandas", "uv.lock:pyarrow"];
    assert_eq!(fixture.names(IngredientKind::Lockfile), names);
    fixture.write("m.py", "import numpy");
    fixture.write("T.py", "def T():\n  import m");
    assert_eq!(fixture.names(IngredientKind::Lockfile), ["uv.lock:numpy"]);
    fixture.write("T.py", "import json\ndef T(): return json");
    assert_eq!(fixture.names(IngredientKind::Lockfile), [""; 0]);
    fixture.write("T.py", "import unknown\ndef T(): return unknown");
    assert_eq!(fixture.names(IngredientKind::Lockfile).len(), 4);
}

#[test]
fn other_lock_files_count_whole() {
    for (name, before, after) in [
        ("requirements.txt", "pandas==1\nruff==1", "pandas==1\nruff==2"),
        ("requirements-dev.txt", "ruff==1", "ruff==2"),
        (
            "poetry.lock",
            "[[package]]\nname = \"ruff\"\nversion = \"1\"",
            "[[package]]\nname = \"ruff\"\nversion = \"2\"",
        ),
        (
            "Pipfile.lock",
            r#"{"default": {"a": {"version": "1"}}}"#,
            r#"{"default": {"a": {"version": "2"}}}"#,
        ),
        ("pixi.lock", "version: 1", "version: 2"),
    ] {
        let mut fixture = python(&[(name, before)]);
        assert!(seen(&mut fixture, |fixture| fixture.write(name, after)), "{name}");
        let mut other = r(&[(name, before)]);
        let shared = name == "pixi.lock";
        assert_eq!(seen(&mut other, |fixture| fixture.write(name, after)), shared, "{name} for R");
    }
    let mut fixture = python(&[("requirements.txt", "-r reqs/base.txt"), ("reqs/base.txt", "a==1")]);
    assert!(seen(&mut fixture, |fixture| fixture.write("reqs/base.txt", "a==2")));
    assert!(!seen(&mut fixture, |fixture| fixture.write("reqs/base.txt", "a==2  # so\r\n")));
}

#[test]
fn lock_files_can_be_watched_or_ignored() {
    let mut fixture = python(&[("requirements.txt", "a==1")]);
    fixture.settings.lockfiles = LockfilePolicy::Warn;
    assert!(!seen(&mut fixture, |fixture| fixture.write("requirements.txt", "a==2")));
    assert_eq!(fixture.names(IngredientKind::WatchedLockfile), ["requirements.txt:a"]);
    fixture.settings.lockfiles = LockfilePolicy::Ignore;
    assert_eq!(fixture.names(IngredientKind::WatchedLockfile), [""; 0]);
}

#[test]
fn a_change_upstream_counts_also_where_nothing_is_left_to_compare() {
    let digests =
        |text: &str| DependencyDigests { outputs: Digest::of(text.as_bytes()), result: None, run: None };
    let dependency = crate::model::Task { name: super::name("B"), ..Fixture::new("T.py", &[]).task };
    let of = |digests: &DependencyDigests| fingerprint(&dependency_ingredients(&dependency, digests));
    let before = of(&digests("1"));
    assert_ne!(of(&digests("2")), before);
    assert_ne!(of(&DependencyDigests { result: Some(Digest::of(b"1")), ..digests("1") }), before);
    let ran = |random| DependencyDigests { run: Some(RunId::new(1, random)), ..digests("1") };
    assert_ne!(of(&ran(1)), of(&ran(2)));
}

#[test]
fn the_same_project_elsewhere_has_the_same_fingerprints() {
    let files = [
        ("lib/m.py", "def f(): return 1"),
        ("T.py", "from lib.m import f\ndef T(): return f()"),
        ("in.csv", "1"),
    ];
    let make = || {
        let mut fixture = Fixture::new("T.py", &files);
        fixture.task.inputs = vec![Input::Files(template("*.csv"))];
        fixture
    };
    assert_eq!(make().fingerprint(), make().fingerprint());
}
