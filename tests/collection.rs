//! `gc`: what nothing needs goes, in two steps, and nothing else ever does.

use crate::support::{Output, Project, gated_task, python_task, tasks_yaml};

/// `A` writes a word often enough for a file of its own in the store, `B` half of it.
fn two_tasks() -> Project {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one' * 20000)"))
        .file(
            "B.py",
            python_task("B", "(output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text()[:9])"),
        );
    project.commit("two tasks");
    project
}

/// With results of `one` that nothing but the first operation needs, and those of `two`.
fn moved_on() -> Project {
    let project = two_tasks();
    project.kptn(&["run"]).succeeds();
    project.edit("A.py", "'one'", "'two'");
    project.kptn(&["run"]).succeeds();
    project.trace();
    project
}

const NOW: [&str; 4] = ["gc", "--yes", "--keep", "0d"];
const AT_ONCE: [&str; 6] = ["gc", "--yes", "--keep", "0d", "--grace", "0d"];

#[track_caller]
fn amount(report: &serde_json::Value, of: &str) -> u64 {
    report[of]["objects"].as_u64().unwrap_or_else(|| panic!("no {of} in {report}"))
}

#[track_caller]
fn collect(project: &Project, words: &[&str]) -> serde_json::Value {
    project.kptn(&[words, &["--json"]].concat()).succeeds().json()
}

/// Asserts that everything is fresh, that its bytes can be put back, and that the store is whole.
#[track_caller]
fn is_sound(project: &Project, word: &str) {
    project.kptn(&["fsck"]).succeeds();
    assert_eq!(project.not_fresh(), "");
    project.remove("scratch");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("a.txt"), word.repeat(20_000));
    assert_eq!(project.read_output("b.txt"), word.repeat(3));
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
}

#[test]
fn without_yes_nothing_goes_and_what_undo_needs_never_does() {
    let project = moved_on();
    project.kptn(&["gc"]).succeeds().prints("nothing to collect");
    let told = collect(&project, &["gc", "--keep", "0d"]);
    assert_eq!((told["dry_run"].as_bool(), told["records"].as_u64()), (Some(true), Some(2)));
    assert!(amount(&told, "aside") > 2, "{told}");
    assert_eq!(told["operation"], serde_json::Value::Null);
    project.kptn(&["undo", "2"]).succeeds();
    project.edit("A.py", "'two'", "'one'");
    is_sound(&project, "one");
}

