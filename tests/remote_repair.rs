//! `push --repair`: what a remote is found by is lost or damaged, and is put right from a machine that knows it.

use crate::remote_gc::{NOW, moved_on};
use crate::support::{Place, Project, python_task};

const FULL: [&str; 4] = ["fsck", "--remote", "team", "--full"];
const REPAIR: [&str; 3] = ["push", "team", "--repair"];

/// A project whose state is at the remote.
fn pushed(place: &Place) -> Project {
    let project = place.project();
    project.kptn(&["run"]).succeeds();
    project.kptn(&["push"]).succeeds();
    project
}

/// Returns a B that writes a word.
fn b(word: &str) -> String {
    python_task("B", &format!("(output_dir / 'b.txt').write_text('{word}')"))
}

fn part(place: &Place) -> String {
    place.kind("index").into_iter().find(|key| key != "index/head").expect("a part")
}

/// Asserts that the remote is whole, and that a machine that never saw it gets everything.
#[track_caller]
fn is_whole(place: &Place, project: &Project) {
    project.kptn(&FULL).succeeds();
    let other = place.project();
    other.kptn(&["pull"]).succeeds();
    other.kptn(&["restore"]).succeeds();
    assert_eq!(other.read_output("a.txt"), "one".repeat(1_000_000));
}

/// Returns what was set aside of a key.
fn aside(place: &Place, key: &str) -> Vec<Vec<u8>> {
    let begins = format!("damaged/{key}-");
    place.keys().into_iter().filter(|(key, _)| key.starts_with(&begins)).map(|(_, bytes)| bytes).collect()
}

#[test]
fn a_lost_or_damaged_part_of_the_index_is_seen_by_who_has_a_copy_and_comes_from_it() {
    for place in Place::each() {
        let project = pushed(&place);
        let key = part(&place);
        let whole = place.keys()[&key].clone();
        let mut flipped = whole.clone();
        flipped[20] ^= 1;
        for (bytes, quick) in [(None, 1), (Some(&whole[..9]), 1), (Some(&[][..]), 1), (Some(&flipped), 0)] {
            match bytes {
                Some(bytes) => place.put(&key, bytes),
                None => place.remove(&key),
            }
            project.kptn(&["fsck", "--remote"]).exits(quick);
            project.kptn(&FULL).exits(1).prints(&key).prints("push team --repair");
            place.project().kptn(&["pull"]).exits(4).says(&key).says("`kptn push --repair`");
            let before = place.keys();
            project.kptn(&["push", "team", "--repair", "-n"]).succeeds().says(&key).says("to mend:");
            assert_eq!(place.keys(), before, "a dry run writes nothing");
            project.kptn(&REPAIR).succeeds().says(&key).says("comes from the copy of it here");
            assert_eq!(place.keys()[&key], whole);
            if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                assert!(aside(&place, &key).contains(&bytes.to_vec()));
            }
            is_whole(&place, &project);
        }
    }
}

#[test]
fn a_part_that_nobody_has_a_copy_of_is_put_together_from_the_keys() {
    for place in Place::each() {
        let project = pushed(&place);
        // What somebody else alone has, in another branch.
        let other = place.project();
        other.git(&["switch", "-qc", "other"]);
        let other = other.file("B.py", b("alone"));
        other.commit("second");
        other.kptn(&["run"]).succeeds();
        other.kptn(&["push"]).succeeds();
        drop(other);
        place.kind("index").into_iter().filter(|key| key != "index/head").for_each(|key| place.remove(&key));
        std::fs::remove_dir_all(project.path(".git/kptn/remotes")).expect("copies");
        project.kptn(&["pull"]).exits(4).says("`kptn push --repair`");
        project.kptn(&REPAIR).succeeds().says("no copy of it is here").says("from what is there");
        is_whole(&place, &project);
        let third = place.project();
        third.kptn(&["pull", "--from", "other"]).succeeds();
        third.kptn(&["restore", "B"]).succeeds();
        assert_eq!(third.read_output("b.txt"), "alone");
        project.kptn(&REPAIR).succeeds().says("has all of it already");
    }
}

