//! What people see of the items of mapped tasks: `status`, `why`, `output`, `plan`.

use crate::support::{Project, tasks_yaml};

const EACH: &str = "import os\n\n\ndef each(STATE, output_dir):\n    print('lines of', STATE)\n    \
    assert STATE not in os.environ.get('BROKEN', ''), 'no data'\n    \
    (output_dir / 'each').mkdir(exist_ok=True)\n    (output_dir / 'each' / f'{STATE}.txt').write_text(STATE)\n";

const AFTER: &str = "def after(STATE, output_dir):\n    (output_dir / 'after').mkdir(exist_ok=True)\n    \
    (output_dir / 'after' / f'{STATE}.txt').write_text('x')\n";

fn project() -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "list: , each: list, after: [each, list]",
            &[
                "list: {cache_result: true, iterable_item: STATE}",
                "each: {map_over: STATE, outputs: ['each/${STATE}.txt'], env: {YEAR: '2021'}}",
                "after: {map_over: STATE, outputs: ['after/${STATE}.txt']}",
            ],
        ))
        .file("list.py", "def list():\n    return ['NC', 'SC', 'VA']\n")
        .file("each.py", EACH)
        .file("after.py", AFTER)
}

#[test]
fn why_explains_one_item() {
    let project = project();
    project.kptn(&["why", "each[NC]"]).exits(2).says("are not known yet").says("kptn run list");
    project.kptn(&["run", "list"]).succeeds();
    project.kptn(&["why", "each[NC]"]).succeeds().prints("each[NC] is stale").prints("never ran");
    project.kptn_with(&[("BROKEN", "SC")], &["run", "each"]).exits(1);
    project.kptn(&["why", "each[NC]"]).succeeds().prints("each[NC] is fresh");
    project.kptn(&["run", "each"]).succeeds();

    project.edit("kptn.yaml", "'2021'", "'2022'");
    let output = project
        .kptn(&["why", "each[VA]"])
        .succeeds()
        .prints("each[VA] is stale")
        .prints("env YEAR: 2021 -> 2022");
    assert!(!output.stdout.contains("list of items"), "{}", output.whole());
    project.kptn(&["run", "each", "--item", "VA"]).succeeds();
    project.kptn(&["why", "each[VA]"]).succeeds().prints("each[VA] is fresh");
    project.kptn(&["status", "each[NC]", "--exit-code"]).exits(1).prints("each[NC] is stale");
    let report = project.kptn(&["why", "each[NC]", "--json"]).succeeds().json();
    assert_eq!((report["item"].as_str(), report["row"]["status"].as_str()), (Some("NC"), Some("stale")));

    project.edit("each.py", "write_text(STATE)", "write_text(STATE + '!')");
    project.kptn(&["why", "each[NC]"]).succeeds().prints("code changed: ").prints("+    (output_dir");
    project.kptn(&["run", "each"]).succeeds();
    project.write("scratch/main/each/SC.txt", "by hand");
    project.kptn(&["why", "each[SC]"]).succeeds().prints("edited: each/SC.txt");
    project.kptn(&["why", "each[NC]"]).succeeds().prints("each[NC] is fresh");

    project.kptn(&["why", "each[NX]"]).exits(2).says("`each` has no item `NX`").says("did you mean `NC`?");
    project.kptn(&["why", "list[NC]"]).exits(2).says("`list` has no items");
    project.edit("list.py", ", 'VA'", "");
    project.kptn(&["run", "list"]).succeeds();
    project.kptn(&["why", "each[VA]"]).succeeds().prints("no longer in the list that `list` returned");
}

#[test]
fn why_names_the_item_that_an_item_takes() {
    let project = project();
    project.edit(
        "kptn.yaml",
        "map_over: STATE, outputs: ['after",
        "map_over: STATE, map_deps: item, outputs: ['after",
    );
    project.kptn(&["run"]).succeeds();
    project.edit("each.py", "write_text(STATE)", "write_text(STATE.replace('NC', 'NC2'))");
    project.kptn(&["run", "each"]).succeeds();
    project
        .kptn(&["why", "after[NC]"])
        .succeeds()
        .prints("after[NC] is stale")
        .prints("outputs of each[NC] changed");
    project.kptn(&["why", "after[SC]"]).succeeds().prints("after[SC] is fresh");
}

#[test]
fn output_prints_what_one_item_printed() {
    let project = project();
    project.kptn_with(&[("BROKEN", "SC")], &["run", "+each"]).exits(1);
    let output = project.kptn(&["output", "each[VA]"]).succeeds();
    assert_eq!(output.stdout, "lines of VA\n");
    project.kptn(&["run", "each"]).succeeds();
    assert_eq!(project.kptn(&["output", "each[SC]"]).succeeds().stdout, "lines of SC\n");
    project.kptn(&["output", "after[SC]"]).exits(2).says("never ran");
    project.kptn(&["output", "each[XX]"]).exits(2).says("no item `XX`");
}

#[test]
fn output_keeps_what_was_printed_before_an_item_that_failed_in_silence() {
    let project = project();
    project.edit("each.py", "    print(", "    if STATE == 'SC':\n        return\n    print(");
    project.kptn(&["run", "+each", "-j", "1"]).exits(1);
    let output = project.kptn(&["output", "each"]).succeeds();
    output.prints("lines of NC\n").prints("[SC]\n").prints("each/SC.txt");
}

#[test]
fn status_counts_stale_and_failed_items() {
    let project = project();
    project.kptn_with(&[("BROKEN", "SC,VA")], &["run", "+each"]).exits(1);
    project.kptn(&["status"]).succeeds().prints("2 of 3 items failed");
    let report = project.kptn(&["status", "--json"]).json();
    assert_eq!(report["rows"][1]["items"], serde_json::json!({"total": 3, "stale": 2, "failed": 2}));
    project.kptn(&["run", "each", "--item", "SC"]).succeeds();
    let report = project.kptn(&["status", "--json"]).json();
    assert_eq!(report["rows"][1]["items"], serde_json::json!({"total": 3, "stale": 1, "failed": 1}));
    assert_eq!(report["rows"][1]["status"], "failed");
}

#[test]
fn plan_counts_items_and_proposes_what_would_spare_some() {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project.edit("each.py", "write_text(STATE)", "write_text(STATE.replace('NC', 'NC2'))");
    project.kptn(&["plan", "each", "--item", "NC"]).succeeds().prints("run 1 item ");
    project.kptn(&["run", "each", "-n", "--items", "*C"]).succeeds().prints("run 2 items");
    project.kptn(&["plan", "each", "--item", "ND"]).exits(2).says("no item `ND`");
    project.kptn(&["run", "each"]).succeeds();
    project
        .kptn(&["plan"])
        .succeeds()
        .prints("run 3 items")
        .says("`after` takes the whole of `each`")
        .says("map_deps: item");
    // Its own code is another matter.
    project.edit("after.py", "'x'", "'y'");
    project.kptn(&["plan"]).succeeds().never_says("map_deps: item");
}
