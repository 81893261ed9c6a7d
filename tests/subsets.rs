//! Runs that are about some items of a mapped task alone.

use crate::support::{Project, tasks_yaml};

const EACH: &str = "import os\n\n\ndef each(STATE, ZIP, output_dir):\n    \
    with open(os.environ['TRACE'], 'a') as trace:\n        trace.write(f'{STATE}.{ZIP}\\n')\n    \
    assert STATE not in os.environ.get('BROKEN', ''), 'no data'\n    \
    (output_dir / 'each').mkdir(exist_ok=True)\n    (output_dir / 'each' / f'{STATE}-{ZIP}.txt').write_text('one')\n";

/// Five items: two of one state, one with a comma, one whose number is a text.
fn project() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "list: , each: list, after: each",
            &[
                "list: {cache_result: true, iterable_item: 'STATE, ZIP'}",
                "each: {map_over: 'STATE,ZIP', outputs: ['each/${STATE}-${ZIP}.txt']}",
                "after: {outputs: [after.txt]}",
            ],
        ))
        .file(
            "list.py",
            "def list():\n    return [('NC', 1), ('NC', 2), ('a,b', 3), ('VA', '4'), {'STATE': 'é', 'ZIP': 5.5}]\n",
        )
        .file("each.py", EACH)
        .file(
            "after.py",
            "def after(output_dir):\n    (output_dir / 'after.txt').write_text(str(len([*(output_dir / 'each').iterdir()])))\n",
        );
    project.kptn(&["run", "list"]).succeeds();
    project
}

#[test]
fn named_items_run_alone_and_the_task_is_recorded_once_the_rest_is_fresh() {
    let project = project();
    project
        .kptn(&["run", "each", "--item", "NC,2", "--item", r#"["a,b",3]"#])
        .succeeds()
        .says("3 of 5 items of each are left as before, not fresh; `kptn run each` runs the rest");
    assert_eq!(project.ran(), "NC.2 a,b.3");
    assert_eq!(project.not_fresh(), "after=stale each=stale");
    project.kptn(&["status"]).succeeds().prints("3 of 5 items stale");

    // What is fresh does not run again, and nothing else does.
    project.kptn(&["run", "each", "--item", "NC,2"]).succeeds().says("these items are fresh");
    project.kptn(&["run", "each", "--items", "N*"]).succeeds();
    assert_eq!(project.ran(), "NC.1");

    project.write("chosen", "VA,4\n\n[\"é\",5.5]\n");
    let output = project.kptn(&["run", "each", "--items", "@chosen"]).succeeds();
    assert!(!output.stderr.contains("left as before"), "{}", output.whole());
    assert_eq!(project.ran(), "VA.4 é.5.5");
    assert_eq!(project.not_fresh(), "after=stale");
    project.kptn(&["run"]).succeeds();
    assert_eq!((project.ran(), project.read_output("after.txt")), (String::new(), "5".to_owned()));
}

#[test]
fn other_items_keep_what_they_have_fresh_or_stale() {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.edit("each.py", "write_text('one')", "write_text('two')");
    project.kptn(&["run", "each", "--items", "NC*"]).succeeds().says("3 of 5 items");
    assert_eq!(project.ran(), "NC.1 NC.2");
    assert_eq!(project.read_output("each/NC-1.txt"), "two");
    assert_eq!(project.read_output("each/VA-4.txt"), "one");
    // With the code of before, the record of before holds again, and its files can be had.
    project.edit("each.py", "write_text('two')", "write_text('one')");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.ran(), "");
    assert_eq!(project.read_output("each/NC-1.txt"), "one");
    // With the new code once more, what the subset made is still known.
    project.edit("each.py", "write_text('one')", "write_text('two')");
    project.kptn(&["run", "each"]).succeeds();
    assert_eq!(project.ran(), "VA.4 a,b.3 é.5.5");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("each/NC-1.txt"), "two");
}