#[test]
fn an_index_that_is_gone_comes_back_and_an_announced_collection_goes_on() {
    for place in Place::each() {
        let project = moved_on(&place);
        project.kptn(&NOW).succeeds().prints("announced");
        place.kind("index").iter().for_each(|key| place.remove(key));
        std::fs::remove_dir_all(project.path(".git/kptn/remotes")).expect("copies");
        project.kptn(&REPAIR).succeeds().says("`index/head` was gone and is put together anew");
        let head: serde_json::Value = serde_json::from_slice(&place.keys()["index/head"]).expect("JSON");
        assert_eq!(head["gc"]["epoch"], 2, "larger than all that were given");
        let list = head["gc"]["list"].as_str().expect("the list");
        assert_eq!(place.kind("gc"), [format!("gc/{list}")]);
        for _ in 0..3 {
            project.kptn(&NOW).succeeds();
            project.kptn(&FULL).succeeds();
        }
        let other = place.project();
        other.kptn(&["pull"]).succeeds();
        other.kptn(&["restore"]).succeeds();
        assert_eq!(other.read_output("a.txt"), "two".repeat(1_000_000));
    }
}

#[test]
fn a_head_a_format_and_a_branch_that_are_damaged_empty_or_gone_are_put_right() {
    for place in Place::each() {
        let project = pushed(&place);
        let branch = place.kind("refs")[0].clone();
        for key in ["index/head", "kptn.json", branch.as_str()] {
            let whole = place.keys()[key].clone();
            for bytes in [None, Some(&[][..]), Some(&whole[..whole.len() / 2]), Some(&b"{}"[..])] {
                match bytes {
                    Some(bytes) => place.put(key, bytes),
                    None => place.remove(key),
                }
                assert_ne!(place.project().kptn(&["pull"]).code, Some(0), "{key}");
                let mut said = project.kptn(&REPAIR).succeeds();
                said =
                    said.says(&format!("`{key}` was {}", if bytes.is_some() { "damaged" } else { "gone" }));
                if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                    said = said.says("what stood there is at `damaged/");
                    assert!(aside(&place, key).contains(&bytes.to_vec()), "{}", said.whole());
                }
                is_whole(&place, &project);
            }
        }
        project.kptn(&REPAIR).succeeds().says("has all of it already");
    }
}

#[test]
fn a_branch_without_a_history_or_with_a_snapshot_that_is_nowhere_has_what_is_here() {
    for place in Place::each() {
        let project = pushed(&place);
        let branch = place.kind("refs")[0].clone();
        let whole = String::from_utf8(place.keys()[&branch].clone()).expect("JSON");
        let at = whole.find("\"snapshot\":\"").expect("a snapshot") + 12;
        let nowhere = format!("{}{}{}", &whole[..at], "0".repeat(64), &whole[at + 64..]);
        place.put(&branch, nowhere.as_bytes());
        place.project().kptn(&["pull"]).exits(4).says("`kptn push --repair`");
        project.kptn(&REPAIR).succeeds().says("which cannot be had").says("it has again what");
        is_whole(&place, &project);
        for bytes in [nowhere.as_bytes(), b"half"] {
            place.kind("history").iter().for_each(|key| place.remove(key));
            place.put(&branch, bytes);
            project.kptn(&REPAIR).succeeds().says("so is all that it had before");
            is_whole(&place, &project);
            assert!(aside(&place, &branch).contains(&bytes.to_vec()));
        }
    }
}

#[test]
fn what_others_pushed_is_not_lost_with_the_ref() {
    for place in Place::each() {
        let project = pushed(&place);
        let other = place.project();
        other.kptn(&["pull"]).succeeds();
        let other = other.file("B.py", b("theirs"));
        other.commit("second");
        other.kptn(&["run"]).succeeds();
        other.kptn(&["push"]).succeeds();
        let branch = place.kind("refs")[0].clone();
        place.put(&branch, b"");
        project.kptn(&REPAIR).succeeds().says("(generation 2)");
        let third = place.project();
        third.kptn(&["pull"]).succeeds();
        third.kptn(&["restore", "B"]).succeeds();
        assert_eq!(third.read_output("b.txt"), "theirs");
    }
}

