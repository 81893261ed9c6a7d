//! What good files become.

use proptest::prelude::*;

use super::*;
use crate::model::*;

fn name(text: &str) -> TaskName {
    TaskName::parse(text).unwrap()
}

fn deps(graph: &Graph, task: &str) -> Vec<String> {
    graph.tasks[&name(task)].deps.iter().map(ToString::to_string).collect()
}

#[test]
fn the_first_example_of_the_readme_is_understood() {
    let text = project(
        "A:\nB: A\nC: [A, B]\nD: {deps: [C], args: {year: 2024}}\nE: []",
        r#"
A: {file: "A/run.R", outputs: ["A.csv"]}
B: {file: "B/run.R", outputs: ["B.csv"]}
C: {file: C/run.py, outputs: ["C.csv"]}
D: {file: "tasks.py:make", args: {year: 2023, state: NO, zip: 01234}}
E: {file: true}
F: {file: f.R}
"#,
    );
    let loaded = loaded(&text);
    assert_eq!(findings(&loaded.notes), "");
    let project = loaded.project;
    let graph = &project.graphs[0];
    assert_eq!(graph.tasks.keys().map(TaskName::as_str).collect::<Vec<_>>(), ["A", "B", "C", "D", "E"]);
    assert_eq!(deps(graph, "A"), [""; 0]);
    assert_eq!(deps(graph, "B"), ["A"]);
    assert_eq!(deps(graph, "C"), ["A", "B"]);
    let d = &graph.tasks[&name("D")];
    assert_eq!(d.script.function.as_deref(), Some("make"));
    assert_eq!(d.args["year"], Argument::Value(2024.into()));
    assert_eq!(d.args["state"], Argument::Value("NO".into()), "a US state, not false");
    assert_eq!(d.args["zip"], Argument::Value("01234".into()));
    assert_eq!(graph.tasks[&name("E")].script.file.as_str(), "E.py");
    assert_eq!(graph.tasks[&name("C")].script.function.as_deref(), Some("C"));
    assert_eq!(project.unused_tasks, [name("F")]);
    let b = &graph.tasks[&name("B")];
    assert_eq!(b.places["deps.A"], Location { line: 5, column: 10, length: 1 });
    assert_eq!(b.places["outputs[0]"], Location { line: 11, column: 34, length: 7 });
    assert_eq!(b.places["task"], Location { line: 11, column: 3, length: 1 });
}

