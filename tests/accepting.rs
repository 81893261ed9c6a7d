//! `kptn accept`: what lies in the output folder counts, because a person says why.

use crate::support::{Project, python_task, tasks_yaml};

/// `A` writes a word, `B` doubles it.
fn two_tasks() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: ['b/*.txt']}"]))
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one')"))
        .file(
            "B.py",
            python_task(
                "B",
                "(output_dir / 'b').mkdir(exist_ok=True); (output_dir / 'b' / 'x.txt').write_text((output_dir / 'a.txt').read_text() * 2)",
            ),
        );
    project.commit("two tasks");
    project
}

#[test]
fn a_renamed_variable_is_accepted_without_a_run_and_what_depends_on_it_stays_fresh() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
    project.edit("A.py", "as trace", "as journal");
    project.edit("A.py", "trace.write", "journal.write");
    assert_eq!(project.not_fresh(), "A=stale B=maybe");
    let accepted = project.kptn(&["accept", "A", "-m", "only a name"]).succeeds();
    accepted.says("accepted  A: 1 file").says("accepted on main: only a name");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    project.kptn(&["why", "A"]).succeeds().prints("accepted").prints("only a name");
    project.kptn(&["log", "A"]).succeeds().prints("was accepted by").prints("only a name");
    project.kptn(&["log"]).succeeds().prints("accept only a name").prints("1 task of main");
    let report = project.kptn(&["why", "A", "--json"]).succeeds().json();
    assert_eq!(report["compared_with"]["accepted"], "only a name");
    project.kptn(&["fsck"]).succeeds();

    project.kptn(&["accept", "A", "-m", "again"]).succeeds().says("nothing to accept");
    project.kptn(&["undo"]).succeeds().says("`A`");
    assert_eq!(project.not_fresh(), "A=stale B=maybe");
    // Once code changes it is stale as ever.
    project.kptn(&["undo", "3"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.edit("A.py", "'one'", "'two'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
}

#[test]
fn a_file_that_was_mended_by_hand_is_kept_and_reaches_what_depends_on_it() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
    std::fs::write(project.output("a.txt"), "mended").unwrap();
    project.kptn(&["accept", "A", "-m", "a typo in the data"]).succeeds();
    assert_eq!(project.not_fresh(), "B=stale");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "B");
    assert_eq!(project.read_output("b/x.txt"), "mendedmended");
    // The bytes are in the store like any other's.
    project.remove("scratch");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("a.txt"), "mended");
    // A later operation stands on it; only A can be given back alone.
    project.kptn(&["undo", "2"]).succeeds().says("`A`");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "what was made of the bytes before is known");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("b/x.txt"), "oneone");
}

#[test]
fn outputs_from_before_kptn_are_taken_over_in_the_order_of_the_graph() {
    let project = two_tasks();
    std::fs::create_dir_all(project.output("b")).unwrap();
    std::fs::write(project.output("a.txt"), "old").unwrap();
    project.kptn(&["accept", "A", "B", "-m", "x"]).exits(2).says("nothing that it declares is there");
    assert_eq!(project.not_fresh(), "A=stale B=stale", "all or none");
    std::fs::write(project.output("b/1.txt"), "old").unwrap();
    std::fs::write(project.output("b/2.txt"), "old").unwrap();
    project.kptn(&["accept", "B", "-m", "x"]).exits(2).says("`B` depends on what is not fresh: `A`");
    project.kptn(&["accept", "g", "-m", "made in spring"]).succeeds().says("accepted  B: 2 files");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    // It was the branch's first operation.
    project.kptn(&["undo"]).succeeds();
    assert_eq!(project.not_fresh(), "A=stale B=stale");
    assert_eq!(project.read_output("b/2.txt"), "old");
}

#[test]
fn what_cannot_count_is_refused_with_what_to_do() {
    let project = two_tasks();
    project.kptn(&["accept", "A", "-m", "x"]).exits(2).says("`a.txt` is not there").says("kptn run A");
    project.kptn(&["accept", "A"]).exits(2).says("-m");
    project.kptn(&["accept", "A", "-m", " "]).exits(2).says("the reason is empty");
    project.kptn(&["accept", "AA", "-m", "x"]).exits(2).says("did you mean `A`?");
    project.kptn(&["accept", "A[NC]", "-m", "x"]).exits(2).says("`A` has no items");
    project.kptn(&["run"]).succeeds();
    project.edit("A.py", "'one'", "'two'");
    project.remove("scratch");
    project.kptn(&["accept", "A", "-m", "x"]).exits(2).says("kptn restore A");
    project.kptn(&["restore", "A"]).succeeds();
    project.kptn(&["accept", "A", "-m", "x"]).succeeds();
    // What another task declares is its own.
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: ", &["A: {outputs: [a.txt]}", "B: {outputs: ['*.txt']}"]))
        .file("A.py", python_task("A", "pass"))
        .file("B.py", python_task("B", "pass"));
    std::fs::create_dir_all(project.output("")).unwrap();
    std::fs::write(project.output("a.txt"), "of A").unwrap();
    project.kptn(&["accept", "B", "-m", "x"]).exits(2).says("nothing that it declares is there");
}