#[test]
fn force_runs_the_named_items_again_and_no_other() {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.kptn(&["run", "each", "--item", "VA,4", "-f"]).succeeds();
    assert_eq!(project.ran(), "VA.4");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn a_failed_item_of_a_subset_fails_the_run_and_the_others_are_kept() {
    let project = project();
    project.kptn_with(&[("BROKEN", "VA")], &["run", "each", "--items", "*[14]"]).exits(1).says("no data");
    assert_eq!(project.ran(), "NC.1 VA.4");
    project.kptn(&["run", "each"]).succeeds();
    assert_eq!(project.ran(), "NC.2 VA.4 a,b.3 é.5.5");
}

#[test]
fn what_names_no_item_is_refused_before_anything_runs() {
    let project = project();
    project
        .kptn(&["run", "each", "--item", "NC,3"])
        .exits(2)
        .says("`each` has no item `NC,3`")
        .says("did you mean `NC,");
    project.kptn(&["run", "each", "--items", "X*"]).exits(2).says("no item of `each` matches `X*`");
    project.kptn(&["run", "each", "--items", "["]).exits(2).says("is no pattern");
    project.kptn(&["run", "each", "--items", "@absent"]).exits(2).says("absent");
    project.kptn(&["run", "list", "--item", "NC,1"]).exits(2).says("no selected task is mapped");
    project.kptn(&["run", "each+", "--item", "NC,1"]).exits(2).says("`after` takes the whole of `each`");
    project.edit("list.py", "('NC', 2)", "('VA', 4)");
    project.kptn(&["run", "each", "--item", "VA,4"]).exits(2).says("`list`").says("+each");
    project.kptn(&["run", "list"]).succeeds();
    project.kptn(&["run", "each", "--item", "VA,4"]).exits(2).says(r#"'each[["VA",4]]'"#);
    assert_eq!(project.ran(), "");
    // Of the two, one is named.
    project.kptn(&["run", "each", "--item", r#"["VA",4]"#]).exits(1).says("each/VA-4.txt");
    assert_eq!(project.ran(), "", "two items would write one path");
}

#[test]
fn a_list_that_the_run_makes_first_is_looked_at_then() {
    let project = project();
    project.edit("list.py", "('NC', 2)", "('SC', 2)");
    project.kptn(&["run", "+each", "--item", "SC,2"]).succeeds().says("4 of 5 items");
    assert_eq!(project.ran(), "SC.2");
    project.edit("list.py", "('SC', 2)", "('GA', 2)");
    project.kptn(&["run", "+each", "--item", "SC,2"]).exits(1).says("`SC,2`");
    assert_eq!(project.ran(), "");
}

#[test]
fn items_that_write_together_cannot_run_alone() {
    let project = project();
    project.edit("kptn.yaml", "'each/${STATE}-${ZIP}.txt'", "'each/*.txt'");
    project
        .kptn(&["run", "each", "--item", "NC,1"])
        .exits(2)
        .says("`each/*.txt` belongs to all of them together");
    project.kptn(&["run"]).succeeds();
}

#[test]
fn items_that_failed_are_named_by_one_word_and_retried_alone() {
    let project = project();
    let broken = [("BROKEN", "NC VA")];
    project.kptn_with(&broken, &["run", "each"]).exits(1).says("3 of 5 items failed");
    project.trace();
    let printed = project.kptn(&["output", "each[NC,2]"]).succeeds().stdout;
    assert_eq!(printed.matches("AssertionError: no data").count(), 1, "{printed}");

    project
        .kptn_with(&[("BROKEN", "VA")], &["run", "each", "--items", "failed"])
        .exits(1)
        .says("1 of 3 items failed");
    assert_eq!(project.ran(), "NC.1 NC.2 VA.4");
    project.kptn_with(&[("BROKEN", "VA")], &["retry"]).exits(1);
    assert_eq!(project.ran(), "VA.4");

    // A changed comment is no reason, a changed line is: and yet only what failed is tried.
    project.edit("each.py", "'one'", "'two'");
    project.kptn(&["retry"]).succeeds().says("4 of 5 items of each are left as before, not fresh");
    assert_eq!(project.ran(), "VA.4");
    project.kptn(&["run", "each", "--items", "failed"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn a_task_whose_failed_items_were_mended_has_not_failed() {
    let project = project();
    project.kptn_with(&[("BROKEN", "NC VA")], &["run", "each", "--item", "VA,4"]).exits(1);
    assert_eq!(project.not_fresh(), "after=stale each=failed");
    project.kptn(&["run", "each", "--item", "VA,4"]).succeeds();
    assert_eq!(project.not_fresh(), "after=stale each=stale");
}

#[test]
fn a_forced_item_that_fails_leaves_the_others_as_they_are() {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project.trace();
    project.kptn_with(&[("BROKEN", "VA")], &["run", "each", "--item", "VA,4", "-f"]).exits(1);
    assert_eq!(project.ran(), "VA.4");
    assert_eq!(project.not_fresh(), "after=maybe each=failed");
    project.kptn(&["run"]).succeeds();
    assert_eq!((project.ran(), project.not_fresh()), ("VA.4".to_owned(), String::new()));
}