#[test]
fn every_field_of_a_task_reaches_the_model() {
    let text = project(
        "LIST:\nT: LIST",
        r#"
LIST: {file: true, cache_result: true, iterable_item: "US_STATE, ZIP"}
T:
  file: ${ZIP}/t.R
  outputs: ["${US_STATE}/x.csv", ./plots//, "*.log"]
  inputs: [raw/*.csv, {probe: psql -Atc 'select 1'}]
  refresh: 24h
  prefix_args: nice -n 10
  cli_args: --zip ${ZIP}
  map_over: [ZIP, US_STATE]
  map_deps: item
  bundle_size: 3
  group_size: 10
  compute: {cpu: .25 vCPU, memory: 1 GB}
  tags: slow
  logs: ${ZIP}.log
  retries: 2
  timeout: 30m
  env: {DEBUG: true, YEAR: 2024, VERSION: 1.10}
  secret_env: [TOKEN]
  cwd: outputs
  cache: false
  reuse: branch
  keep: true
  local_only: true
  workers: fresh
"#,
    );
    let loaded = loaded(&text);
    assert_eq!(findings(&loaded.notes), "");
    let mut task = loaded.project.graphs[0].tasks[&name("T")].clone();
    assert!(task.places.contains_key("outputs[2]") && task.places.contains_key("inputs[1]"));
    task.places.clear();
    insta::assert_snapshot!(serde_json::to_string_pretty(&task).unwrap(), @r#"
    {
      "name": "T",
      "renamed_from": [],
      "script": {
        "language": "r",
        "file": "${ZIP}/t.R",
        "path": null,
        "function": null,
        "tried": []
      },
      "deps": [
        "LIST"
      ],
      "outputs": [
        "${US_STATE}/x.csv",
        "plots/",
        "*.log"
      ],
      "inputs": [
        {
          "files": "raw/*.csv"
        },
        {
          "probe": "psql -Atc 'select 1'"
        }
      ],
      "refresh": {
        "after": 86400000
      },
      "args": {},
      "prefix_args": "nice -n 10",
      "cli_args": "--zip ${ZIP}",
      "cache_result": false,
      "iterable_item": [],
      "map_over": [
        "US_STATE",
        "ZIP"
      ],
      "map_deps": "item",
      "bundle_size": 3,
      "group_size": 10,
      "compute": {
        "cpu_units": 256,
        "memory_mib": 1024
      },
      "tags": [
        "slow"
      ],
      "logs": "${ZIP}.log",
      "retries": 2,
      "timeout_ms": 1800000,
      "env": {
        "DEBUG": "true",
        "VERSION": "1.10",
        "YEAR": "2024"
      },
      "secret_env": [
        "TOKEN"
      ],
      "cwd": "outputs",
      "cache": false,
      "reuse": "branch",
      "keep": true,
      "local_only": true,
      "workers": "fresh"
    }
    "#);
}

#[test]
fn an_extending_graph_takes_tasks_over_and_its_own_entries_win() {
    let text = "
graphs:
  base: {tasks: {A: , B: A, C: [A, B]}, config: {x: 1}}
  other: {tasks: {Z: , A: Z}}
  child:
    extends: [{graph: base, args: {B: {year: 2030}}}, other]
    config: {x: 2, deep: {b: 3}}
    tasks: {C: {deps: B, args: {n: 1}}, D: C}
config: {x: 0, y: 0, deep: {a: 1, b: 2}}
tasks:
  A: {file: true}
  B: {file: true, args: {year: 2020, keep: [1, 2]}}
  C: {file: true}
  D: {file: true}
  Z: {file: true}
";
    let project = loaded(text).project;
    let graph = &project.graphs["child"];
    assert_eq!(graph.tasks.keys().map(TaskName::as_str).collect::<Vec<_>>(), ["A", "B", "C", "Z", "D"]);
    assert_eq!(deps(graph, "A"), [""; 0], "the first parent wins");
    assert_eq!(deps(graph, "C"), ["B"], "the child's own entry wins");
    let b = |graph: &str| project.graphs[graph].tasks[&name("B")].args.clone();
    assert_eq!(b("child")["year"], Argument::Value(2030.into()));
    assert_eq!(b("base")["year"], Argument::Value(2020.into()));
    assert_eq!(b("child")["keep"], Argument::Value(serde_json::json!([1, 2])));
    let config = serde_json::to_value(&graph.config).unwrap();
    assert_eq!(config, serde_json::json!({"x": 2, "y": 0, "deep": {"a": 1, "b": 3}}));
}

#[test]
fn names_with_spaces_and_accents_are_names() {
    let text = project(
        "été 2024:\nnaïve model: été 2024\n2023: [naïve model]",
        "été 2024: {file: 'my scripts/été.R', outputs: ['été 1.csv']}\nnaïve model: {file: a.R}\n2023: {file: b.R}",
    );
    let project = loaded(&text).project;
    // Written with a combining accent, it is the same task.
    assert_eq!(deps(&project.graphs[0], "naïve model"), ["été 2024"]);
    assert_eq!(deps(&project.graphs[0], "2023"), ["naïve model"]);
    let output = project.graphs[0].tasks[&name("e\u{301}te\u{301} 2024")].outputs[0].clone();
    assert_eq!(output.as_str(), "été 1.csv");
}

#[test]
fn merge_keys_and_anchors_bring_what_is_not_given() {
    let text =
        project("A:\nB:", "A: &defaults {file: a.R, retries: 2, tags: [x]}\nB: {<<: *defaults, file: b.R}");
    let task = loaded(&text).project.graphs[0].tasks[&name("B")].clone();
    assert_eq!(
        (task.script.file.as_str(), task.retries.0, task.tags.as_slice()),
        ("b.R", 2, &["x".to_owned()][..])
    );
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_change_nothing() {
    let text = project("A:\nB: A", "A: {file: a.R}\nB:\n  file: b.R\n  outputs:\n    - b.csv");
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(loaded(&text).project, loaded(&windows).project);
}

#[test]
fn fields_of_0_1_are_accepted_with_a_note() {
    let text = project("A:", "A: {file: a.R}")
        + "settings: {db: dynamodb, imports_slot: x, logging: {file: x.log}, flow_type: vanilla, flows_dir: .}\n";
    let loaded = loaded(&text);
    assert!(loaded.notes.iter().all(|note| note.severity == Severity::Note), "{}", findings(&loaded.notes));
    assert_eq!(loaded.notes.len(), 3);
    assert_eq!(loaded.project.settings.flow_type, FlowType::Python);
    assert_eq!(loaded.project.settings.flows_dir, Path::new("/"));
}

#[test]
fn text_that_looks_like_a_function_stays_text_where_no_module_is() {
    let text = project("A:", "A: {file: a.R}")
        + "config:\n  host: localhost:port\n  at: 'host:5432'\n  engine: {function: app.db:engine, alias: db}\n  n: {value: 3, parameter_name: count}\n  table: {value: x, other: y}\n";
    let config = serde_json::to_value(&loaded(&text).project.graphs[0].config).unwrap();
    let engine = serde_json::json!({"$function": "app.db:engine"});
    let expected = serde_json::json!({
        "host": "localhost:port", "at": "host:5432", "engine": engine, "db": engine, "n": 3, "count": 3,
        "table": {"value": "x", "other": "y"},
    });
    assert_eq!(config, expected);
    assert_eq!(computed_by(&config["db"]), Some("app.db:engine"));
    assert_eq!(computed_by(&config["table"]), None);
}

/// Returns a file of `count` tasks, each depending on the two before it.
fn many(count: usize) -> String {
    let mut text = String::from("graphs:\n  g:\n    tasks:\n      task_0:\n");
    for at in 1..count {
        text += &format!("      task_{at}: [task_{}]\n", at - 1);
    }
    text += "tasks:\n";
    for at in 0..count {
        text += &format!(
            "  task_{at}:\n    file: scripts/task_{at}.R\n    outputs: [out/task_{at}.csv]\n    tags: [a, b]\n    args: {{year: 2020, label: 'a text that is somewhat longer {at}'}}\n"
        );
    }
    text
}

#[test]
fn ten_thousand_tasks_load_in_a_moment_and_ten_megabytes_at_all() {
    let load = |count: usize| {
        let text = many(count);
        let start = std::time::Instant::now();
        assert_eq!(loaded(&text).project.graphs[0].tasks.len(), count);
        (text.len(), start.elapsed().as_secs())
    };
    let (_, took) = load(10_000);
    let (size, took_large) = load(60_000);
    assert!(size > 10_000_000, "{size}");
    // Far more than it takes, far less than anything quadratic would.
    assert!(took < 20 && took_large < 60, "{took} s, {took_large} s");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = parse_text(text.as_bytes());
    }

    #[test]
    fn no_mixture_of_words_makes_it_panic(words in proptest::collection::vec(prop::sample::select(vec![
        "graphs:", "tasks:", "config:", "settings:", "\n", "\n  ", "\n    ", "A:", "B: A", "file: a.R", "file: true", "[", "]",
        "{", "}", ",", ": ", "- ", "&a ", "*a", "<<: ", "outputs: ", "'", "\"", "|\n", "deps: ", "extends: ", "!!str ", "#", "~",
        "map_over: X", "${X}", "\t", "1e5", "include: x.yaml", "function: a.b:c",
    ]), 0..60)) {
        let _ = parse_text(words.concat().as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_text(&bytes);
    }
}