#[test]
fn a_protected_branch_takes_it_only_by_force_and_others_do_not_find_it() {
    let project = two_tasks();
    let yaml = format!("settings: {{protected: [main]}}\n{}", project.read("kptn.yaml"));
    project.write("kptn.yaml", yaml);
    project.commit("protect main");
    project.kptn(&["run"]).succeeds();
    std::fs::write(project.output("a.txt"), "mended").unwrap();
    project.kptn(&["accept", "A", "-m", "x"]).exits(3).says("`main` is protected").says("--force");
    assert_eq!(project.not_fresh(), "A=stale B=maybe");
    project.git(&["switch", "-qc", "dev"]);
    project.kptn(&["branch", "clone", "main"]).succeeds();
    project.kptn(&["restore"]).succeeds();
    std::fs::write(project.path("scratch/dev/a.txt"), "mended").unwrap();
    project.kptn(&["accept", "A", "-m", "x"]).succeeds();
    // What was accepted elsewhere does not come to the protected branch by itself.
    project.git(&["switch", "-q", "main"]);
    project.kptn(&["branch", "clone", "dev", "main", "--force"]).exits(3).says("protected");
    project.kptn(&["accept", "A", "-m", "x", "--force"]).succeeds();
    // Another branch finds what ran, not what somebody accepted.
    project.git(&["switch", "-qc", "other"]);
    project.kptn(&["run"]).succeeds();
    project.kptn(&["cat", "A"]).succeeds().prints("one");
}

#[test]
fn a_result_is_kept_where_there_is_one_and_needs_a_run_where_there_is_none() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {cache_result: true}", "B: {outputs: [b.txt]}"]))
        .file("A.py", "def A():\n    value = 7\n    return value\n")
        .file("B.py", python_task("B", "(output_dir / 'b.txt').write_text('b')"));
    project.kptn(&["accept", "A", "-m", "x"]).exits(2).says("no record has one").says("kptn run A");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "B");
    project.write("A.py", "def A():\n    seven = 7\n    return seven\n");
    project.kptn(&["accept", "A", "-m", "x"]).succeeds().says("the result that was on record");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    project.kptn(&["cat", "A"]).succeeds().prints("7");
}

fn mapped() -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "states: , each: states",
            &[
                "states: {cache_result: true, iterable_item: STATE}",
                "each: {map_over: STATE, outputs: ['each/${STATE}.txt']}",
            ],
        ))
        .file("states.py", "def states():\n    return ['NC', 'SC', 'VA']\n")
        .file(
            "each.py",
            "import os\nfrom pathlib import Path\n\n\ndef each(STATE, output_dir: Path):\n    \
             with open(os.environ['TRACE'], 'a') as trace:\n        trace.write(STATE + '\\n')\n    \
             (output_dir / 'each').mkdir(exist_ok=True)\n    \
             (output_dir / 'each' / f'{STATE}.txt').write_text(STATE)\n",
        )
}

#[test]
fn one_item_is_accepted_alone_and_the_others_still_run() {
    let project = mapped();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "NC SC VA");
    project.edit("each.py", "as trace", "as journal");
    project.edit("each.py", "trace.write", "journal.write");
    project.kptn(&["accept", "each[XX]", "-m", "x"]).exits(1).says("no single item `XX`");
    project.kptn(&["accept", "each[NC]", "-m", "looked at it"]).succeeds().says("2 items are still stale");
    assert_eq!(project.not_fresh(), "each=stale");
    project.kptn(&["why", "each[NC]"]).succeeds().prints("is fresh").prints("looked at it");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "SC VA");
    // What was made by the code of before is known, and NC's bytes of then with it.
    project.edit("each.py", "as journal", "as trace");
    project.edit("each.py", "journal.write", "trace.write");
    assert_eq!(project.not_fresh(), "");
    std::fs::write(project.output("each/NC.txt"), "mended").unwrap();
    project.kptn(&["run", "states"]).succeeds();
    assert_eq!(project.read_output("each/NC.txt"), "mended");
}

