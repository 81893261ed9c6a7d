//! `gc --remote`: what no branch needs goes, in two steps, and nothing else ever does.

use crate::support::s3::S3;
use crate::support::{Place, Project, python_task};

pub const NOW: [&str; 7] = ["gc", "--remote", "--yes", "--keep", "0d", "--grace", "0d"];
const KEEPING: [&str; 5] = ["gc", "--remote", "--yes", "--grace", "0d"];

/// A project that has pushed a state of `one`, and then one of `two`.
pub fn moved_on(place: &Place) -> Project {
    let project = place.project();
    run_and_push(&project, None);
    run_and_push(&project, Some(("'one'", "'two'")));
    project
}

/// Edits the word of A, runs and pushes.
#[track_caller]
pub fn run_and_push(project: &Project, edit: Option<(&str, &str)>) {
    if let Some((old, new)) = edit {
        project.edit("A.py", old, new);
    }
    project.kptn(&["run"]).succeeds();
    project.kptn(&["push"]).succeeds();
    project.trace();
}

#[track_caller]
pub fn collect(project: &Project, words: &[&str]) -> serde_json::Value {
    project.kptn(&[words, &["--json"]].concat()).succeeds().json()
}

#[track_caller]
pub fn amount(report: &serde_json::Value, of: &str) -> u64 {
    report[of]["objects"].as_u64().unwrap_or_else(|| panic!("no {of} in {report}"))
}

/// Asserts that the remote is whole, and that a new machine gets all of a branch.
#[track_caller]
pub fn is_sound(place: &Place, branch: &str, word: &str) {
    let fresh = place.project();
    fresh.edit("A.py", "'one'", &format!("'{word}'"));
    fresh.kptn(&["fsck", "--remote", "--full"]).succeeds();
    fresh.kptn(&["pull", "--from", branch]).succeeds();
    assert_eq!(fresh.not_fresh(), "");
    fresh.kptn(&["restore"]).succeeds();
    assert_eq!(fresh.read_output("a.txt"), word.repeat(1_000_000));
    assert_eq!(fresh.read_output("b.txt"), word.repeat(3));
    fresh.kptn(&["run"]).succeeds();
    assert_eq!(fresh.ran(), "");
}

#[test]
fn nothing_goes_that_a_branch_or_its_history_needs() {
    for place in Place::each() {
        let project = moved_on(&place);
        // Both states are young, and so is what the index was before.
        project.kptn(&["gc", "--remote"]).succeeds().prints("nothing to collect");
        let there = [place.kind("objects"), place.kind("packs")];
        for _ in 0..4 {
            collect(&project, &KEEPING);
        }
        assert_eq!([place.kind("objects"), place.kind("packs")], there);
        is_sound(&place, "main", "two");
    }
}

#[test]
fn a_dry_run_and_the_first_step_delete_nothing_and_the_second_what_was_announced() {
    for place in Place::each() {
        let project = moved_on(&place);
        let before = place.keys();
        let told = collect(&project, &["gc", "--remote", "--keep", "0d", "--grace", "0d"]);
        assert_eq!((told["dry_run"].as_bool(), amount(&told, "deleted")), (Some(true), 0));
        assert_eq!(place.keys(), before);

        let announced = collect(&project, &NOW);
        assert_eq!(amount(&announced, "announced"), amount(&told, "announced"));
        let after = place.keys();
        assert!(before.keys().all(|key| after.contains_key(key)), "nothing is deleted yet");
        assert_eq!(place.kind("gc").len(), 1);
        is_sound(&place, "main", "two");
        // The grace time is not over.
        project.kptn(&["gc", "--remote", "--yes", "--keep", "0d"]).succeeds().prints("left; a later");
        assert_eq!(place.keys(), after);

        let deleted = collect(&project, &NOW);
        assert_eq!(amount(&deleted, "deleted"), amount(&announced, "announced"), "{deleted}");
        assert_eq!(place.kind("objects").len(), 1, "the large file of `one` is gone");
        is_sound(&place, "main", "two");
        // What the collection itself leaves goes too, and then there is nothing more.
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        let left = place.keys();
        let last = collect(&project, &NOW);
        assert_eq!((amount(&last, "announced"), amount(&last, "deleted")), (0, 0), "{last}");
        assert_eq!(place.keys(), left);
        let report = project.kptn(&["fsck", "--remote", "--json"]).succeeds().json();
        assert_eq!(amount(&report, "unnamed"), 0, "{report}");
        // Work goes on: what was deleted is sent again where it is needed again.
        run_and_push(&project, Some(("'two'", "'one'")));
        is_sound(&place, "main", "one");
    }
}