#[test]
fn what_is_put_aside_is_found_by_whoever_needs_it_and_comes_back_by_undo() {
    let project = moved_on();
    project.kptn(&NOW).succeeds().prints("2 records of tasks").prints("`kptn undo 3`");
    is_sound(&project, "two");
    // A run takes over what is in the trash, by its fingerprint.
    project.edit("A.py", "'two'", "'one'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    is_sound(&project, "one");
    let again = collect(&project, &NOW);
    assert!(amount(&again, "aside") > 0, "{again}");
    let log = project.kptn(&["log"]).succeeds();
    assert!(log.stdout.contains("gc 2"), "{}", log.whole());
    project.kptn(&["undo"]).succeeds().says("came back out of the trash");
    assert_eq!(amount(&collect(&project, &["gc", "--keep", "0d"]), "aside"), amount(&again, "aside"));
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn after_the_grace_time_it_is_deleted_and_undo_says_so() {
    let project = moved_on();
    let aside = amount(&collect(&project, &NOW), "aside");
    assert_eq!(amount(&collect(&project, &NOW), "deleted"), 0, "seven days have not gone by");
    let deleted = collect(&project, &AT_ONCE);
    assert_eq!(amount(&deleted, "deleted"), aside);
    project.kptn(&["undo", "3"]).exits(3).says("its grace time is over, and operation 4 (gc) came after");
    // A collection that can't be undone is in nobody's way, but what it has deleted is not made up.
    project.kptn(&["undo"]).exits(3).says("that state is not in the store any more");
    project.kptn(&["branch", "clone", "main", "dev"]).succeeds();
    is_sound(&project, "two");
    project.edit("A.py", "'two'", "'one'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "A B", "what is gone is computed again");
    is_sound(&project, "one");
}

#[test]
fn tags_other_branches_and_items_without_a_record_keep_what_they_need() {
    let project = moved_on();
    project.kptn(&["tag", "v2"]).succeeds();
    project.kptn(&["branch", "clone", "main", "dev"]).succeeds();
    project.edit("A.py", "'two'", "'three'");
    project.kptn(&["run"]).succeeds();
    project.trace();
    for _ in 0..2 {
        project.kptn(&AT_ONCE).succeeds();
    }
    project.kptn(&["branch", "delete", "dev"]).succeeds();
    for _ in 0..2 {
        project.kptn(&AT_ONCE).succeeds();
    }
    project.edit("A.py", "'three'", "'two'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "the tag has it");
    is_sound(&project, "two");
}

#[test]
fn items_of_a_run_that_failed_are_kept() {
    let project = Project::new()
        .yaml(&tasks_yaml(
            "L: , M: L",
            &["L: {cache_result: true, iterable_item: x}", "M: {map_over: x, outputs: ['${x}.txt']}"],
        ))
        .file("L.py", "def L():\n    return ['ok', 'bad']\n")
        .file(
            "M.py",
            "import os\n\n\ndef M(x, output_dir):\n    open(os.environ['TRACE'], 'a').write(x + '\\n')\n    \
             assert x != 'bad' or os.path.exists('mended')\n    (output_dir / f'{x}.txt').write_text(x * 20000)\n",
        );
    project.kptn(&["run"]).exits(1);
    project.trace();
    for _ in 0..2 {
        project.kptn(&AT_ONCE).succeeds();
    }
    project.write("mended", "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "bad");
    project.remove("scratch");
    project.kptn(&["restore"]).succeeds();
    assert_eq!(project.read_output("ok.txt"), "ok".repeat(20_000));
}

#[test]
fn a_size_lets_the_oldest_go_and_never_what_is_needed() {
    let project = two_tasks();
    for (old, new) in [("'one'", "'two'"), ("'two'", "'ten'"), ("'ten'", "'six'")] {
        project.kptn(&["run"]).succeeds();
        project.edit("A.py", old, new);
    }
    project.kptn(&["run"]).succeeds();
    project.trace();
    // Four states of a bit more than 60 kB each.
    let roomy = collect(&project, &["gc", "--keep", "0d", "--max-size", "1GB"]);
    assert_eq!(amount(&roomy, "aside"), 0, "{roomy}");
    project
        .kptn(&["gc", "--yes", "--keep", "0d", "--max-size", "200kB"])
        .succeeds()
        .prints("1 record of a task");
    let tight = project.kptn(&["gc", "--yes", "--keep", "0d", "--max-size", "1kB"]).succeeds();
    tight.prints("more than allowed is needed");
    is_sound(&project, "six");
    project.kptn(&["gc", "--max-size", "much"]).exits(2).says("20GB");
}

#[test]
fn what_a_living_run_may_have_seen_is_not_deleted() {
    let project = moved_on();
    project.write("B.py", gated_task("B", "(output_dir / 'b.txt').write_text('twotwotwo')"));
    let running = project.start(&["run"]);
    project.wait_for("B");
    project.kptn(&AT_ONCE).succeeds();
    let second = project.kptn(&AT_ONCE).succeeds();
    second.prints("waits for a kptn that has been running");
    project.open_gate("B");
    assert_eq!(running.wait().0, Some(0));
    let third = collect(&project, &AT_ONCE);
    assert!(amount(&third, "deleted") > 0, "{third}");
    project.trace();
    is_sound(&project, "two");
}

#[test]
fn a_store_that_is_not_whole_is_left_alone() {
    let project = moved_on();
    let record = project.kptn(&["log", "A", "--json"]).succeeds().json();
    let digest = record["records"][0]["record"].as_str().expect("a digest").to_owned();
    forget_small(&project, &digest);
    project.kptn(&NOW).exits(4).says("nothing was put aside").says("kptn fsck --repair");
}

/// Removes a small object from the store, as a bad disk would.
pub fn forget_small(project: &Project, digest: &str) {
    let small = rusqlite::Connection::open(project.path(".git/kptn/small.db")).expect("small.db");
    let sql = format!("DELETE FROM objects WHERE hex(digest) = '{}'", digest.to_uppercase());
    assert_eq!(small.execute(&sql, []).expect("a statement"), 1, "{digest} was there");
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use super::*;
    use crate::support::Running;

    fn thaw(gc: Running) {
        let (code, messages) = gc.thaw();
        assert_eq!(code, Some(0), "{messages}");
    }

    /// The same bytes as `one` made, by other code.
    fn take_in_the_same_bytes(project: &Project, runs: &str) {
        project.edit("A.py", "'two'", "'o' + 'ne'");
        project.edit("A.py", "('o' + 'ne' * 20000)", "(('o' + 'ne') * 20000)");
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.ran(), runs);
    }

    #[test]
    fn a_frozen_collection_keeps_nobody_waiting_and_takes_nothing_from_a_run() {
        for point in ["gc.begun", "gc.moving", "gc.moved", "gc.closed"] {
            let project = moved_on();
            project.kptn(&["run", "-f"]).succeeds();
            project.trace();
            let gc = Running::frozen(&project, &NOW, point);
            // B is taken over: its record is found by what A made.
            take_in_the_same_bytes(&project, "A");
            project.kptn(&NOW).exits(3).says("the store's trash is in use by `kptn gc");
            thaw(gc);
            is_sound(&project, "one");
            for _ in 0..3 {
                project.kptn(&AT_ONCE).succeeds();
                is_sound(&project, "one");
            }
        }
    }

    #[test]
    fn a_collection_that_is_frozen_while_it_deletes_takes_nothing_from_a_run() {
        for point in ["gc.deleting", "gc.deleted", "gc.unlabelled"] {
            let project = moved_on();
            project.kptn(&NOW).succeeds();
            let gc = Running::frozen(&project, &AT_ONCE, point);
            take_in_the_same_bytes(&project, "A B");
            thaw(gc);
            is_sound(&project, "one");
            for _ in 0..3 {
                project.kptn(&AT_ONCE).succeeds();
                is_sound(&project, "one");
            }
        }
    }

    #[test]
    fn a_collection_that_is_killed_anywhere_leaves_a_sound_store_and_the_next_one_goes_on() {
        let points = kptn::failpoint::FAILPOINTS.iter().map(|(point, _)| *point);
        for point in points.filter(|point| point.starts_with("gc.")) {
            let project = moved_on();
            if ["gc.deleting", "gc.deleted", "gc.unlabelled", "gc.returning"].contains(&point) {
                project.kptn(&NOW).succeeds();
            }
            let words: &[&str] = if point == "gc.returning" { &["undo", "3"] } else { &AT_ONCE };
            let killed: Output = project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], words);
            assert_eq!(killed.code, None, "{point} was never hit: {}", killed.whole());
            is_sound(&project, "two");
            for _ in 0..2 {
                project.kptn(&AT_ONCE).succeeds();
                is_sound(&project, "two");
            }
            let left = collect(&project, &["gc", "--keep", "0d", "--grace", "0d"]);
            assert_eq!((amount(&left, "aside"), amount(&left, "deleted")), (0, 0), "{point}: {left}");
        }
    }
}

#[test]
fn a_tag_whose_state_was_collected_does_not_come_back_by_undo() {
    let project = moved_on();
    project.kptn(&["tag", "v1"]).succeeds();
    project.edit("A.py", "'two'", "'three'");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["tag", "--delete", "v1"]).succeeds();
    let untag = project.kptn(&["log", "--json"]).succeeds().json()["entries"][0]["operation"].to_string();
    for _ in 0..2 {
        project.kptn(&AT_ONCE).succeeds();
    }
    project.kptn(&["undo", &untag]).exits(3).says("is not in the store any more");
    project.kptn(&["gc", "--yes"]).succeeds();
    project.kptn(&["fsck"]).succeeds();
}
