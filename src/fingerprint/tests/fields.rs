//! Every field of a task and every kind of ingredient is decided on, in code and in `docs/fingerprint.md`.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Fixture, template};
use crate::fingerprint::recipe::tag;
use crate::model::*;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fingerprint.md"));

/// Reads the rows of the table under a heading: the name in the first column, and the rest.
fn table(heading: &str) -> BTreeMap<String, Vec<String>> {
    let (_, section) = PAGE.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` |").unwrap();
        (name.to_owned(), rest.split('|').map(|cell| cell.trim().to_owned()).collect())
    })
    .collect()
}

/// Every field, with a change of it. A new field stops this from compiling until it is decided on.
fn changes(task: &Task) -> Vec<(&'static str, Task)> {
    let Task {
        name: _,
        renamed_from: _,
        script: _,
        deps: _,
        outputs: _,
        inputs: _,
        refresh: _,
        args: _,
        prefix_args: _,
        cli_args: _,
        cache_result: _,
        iterable_item: _,
        map_over: _,
        map_deps: _,
        bundle_size: _,
        group_size: _,
        compute: _,
        tags: _,
        logs: _,
        retries: _,
        timeout_ms: _,
        env: _,
        secret_env: _,
        cwd: _,
        cache: _,
        reuse: _,
        keep: _,
        local_only: _,
        workers: _,
        places: _,
    } = task;
    let with = |field, change: &dyn Fn(&mut Task)| {
        let mut task = task.clone();
        change(&mut task);
        (field, task)
    };
    let place = Location { line: 9, column: 9, length: 1 };
    vec![
        with("name", &|task| task.name = super::name("U")),
        with("renamed_from", &|task| task.renamed_from = vec![super::name("U")]),
        with("script", &|task| task.script.function = Some("other".into())),
        with("outputs", &|task| task.outputs.push(template("b.csv"))),
        with("inputs", &|task| task.inputs.push(Input::Files(template("in.csv")))),
        with("refresh", &|task| task.refresh = Refresh::Always),
        with("args", &|task| drop(task.args.insert("a".into(), Argument::Value(json!(2))))),
        with("prefix_args", &|task| task.prefix_args = Some("nice".into())),
        with("cli_args", &|task| task.cli_args = Some(template("--x"))),
        with("cache_result", &|task| task.cache_result = true),
        with("iterable_item", &|task| task.iterable_item = vec!["X".into()]),
        with("map_over", &|task| task.map_over = vec!["B".into()]),
        with("map_deps", &|task| task.map_deps = MapDeps::Item),
        with("bundle_size", &|task| task.bundle_size = 7),
        with("group_size", &|task| task.group_size = Some(7)),
        with("compute", &|task| task.compute.cpu_units = 7),
        with("tags", &|task| task.tags = vec!["x".into()]),
        with("logs", &|task| task.logs = Some(template("x"))),
        with("retries", &|task| task.retries = Retries(7)),
        with("timeout_ms", &|task| task.timeout_ms = Some(7)),
        with("env", &|task| drop(task.env.insert("E".into(), "2".into()))),
        with("secret_env", &|task| task.secret_env = vec!["S".into()]),
        with("cwd", &|task| task.cwd = Some(Cwd::Outputs)),
        with("cache", &|task| task.cache = false),
        with("reuse", &|task| task.reuse = Some(Reuse::Never)),
        with("keep", &|task| task.keep = true),
        with("local_only", &|task| task.local_only = true),
        with("workers", &|task| task.workers = Workers::Fresh),
        with("places", &|task| {
            task.places.insert("task".into(), place);
        }),
    ]
}

/// Decided by the plan, which adds what dependencies left.
const BY_THE_PLAN: [&str; 1] = ["deps"];

#[test]
fn every_field_counts_or_not_as_the_page_says() {
    let mut fixture = Fixture::new(
        "T.py",
        &[("T.py", "def T(a, **k): return a\nother = T"), ("in.csv", "1"), ("kptn.yaml", "")],
    );
    fixture.task.map_over = vec!["A".into()];
    fixture.task.args.insert("a".into(), Argument::Value(json!(1)));
    fixture.task.env.insert("E".into(), "1".into());
    let before = fixture.fingerprint();
    let page = table("Fields of a task");
    let mut known: Vec<&str> =
        page.keys().map(String::as_str).filter(|name| !BY_THE_PLAN.contains(name)).collect();
    let original = fixture.task.clone();
    for (field, changed) in changes(&original) {
        let Some(row) = page.get(field) else { panic!("docs/fingerprint.md has no line for `{field}`") };
        fixture.task = changed;
        let counted = fixture.fingerprint() != before;
        assert_eq!(counted, row[0] == "yes", "{field}");
        known.retain(|name| *name != field);
    }
    assert_eq!(known, [""; 0], "on the page, but no field of a task");
    let fields = serde_json::to_value(&original).unwrap();
    for field in fields.as_object().unwrap().keys() {
        assert!(page.contains_key(field), "docs/fingerprint.md has no line for `{field}`");
    }
}

#[test]
fn the_page_lists_every_kind_of_ingredient() {
    let page = table("Kinds of ingredients");
    let mut known: Vec<&String> = page.keys().collect();
    for kind in crate::fingerprint::recipe::every_kind() {
        assert!(page.contains_key(tag(kind)), "docs/fingerprint.md has no line for `{}`", tag(kind));
        known.retain(|name| *name != tag(kind));
    }
    assert_eq!(known, [""; 0], "on the page, but no kind");
}