#[test]
fn what_another_branch_shares_stays_and_goes_with_the_last_one() {
    for place in Place::each() {
        let project = place.project();
        run_and_push(&project, None);
        project.kptn(&["push", "--to", "release"]).succeeds();
        run_and_push(&project, Some(("'one'", "'two'")));
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        is_sound(&place, "release", "one");
        is_sound(&place, "main", "two");
        for key in place.kind("refs").into_iter().chain(place.kind("history")) {
            if key.contains("/release") {
                place.remove(&key);
            }
        }
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        assert_eq!(place.kind("objects").len(), 1);
        is_sound(&place, "main", "two");
    }
}

#[test]
fn half_empty_packs_are_packed_again() {
    for place in Place::each() {
        // Three tasks' records and files in the first pack, of which one stays.
        let project = place.project();
        project.write(
            "B.py",
            python_task("B", "(output_dir / 'b.txt').write_bytes(__import__('os').urandom(300000))"),
        );
        project.kptn(&["run"]).succeeds();
        project.kptn(&["push"]).succeeds();
        let first = place.kind("packs");
        project.write("B.py", python_task("B", "(output_dir / 'b.txt').write_text('b')"));
        project.kptn(&["run"]).succeeds();
        project.kptn(&["push"]).succeeds();
        let told = collect(&project, &NOW);
        assert!(amount(&told, "repacked") > 0, "{told}");
        // Readers find it in the new pack already.
        project.kptn(&["fsck", "--remote", "--full"]).succeeds();
        collect(&project, &NOW);
        assert!(place.kind("packs").iter().all(|key| !first.contains(key)), "the first pack is gone");
        let sizes: usize = place
            .keys()
            .iter()
            .filter(|(key, _)| key.starts_with("packs/"))
            .map(|(_, bytes)| bytes.len())
            .sum();
        assert!(sizes < 100_000, "{sizes}");
        let fresh = place.project();
        fresh.write("B.py", project.read("B.py"));
        fresh.kptn(&["fsck", "--remote", "--full"]).succeeds();
        fresh.kptn(&["pull"]).succeeds();
        assert_eq!(fresh.not_fresh(), "");
        fresh.kptn(&["restore"]).succeeds();
        assert_eq!(fresh.read_output("a.txt"), "one".repeat(1_000_000));
        assert_eq!(fresh.read_output("b.txt"), "b");
    }
}

/// A record that nobody needs may stay in a pack that stays; what it names is gone all the same.
#[test]
fn a_record_that_is_still_there_does_not_stand_for_what_it_needs() {
    for place in Place::each() {
        let project = place.project();
        let steady = "import random; (output_dir / 'b.txt').write_bytes(random.Random(1).randbytes(300000))";
        project.write("B.py", python_task("B", steady));
        run_and_push(&project, None);
        run_and_push(&project, Some(("'one'", "'two'")));
        for _ in 0..2 {
            collect(&project, &NOW);
        }
        assert_eq!(place.kind("objects").len(), 1);
        project.edit("A.py", "'two'", "'one'");
        project.kptn(&["run"]).succeeds();
        assert_eq!(project.ran(), "", "its result is known here");
        project.kptn(&["push"]).succeeds();
        let fresh = place.project();
        fresh.write("B.py", python_task("B", steady));
        fresh.kptn(&["fsck", "--remote", "--full"]).succeeds();
        fresh.kptn(&["pull"]).succeeds();
        fresh.kptn(&["restore"]).succeeds();
        assert_eq!(fresh.read_output("a.txt"), "one".repeat(1_000_000));
    }
}

#[test]
fn ages_are_by_the_clock_of_the_server() {
    use std::time::Duration;
    let place = Place::Bucket(S3::start());
    let Place::Bucket(s3) = &place else { return };
    let days = |n: u64| Duration::from_secs(n * 24 * 60 * 60);
    const A_DAY: [&str; 7] = ["gc", "--remote", "--yes", "--keep", "1d", "--grace", "1d"];
    for (ahead, behind) in [(0, 400), (400, 0)] {
        s3.put_clock(days(ahead), days(behind));
        let project = place.project();
        run_and_push(&project, None);
        run_and_push(&project, Some(("'one'", "'two'")));
        // By this machine's clock all of it is old, or of the future.
        assert_eq!(amount(&collect(&project, &A_DAY), "announced"), 0);
        s3.put_clock(days(ahead + 3), days(behind));
        assert!(amount(&collect(&project, &A_DAY), "announced") > 0);
        assert_eq!(amount(&collect(&project, &A_DAY), "deleted"), 0);
        s3.put_clock(days(ahead + 5), days(behind));
        assert!(amount(&collect(&project, &A_DAY), "deleted") > 0);
        is_sound(&place, "main", "two");
        for key in place.keys().keys() {
            place.remove(key);
        }
    }
}