#[test]
fn all_items_are_accepted_at_once_also_those_of_before_kptn() {
    let project = mapped();
    project.kptn(&["run", "states"]).succeeds();
    std::fs::create_dir_all(project.output("each")).unwrap();
    for state in ["NC", "SC"] {
        std::fs::write(project.output(&format!("each/{state}.txt")), state).unwrap();
    }
    project.kptn(&["accept", "each", "-m", "x"]).exits(2).says("`each/VA.txt` is not there");
    project.kptn(&["accept", "each[NC]", "each[SC]", "-m", "x"]).succeeds().says("1 item is still stale");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "VA");
    for state in ["NC", "SC", "VA"] {
        std::fs::write(project.output(&format!("each/{state}.txt")), "mended").unwrap();
    }
    project.kptn(&["accept", "each", "-m", "x"]).succeeds().says("3 items, 3 files");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn what_was_refused_is_an_edit_as_before_and_what_the_store_knows_can_be_accepted() {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B");
    std::fs::write(project.output("a.txt"), "mended").unwrap();
    std::fs::remove_dir_all(project.output("b")).unwrap();
    project.edit("B.py", "* 2", "* 3");
    project.kptn(&["accept", "A", "B", "-m", "x"]).exits(2).says("`B` cannot be accepted");
    // The store does not know the bytes, so nothing may replace them.
    project.kptn(&["restore", "A", "-n"]).succeeds().says("kept a.txt: edited by hand, would go to .kept/");
    assert_eq!(project.read_output("a.txt"), "mended");
    project.kptn(&["accept", "A", "-m", "x"]).succeeds();
    // Bytes of another state count as well where somebody says so.
    std::fs::write(project.output("a.txt"), "one").unwrap();
    project.kptn(&["accept", "A", "-m", "the first was right"]).succeeds().says("accepted  A: 1 file");
    project.kptn(&["cat", "A"]).succeeds().prints("one");
}

#[cfg(feature = "failpoints")]
#[test]
fn an_accept_that_is_killed_happened_or_did_not() {
    for point in ["outputs.capture.found", "state.move.begun", "state.move.written", "state.move.committed"] {
        let project = two_tasks();
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.ran(), "A B");
        std::fs::write(project.output("a.txt"), "mended").unwrap();
        let fault = format!("{point}=kill");
        let killed = project.kptn_with(&[("KPTN_FAILPOINT", &fault)], &["accept", "A", "-m", "x"]);
        assert_ne!(killed.code, Some(0), "{point} was never hit");
        project.kptn(&["accept", "A", "-m", "x"]).succeeds();
        assert_eq!(project.not_fresh(), "B=stale", "{point}");
        assert_eq!(project.read_output("a.txt"), "mended");
        project.kptn(&["fsck"]).succeeds();
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn a_kill_before_the_branch_has_moved_loses_nothing_that_was_written_by_hand() {
    for at in ["state.move.begun", "state.move.written", "store.flush.committed"] {
        let project = two_tasks();
        project.kptn(&["run"]).succeeds();
        std::fs::write(project.output("a.txt"), "mended").unwrap();
        let killed = [("KPTN_FAILPOINT", format!("{at}=kill"))];
        let killed = [(killed[0].0, killed[0].1.as_str())];
        let output = project.kptn_with(&killed, &["accept", "A", "-m", "x"]);
        assert_eq!(output.code, None, "{at}: {}", output.whole());
        // The store may know the bytes by now, and a run may put its own in their place.
        project.kptn(&["run", "-f", "A"]).succeeds();
        assert_eq!(project.read_output("a.txt"), "one", "{at}");
        let kept = project.program("sh").args(["-c", "cat scratch/main/.kept/*/a.txt"]).output().expect("sh");
        assert!(String::from_utf8_lossy(&kept.stdout).starts_with("mended"), "{at}: {kept:?}");
        // Without a kill nothing is left there.
        project.remove("scratch/main/.kept");
        std::fs::write(project.output("a.txt"), "mended again").unwrap();
        project.kptn(&["accept", "A", "-m", "x"]).succeeds();
        assert!(!project.exists("scratch/main/.kept"), "{at}");
        assert_eq!(project.read_output("a.txt"), "mended again");
        project.kptn(&["fsck"]).succeeds();
    }
}
