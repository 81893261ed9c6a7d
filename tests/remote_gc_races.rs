//! Collections at a remote beside pushes and beside each other: killed and frozen anywhere, nothing needed goes.

#![cfg(feature = "failpoints")]

use kptn::model::RemoteSettings;
use kptn::remote::{Absent, block_on, open};

use super::remote_gc::{NOW, collect, is_sound, moved_on, run_and_push};
use crate::support::{Place, Project, Running};

/// At `two`, with all that `one` needs still there, and needed by no branch.
fn back_at_one(place: &Place) -> Project {
    let project = moved_on(place);
    project.edit("A.py", "'two'", "'one'");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "", "its result is known here");
    project
}

const PUSH: [&str; 4] =
    ["remote.send.written", "remote.send.named", "remote.push.announced", "remote.push.looked"];

#[test]
fn a_push_that_is_frozen_across_both_steps_ends_with_all_it_needs() {
    for point in PUSH {
        for place in Place::each() {
            let project = back_at_one(&place);
            let collector = place.project();
            // It relies on objects of `one` that nothing else needs.
            let push = Running::frozen(&project, &["push"], point);
            for _ in 0..3 {
                collect(&collector, &NOW);
            }
            let (code, messages) = push.thaw();
            assert_eq!(code, Some(0), "{point}: {messages}");
            is_sound(&place, "main", "one");
            for _ in 0..3 {
                collect(&collector, &NOW);
            }
            is_sound(&place, "main", "one");
        }
    }
}

#[test]
fn a_push_to_a_new_branch_that_is_frozen_across_both_steps_does_too() {
    for point in PUSH {
        let place = Place::each().into_iter().next().expect("a folder");
        let project = back_at_one(&place);
        let push = Running::frozen(&project, &["push", "--to", "other"], point);
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        let (code, messages) = push.thaw();
        assert_eq!(code, Some(0), "{point}: {messages}");
        is_sound(&place, "other", "one");
        is_sound(&place, "main", "two");
    }
}

#[test]
fn what_is_announced_is_sent_again_by_whoever_needs_it() {
    for place in Place::each() {
        let project = back_at_one(&place);
        collect(&project, &NOW);
        let sent = project.kptn(&["push", "--json"]).succeeds().json();
        assert!(sent["bytes"].as_u64() > Some(3_000_000), "the large file goes again: {sent}");
        is_sound(&place, "main", "one");
        for _ in 0..3 {
            collect(&project, &NOW);
            is_sound(&place, "main", "one");
        }
    }
}

const GC: [&str; 6] = [
    "remote.gc.copied",
    "remote.gc.listed",
    "remote.gc.announced",
    "remote.gc.marked",
    "remote.gc.unnamed",
    "remote.gc.deleting",
];

#[test]
fn a_collection_that_is_killed_anywhere_leaves_the_remote_whole_and_the_next_goes_on() {
    for point in GC.into_iter().chain(["remote.gc.deleted"]) {
        for place in Place::each() {
            let project = moved_on(&place);
            for _ in 0..2 {
                project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &NOW);
                project.kptn(&["fsck", "--remote", "--full"]).succeeds();
            }
            for _ in 0..5 {
                collect(&project, &NOW);
            }
            assert_eq!(place.kind("objects").len(), 1, "{point}");
            assert_eq!(place.kind("gc"), [""; 0], "{point}");
            run_and_push(&project, Some(("'two'", "'one'")));
            is_sound(&place, "main", "one");
        }
    }
}

#[test]
fn a_collection_that_is_frozen_anywhere_deletes_nothing_that_came_since() {
    for point in GC {
        for place in Place::each() {
            let project = moved_on(&place);
            // Two steps lie before the later points.
            if ["remote.gc.marked", "remote.gc.unnamed", "remote.gc.deleting"].contains(&point) {
                collect(&project, &NOW);
            }
            let gc = Running::frozen(&project, &NOW, point);
            let other = place.project();
            other.kptn(&["pull", "--force"]).succeeds();
            collect(&other, &NOW);
            // The same objects as those that are about to go, from a machine that has them.
            run_and_push(&project, Some(("'two'", "'one'")));
            for _ in 0..2 {
                collect(&other, &NOW);
            }
            run_and_push(&project, Some(("'one'", "'two'")));
            project.edit("A.py", "'two'", "'one'");
            run_and_push(&project, None);
            let (code, messages) = gc.thaw();
            // Of two collections one may give up.
            assert!([Some(0), Some(3)].contains(&code), "{point}: {messages}");
            project.kptn(&["fsck", "--remote", "--full"]).succeeds();
            for _ in 0..3 {
                collect(&project, &NOW);
            }
            is_sound(&place, "main", "one");
        }
    }
}

#[test]
fn collections_and_pushes_at_once_all_end_well() {
    for place in Place::each() {
        let project = moved_on(&place);
        let others: Vec<_> = (0..3).map(|_| place.project()).collect();
        for round in 0..3 {
            let (old, new) = if round % 2 == 0 { ("'two'", "'one'") } else { ("'one'", "'two'") };
            project.edit("A.py", old, new);
            project.kptn(&["run"]).succeeds();
            let running: Vec<_> = others.iter().map(|other| other.start(&NOW)).collect();
            project.kptn(&["push"]).succeeds();
            for gc in running {
                let (code, _, messages) = gc.wait();
                assert!([Some(0), Some(3)].contains(&code), "{messages}");
            }
            is_sound(&place, "main", new.trim_matches('\''));
        }
    }
}

#[test]
fn what_another_process_is_writing_in_a_folder_is_no_leftover() {
    let place = Place::each().into_iter().next().expect("a folder");
    let Place::Folder(folder) = &place else { return };
    let project = moved_on(&place);
    let url = format!("file://{}", folder.path().join("team").display());
    let settings = RemoteSettings { url, ..RemoteSettings::default() };
    let bucket = open(&settings, Absent::Fail).expect("a remote");
    let mut left = 3;
    let piece = || {
        left -= 1;
        // Its file is there, and not yet at its key.
        if left == 1 {
            place.put("packs/0123#1", b"half of it");
            project.kptn(&NOW).succeeds();
            assert!(place.keys().contains_key("packs/0123#1"), "it cannot be told whose that is");
        }
        Ok((left > 0).then(|| vec![7; 9_000_000]))
    };
    block_on(bucket.write_pieces("objects/1", piece)).expect("it is written");
    assert_eq!(place.keys()["objects/1"].len(), 18_000_000);
    drop(bucket);
    place.remove("objects/1");
    collect(&project, &NOW);
    assert!(!place.keys().contains_key("packs/0123#1"), "nobody writes now");
    is_sound(&place, "main", "two");
}

#[test]
fn tries_and_pushes_at_once_in_a_folder_that_is_no_remote_yet_all_end_well() {
    for _ in 0..6 {
        let place = Place::each().into_iter().next().expect("a folder");
        let Place::Folder(folder) = &place else { return };
        std::fs::create_dir(folder.path().join("team")).expect("a folder");
        let others: Vec<_> = (0..4).map(|_| place.project()).collect();
        let pushing = place.project();
        pushing.kptn(&["run"]).succeeds();
        let push = pushing.start(&["push"]);
        let running: Vec<_> =
            (0..4).flat_map(|_| &others).map(|other| other.start(&["remote", "check"])).collect();
        for check in running {
            let (code, _, messages) = check.wait();
            assert_eq!(code, Some(0), "{messages}");
        }
        let (code, _, messages) = push.wait();
        assert_eq!(code, Some(0), "{messages}");
        is_sound(&place, "main", "one");
    }
}
