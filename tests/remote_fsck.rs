//! `fsck --remote`: what is lost, cut off or damaged at a remote is found and named, and what to do mends it.

use crate::support::{Output, Place, Project};

const QUICK: [&str; 2] = ["fsck", "--remote"];
const FULL: [&str; 4] = ["fsck", "--remote", "team", "--full"];

/// A project whose state is at the remote.
fn pushed(place: &Place) -> Project {
    let project = place.project();
    project.kptn(&["run"]).succeeds();
    project.kptn(&["push"]).succeeds();
    project
}

fn words(output: &Output) -> String {
    output.whole().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that a check finds something that says all of `texts`, writes nothing, and that a push mends it.
#[track_caller]
fn finds(place: &Place, project: &Project, check: &[&str], texts: &[&str]) {
    let before = place.keys();
    let found = project.kptn(check).exits(1);
    for text in texts {
        assert!(words(&found).contains(text), "`{text}` in {}", found.whole());
    }
    assert_eq!(place.keys(), before, "a check writes nothing");
    project.kptn(&["push", "team", "--repair"]).succeeds().says("again to team");
    project.kptn(&FULL).succeeds();
    let other = place.project();
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["restore"]).succeeds();
    assert_eq!(other.read_output("a.txt"), "one".repeat(1_000_000));
}

#[test]
fn a_whole_remote_is_said_to_be_and_a_reader_may_ask() {
    for place in Place::each() {
        let project = pushed(&place);
        let report = project.kptn(&["fsck", "--remote", "--full", "--json"]).succeeds().json();
        assert_eq!((report["branches"].as_u64(), report["records"].as_u64()), (Some(1), Some(2)), "{report}");
        assert_eq!(report["unnamed"]["objects"].as_u64(), Some(0), "{report}");
        project.kptn(&["push", "team", "--repair"]).succeeds().says("has all of it already");
        // Also who never had any of it.
        let reader = place.project_with(", writable: false");
        reader.kptn(&QUICK).succeeds().prints("1 branch, 2 records").prints("all whole");
        // What a cut-off push left is no problem.
        place.put("packs/0123", b"of a push that was cut off");
        place.put("index/4567", b"and its index");
        reader.kptn(&QUICK).succeeds().prints("2 keys").prints("kptn gc --remote team");
    }
}

#[test]
fn what_is_absent_or_cut_off_is_found_without_reading_it() {
    for place in Place::each() {
        let project = pushed(&place);
        for key in place.kind("packs").into_iter().chain(place.kind("objects")) {
            let whole = place.keys()[&key].clone();
            place.remove(&key);
            let holds = if key.starts_with("packs") { "it holds" } else { "output `a.txt` of `A` on `main`" };
            finds(
                &place,
                &project,
                &QUICK,
                &[&format!("`{key}`: it is not there"), holds, "push team --repair"],
            );
            place.put(&key, &whole[..whole.len() / 2]);
            // Who has nothing of it finds the same.
            let cut = format!("`{key}`: it is cut off");
            let found = place.project().kptn(&QUICK).exits(1);
            assert!(words(&found).contains(&cut), "{}", found.whole());
            finds(&place, &project, &QUICK, &[&cut, holds]);
        }
    }
}

#[test]
fn a_flipped_bit_is_found_by_reading() {
    for place in Place::each() {
        let project = pushed(&place);
        for key in place.kind("packs").into_iter().chain(place.kind("objects")) {
            let whole = place.keys()[&key].clone();
            for at in [whole.len() / 3, whole.len() - 20] {
                let mut flipped = whole.clone();
                flipped[at] ^= 0x10;
                place.put(&key, &flipped);
                project.kptn(&QUICK).succeeds();
                project.kptn(&FULL).exits(1).prints(&key).prints("1 problem");
            }
            finds(&place, &project, &FULL, &[&key]);
        }
    }
}

#[test]
fn a_branch_that_points_nowhere_and_an_index_that_is_lost_are_named() {
    for place in Place::each() {
        let project = pushed(&place);
        let branch = &place.kind("refs")[0];
        let whole = place.keys()[branch].clone();
        let text = String::from_utf8(whole.clone()).expect("JSON");
        let at = text.find("\"snapshot\":\"").expect("a snapshot") + 12;
        let nowhere = format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..]);
        place.put(branch, nowhere.as_bytes());
        project.kptn(&QUICK).exits(1).prints("the snapshot 000000").prints("of `main` is not there");
        project.kptn(&["gc", "--remote", "--yes"]).exits(4).says("is not whole, and nothing was collected");
        place.put(branch, &whole[1..]);
        project.kptn(&QUICK).exits(1).prints("/main.json").prints("damaged");
        place.put(branch, &whole);
        let part = place.kind("index").into_iter().find(|key| key != "index/head").expect("a part");
        place.remove(&part);
        place.project().kptn(&QUICK).exits(1).prints(&part).prints("nothing can be found without it");
    }
}

#[test]
fn a_newer_format_is_an_error_that_says_so() {
    for place in Place::each() {
        let project = pushed(&place);
        place.put("kptn.json", br#"{"format":9,"min_reader":9,"min_writer":9}"#);
        for words in [&QUICK[..], &["gc", "--remote"], &["gc", "--remote", "--yes"]] {
            project.kptn(words).exits(4).says("written by a newer kptn");
        }
    }
}

#[test]
fn words_that_do_not_go_together_are_refused() {
    let place = Place::each().into_iter().next().expect("a folder");
    let project = pushed(&place);
    project.kptn(&["fsck", "--full"]).exits(2);
    project.kptn(&["fsck", "--remote", "--repair"]).exits(2);
    project.kptn(&["fsck", "--remote", "taem"]).exits(2).says("did you mean `team`");
    project.kptn(&["gc", "--remote", "--max-size", "1GB"]).exits(2);
}