#[test]
fn a_format_that_is_lost_is_never_made_lower() {
    for place in Place::each() {
        let project = pushed(&place);
        place.put("kptn.json", br#"{"format":3,"min_reader":3,"min_writer":3}"#);
        place.remove("kptn.json");
        project.kptn(&["run", "-f", "B"]).succeeds();
        project.kptn(&["push"]).succeeds();
        let format = String::from_utf8(place.keys()["kptn.json"].clone()).expect("JSON");
        assert!(!format.contains("\"format\":2"), "what is there may need more: {format}");
        is_whole(&place, &project);
    }
}

#[test]
fn a_lost_pack_is_an_error_that_names_a_way_out_and_leaves_the_index_where_nothing_needs_it() {
    for place in Place::each() {
        let project = pushed(&place);
        let old = place.kind("packs");
        let project = project.file("B.py", b("new"));
        project.commit("second");
        project.kptn(&["run", "-f"]).succeeds();
        project.kptn(&["push"]).succeeds();
        for key in place.kind("packs") {
            place.remove(&key);
        }
        let refused = place.project().kptn(&["pull"]).exits(4);
        refused.says("is damaged: it is not there").says("`kptn push --repair`");
        project.kptn(&REPAIR).succeeds().says(&format!("`{}` was lost", old[0])).says("drops it");
        is_whole(&place, &project);
    }
}

#[test]
fn a_check_leaves_nothing_and_a_push_scatters_nothing_where_others_have_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::Folder(folder);
    let Place::Folder(folder) = &place else { return };
    let (team, project) = (folder.path().join("team"), place.project());
    let names = || {
        let names = std::fs::read_dir(&team).expect("the folder").map(|one| one.expect("one").file_name());
        names.map(|name| name.display().to_string()).collect::<Vec<_>>()
    };
    std::fs::create_dir(&team).expect("a folder");
    project.kptn(&["run"]).succeeds();
    project.kptn(&["remote", "check"]).succeeds();
    assert_eq!(names(), [""; 0]);
    std::fs::write(team.join("thesis.docx"), "mine").expect("a file");
    project.kptn(&["push"]).exits(2).says("is not empty: it has `thesis.docx`").says("team/kptn");
    assert_eq!(names(), ["thesis.docx"]);
    std::fs::remove_file(team.join("thesis.docx")).expect("gone");
    std::fs::create_dir(team.join("lost+found")).expect("a folder");
    project.kptn(&["push"]).succeeds();
    project.kptn(&["remote", "check"]).succeeds();
    let locks = std::fs::read_dir(team.join("locks")).expect("locks").flatten();
    assert!(!locks.into_iter().any(|lock| lock.file_name().display().to_string().contains("probe")));
    std::fs::remove_dir_all(&team).expect("gone");
    std::fs::write(&team, "a file").expect("a file");
    for words in [&["push"][..], &["pull"], &["fsck", "--remote"]] {
        project.kptn(words).exits(2).says("there is a file, and a remote is a folder");
    }
    std::fs::remove_file(&team).expect("gone");
    std::os::unix::fs::symlink("/no/such/place", &team).expect("a link");
    project.kptn(&["push"]).exits(2).says("a link to `/no/such/place`, which is not there");
}

#[test]
fn what_the_system_says_of_a_folder_is_said_once() {
    let place = Place::each().into_iter().next().expect("a folder");
    let project = pushed(&place);
    place.kind("packs").iter().for_each(|key| place.remove(key));
    let Place::Folder(folder) = &place else { return };
    let packs = folder.path().join("team/packs");
    std::fs::remove_dir(&packs).expect("an empty folder");
    std::fs::write(&packs, "a file").expect("a file");
    project.edit("B.py", "[:9]", "[:8]");
    project.kptn(&["run"]).succeeds();
    let said = project.kptn(&["push"]).exits(4).never_says("Generic LocalFileSystem");
    assert_eq!(said.whole().matches("os error").count(), 1, "{}", said.whole());
}
