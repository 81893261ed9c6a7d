//! `task bundles` and `task run --bundle`: how an engine runs a mapped task in parts.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Project, tasks_yaml};

const EACH: &str = "import os\n\n\ndef each(N, output_dir):\n    with open(os.environ['TRACE'], 'a') as trace:\n        \
    trace.write(f'{N}\\n')\n    (output_dir / f'{N}.txt').write_text('one')\n";

/// Seven items, two to a bundle.
fn project() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "list: , each: list",
            &[
                "list: {cache_result: true, iterable_item: N}",
                "each: {map_over: N, bundle_size: 2, group_size: 6, outputs: ['${N}.txt']}",
            ],
        ))
        .file("list.py", "def list():\n    return [1, 2, 3, 4, 5, 6, 7]\n")
        .file("each.py", EACH);
    project.kptn(&["task", "bundles", "each"]).exits(2).says("`list`");
    project.kptn(&["run", "list"]).succeeds();
    project
}

fn bundles(report: &Value) -> Vec<String> {
    report["bundles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect()
}

#[test]
fn bundles_are_named_by_the_list_and_a_range_and_entering_one_twice_is_harmless() {
    let project = project();
    let report = project.kptn(&["task", "bundles", "g", "each", "--json"]).succeeds().json();
    assert_eq!(
        (&report["items"], &report["stale"], &report["bundle_size"], &report["in_flight"]),
        (&7.into(), &7.into(), &2.into(), &3.into())
    );
    let names = bundles(&report);
    let ranges: Vec<&str> = names.iter().filter_map(|name| Some(name.split_once(':')?.1)).collect();
    assert_eq!(ranges, ["0-2", "2-4", "4-6", "6-7"]);
    assert_eq!(
        bundles(&project.kptn(&["task", "bundles", "each", "--json", "--at-most", "2"]).json()).len(),
        2
    );

    project.kptn(&["task", "run", "each", "--bundle", &names[1]]).succeeds();
    project.kptn(&["task", "run", "each", "--bundle", &names[1]]).succeeds();
    assert_eq!(project.ran(), "3 4");
    // A name stays right while others end.
    assert_eq!(project.kptn(&["task", "bundles", "each"]).succeeds().stdout.lines().count(), 3);
    for name in &names {
        project.kptn(&["task", "run", "each", "--bundle", name]).succeeds();
    }
    assert_eq!(project.ran(), "1 2 5 6 7");
    assert_eq!(project.not_fresh(), "");
    let report = project.kptn(&["task", "bundles", "each", "--json"]).succeeds().json();
    assert_eq!((&report["items"], bundles(&report).len()), (&7.into(), 0));

    project.edit("list.py", "7]", "8]");
    project.kptn(&["run", "list"]).succeeds();
    project.kptn(&["task", "run", "each", "--bundle", &names[0]]).exits(2).says("kptn task bundles");
    project.kptn(&["task", "run", "each", "--bundle", "x:1-2"]).exits(2).says("DIGEST:FROM-TO");
}

#[test]
fn bundles_of_one_run_go_side_by_side_and_the_last_one_records_the_task() {
    let project = project();
    let mut command = project.command(&["task", "serve", "each"]);
    let mut serve =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("serve");
    let mut hello = String::new();
    BufReader::new(serve.stdout.take().expect("its output")).read_line(&mut hello).expect("a line");
    let hello: Value = serde_json::from_str(&hello).expect("JSON");
    let run = hello["run"].as_str().expect("a run").to_owned();
    let report = project.kptn(&["task", "bundles", "each", "--json", "--run", &run]).succeeds().json();
    let started: Vec<_> = bundles(&report)
        .iter()
        .map(|name| {
            project
                .command(&["task", "run", "each", "--run", &run, "--bundle", name])
                .spawn()
                .expect("a bundle")
        })
        .collect();
    for mut bundle in started {
        assert!(bundle.wait().expect("its end").success());
    }
    drop(serve.stdin.take());
    serve.wait().expect("its end");
    assert_eq!(project.ran(), "1 2 3 4 5 6 7");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["output", "each"]).succeeds();
}

#[test]
fn what_all_items_write_together_is_one_bundle() {
    let project = project();
    project.edit("kptn.yaml", "'${N}.txt'", "'*.txt'");
    let names = bundles(&project.kptn(&["task", "bundles", "each", "--json"]).succeeds().json());
    assert_eq!(names.len(), 1);
    project.kptn(&["task", "run", "each", "--bundle", &names[0]]).succeeds();
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn an_item_that_failed_in_a_bundle_is_tried_again_by_the_bundle_and_by_the_next_run() {
    let project = project();
    project.edit("each.py", "    (output_dir", "    assert N != 3, f'{N} is bad'\n    (output_dir");
    let open = || {
        let opened = project.kptn(&["run", "open", "--engine", "test", "each"]).succeeds();
        opened.stdout.trim().to_owned()
    };
    let run = open();
    let names =
        bundles(&project.kptn(&["task", "bundles", "each", "--json", "--run", &run]).succeeds().json());
    let bundle = |name: &str| project.kptn(&["task", "run", "each", "--run", &run, "--bundle", name]);
    // Whatever others have done, a bundle tells of its own items.
    bundle(&names[0]).succeeds();
    bundle(&names[1]).exits(1).says("1 of 2 items failed");
    bundle(&names[1]).exits(1).says("1 of 2 items failed");
    assert_eq!(project.ran(), "1 2 3 3 4");
    let ended = project.kptn(&["task", "run", "each", "--run", &run]).exits(1);
    ended.says("1 of 7 items failed; 3: ").says("3 is bad").says("is not tried again in this run");
    assert_eq!(project.ran(), "5 6 7");
    project.kptn(&["run", "close", "--run", &run]).exits(1);
    project.kptn(&["output", "each"]).succeeds().prints("3 is bad");

    let run = open();
    project.kptn(&["task", "run", "each", "--run", &run]).exits(1);
    project.kptn(&["run", "close", "--run", &run]).exits(1);
    assert_eq!(project.ran(), "3");
}