#[test]
fn other_projects_of_the_remote_keep_what_they_have() {
    for place in Place::each() {
        let named = |name: &str| {
            let project = place.project();
            let yaml = project.read("kptn.yaml");
            project.write("kptn.yaml", format!("{yaml}\nsettings: {{project: {name}}}\n"));
            project
        };
        let (one, two) = (named("survey"), named("census"));
        run_and_push(&one, Some(("'one'", "'six'")));
        run_and_push(&two, None);
        run_and_push(&two, Some(("'one'", "'two'")));
        for _ in 0..3 {
            collect(&two, &NOW);
        }
        let other = named("survey");
        other.edit("A.py", "'one'", "'six'");
        other.kptn(&["fsck", "--remote", "--full"]).succeeds().prints("2 branches");
        other.kptn(&["pull"]).succeeds();
        other.kptn(&["restore"]).succeeds();
        assert_eq!(other.read_output("a.txt"), "six".repeat(1_000_000));
        let own = place.kind("objects").len();
        assert_eq!(own, 2, "one for each project");
    }
}

#[test]
fn who_may_not_delete_is_told_before_anything_is_written() {
    for place in Place::each() {
        let project = moved_on(&place);
        let before = place.keys();
        let reader = place.project_with(", writable: false");
        reader.kptn(&NOW).exits(2).says("writable: false");
        if let Place::Bucket(s3) = &place {
            s3.refuse_deletes(true);
            project.kptn(&NOW).exits(4).says("does not allow to remove").says("s3:DeleteObject");
            s3.refuse_deletes(false);
        }
        let mut after = place.keys();
        after.retain(|key, _| !key.starts_with("probe/"));
        assert_eq!(after, before);
    }
}

#[test]
fn a_remote_of_the_first_format_is_read_and_raised_by_its_first_collection() {
    for place in Place::each() {
        let project = moved_on(&place);
        let old = br#"{"format":1,"min_reader":1,"min_writer":1,"more":"kept"}"#;
        place.put("kptn.json", old);
        run_and_push(&project, Some(("'two'", "'ten'")));
        project.kptn(&["fsck", "--remote"]).succeeds();
        assert_eq!(place.keys()["kptn.json"], old);
        for _ in 0..2 {
            collect(&project, &NOW);
        }
        let raised: serde_json::Value = serde_json::from_slice(&place.keys()["kptn.json"]).expect("JSON");
        assert_eq!(raised["min_writer"], 2);
        assert_eq!(raised["more"], "kept");
        is_sound(&place, "main", "ten");
    }
}

#[test]
fn what_this_kptn_does_not_know_is_left_alone() {
    for place in Place::each() {
        let project = moved_on(&place);
        place.put("notes/mine.txt", b"not kptn's");
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        assert!(place.keys().contains_key("notes/mine.txt"));
        is_sound(&place, "main", "two");
    }
}

#[test]
fn what_an_interrupted_push_was_writing_in_a_folder_goes_after_the_grace_time() {
    let place = Place::each().into_iter().next().expect("a folder");
    let project = moved_on(&place);
    let left = ["packs/0123#1", "objects/ab/cdef#12", "index/head#1", "kptn.json#2"];
    left.iter().for_each(|key| place.put(key, b"half of it"));
    place.put("notes/mine#1", b"not kptn's");
    project.kptn(&["fsck", "--remote"]).succeeds().prints("4 keys (40 B) that nothing names");
    project.kptn(&["gc", "--remote", "--yes"]).succeeds();
    assert!(left.iter().all(|key| place.keys().contains_key(*key)), "they are young");
    project.kptn(&["gc", "--remote", "--grace", "0d"]).succeeds().prints("4 keys (40 B) would be deleted");
    assert!(left.iter().all(|key| place.keys().contains_key(*key)), "a dry run removes nothing");
    project.kptn(&["gc", "--remote", "--yes", "--grace", "0d"]).succeeds().prints("4 keys (40 B) deleted");
    assert!(!left.iter().any(|key| place.keys().contains_key(*key)));
    assert!(place.keys().contains_key("notes/mine#1"));
    // Also where nothing can be written: that may be why there is no room.
    place.put("packs/0123#1", b"half of it");
    let Place::Folder(folder) = &place else { return };
    std::fs::remove_dir(folder.path().join("team/probe")).expect("an empty folder");
    place.put("probe", b"a file is where a folder has to be");
    project.kptn(&["gc", "--remote", "--yes", "--grace", "0d"]).exits(4);
    assert!(!place.keys().contains_key("packs/0123#1"));
    place.remove("probe");
    is_sound(&place, "main", "two");
}
