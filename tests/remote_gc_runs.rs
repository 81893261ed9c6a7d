//! Collections at a remote beside runs that several machines carry out: what workers wrote stays until that is closed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::remote_gc::{NOW, amount, collect, is_sound, run_and_push};
use crate::support::s3::S3;
use crate::support::{Place, Project};

/// What the worker of an open run wrote, as only keys tell of it: a push that has not touched the index and the branch.
struct Worker {
    /// Keys that its part names.
    objects: BTreeSet<String>,
    /// The part.
    part: (String, Vec<u8>),
}

impl Worker {
    /// Has A write a word, and puts what that left at the remote, objects alone.
    fn writes(place: &Place, project: &Project, edit: Option<(&str, &str)>) -> Self {
        let before = place.keys();
        run_and_push(project, edit);
        let after = place.keys();
        let new = |kind: &str| {
            let of_kind = after.iter().filter(|(key, _)| key.starts_with(kind) && !before.contains_key(*key));
            of_kind.map(|(key, bytes)| (key.clone(), bytes.clone())).collect::<BTreeMap<_, _>>()
        };
        let mut objects: BTreeSet<String> = new("packs/").into_keys().collect();
        objects.extend(new("objects/").into_keys());
        let parts = new("index/");
        assert_eq!(parts.len(), 1, "one part, which is put together with no other");
        let (key, bytes) = parts.into_iter().next().expect("a part");
        let mut moved: Vec<String> = new("history/").into_keys().collect();
        moved.extend(after.keys().filter(|key| key.starts_with("refs/")).cloned());
        moved.extend(["index/head".to_owned(), key.clone()]);
        for key in &moved {
            match before.get(key) {
                Some(bytes) => place.put(key, bytes),
                None => place.remove(key),
            }
        }
        let part = (key.replacen("index/", "runs/r1/parts/", 1), bytes);
        Self { objects, part }
    }

    /// It says where that is, and that it is done.
    fn reports(&self, place: &Place) {
        place.put("runs/r1/plan.json", b"{}");
        place.put(&self.part.0, &self.part.1);
        place.put("runs/r1/tasks/A/done", b"{}");
    }

    /// Whoever closes the run puts it into the index as that is now, and moves the branch.
    fn is_closed(&self, place: &Place, project: &Project) {
        let keys = place.keys();
        let gone: Vec<_> = self.objects.iter().filter(|key| !keys.contains_key(*key)).collect();
        assert_eq!(gone, [""; 0], "who closes cannot send again what others made");
        // Its machine has all of it; that nothing is sent again is what the keys above say.
        project.kptn(&["push"]).succeeds();
        place.put("runs/r1/closed", b"{}");
    }
}

/// A remote with a branch at `one`, and a project that is there.
fn at_one(place: &Place) -> Project {
    let project = place.project();
    run_and_push(&project, None);
    project
}

fn objects(place: &Place) -> BTreeSet<String> {
    place.kind("objects").into_iter().chain(place.kind("packs")).collect()
}

#[test]
fn what_an_open_run_names_stays_and_a_close_finds_it() {
    for place in Place::each() {
        let project = at_one(&place);
        let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
        worker.reports(&place);
        let report = project.kptn(&["fsck", "--remote", "--json"]).succeeds().json();
        assert_eq!((report["runs"].as_u64(), amount(&report, "unnamed")), (Some(1), 0), "{report}");
        for _ in 0..4 {
            collect(&project, &NOW);
            assert!(objects(&place).is_superset(&worker.objects));
        }
        assert_eq!(place.kind("runs").len(), 3);
        is_sound(&place, "main", "one");
        worker.is_closed(&place, &project);
        is_sound(&place, "main", "two");
        for _ in 0..4 {
            collect(&project, &NOW);
        }
        assert_eq!(place.kind("runs"), [""; 0]);
        assert_eq!(place.kind("objects").len(), 1);
        is_sound(&place, "main", "two");
    }
}

#[test]
fn what_only_a_run_that_is_closed_names_goes() {
    for place in Place::each() {
        let project = at_one(&place);
        // Of two workers that did the same, one counts; here it is none.
        let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
        worker.reports(&place);
        place.put("runs/r1/closed", b"{}");
        place.put("runs/notes.txt", b"nobody's");
        let told =
            project.kptn(&["gc", "--remote", "--keep", "0d", "--grace", "0d", "--json"]).succeeds().json();
        assert_eq!(amount(&told, "deleted"), 4, "{told}");
        assert_eq!(place.kind("runs").len(), 5, "a dry run deletes nothing");
        // It is young: who closes it may ask for it once more.
        collect(&project, &["gc", "--remote", "--yes", "--keep", "0d"]);
        assert_eq!(place.kind("runs").len(), 5);
        let report = project.kptn(&["fsck", "--remote", "--json"]).succeeds().json();
        assert!(report["runs"].as_u64() == Some(0) && amount(&report, "unnamed") > 4, "{report}");
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        assert_eq!(place.kind("runs"), ["runs/notes.txt"]);
        assert!(objects(&place).is_disjoint(&worker.objects));
        is_sound(&place, "main", "one");
    }
}

#[test]
fn a_run_that_nobody_closed_goes_once_it_was_silent_for_long() {
    let place = Place::Bucket(S3::start());
    let Place::Bucket(s3) = &place else { return };
    let project = at_one(&place);
    let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
    worker.reports(&place);
    let days = |n: u64| s3.put_clock(Duration::from_secs(n * 24 * 60 * 60), Duration::ZERO);
    days(29);
    place.put("runs/r1/tasks/B/done", b"{}");
    days(58);
    for _ in 0..3 {
        collect(&project, &NOW);
    }
    assert!(objects(&place).is_superset(&worker.objects), "somebody wrote to it 29 days ago");
    days(60);
    let kept = ["gc", "--remote", "--yes", "--keep", "90d", "--grace", "0d"];
    for _ in 0..3 {
        collect(&project, &kept);
    }
    assert!(objects(&place).is_superset(&worker.objects), "what is kept of history is kept of runs");
    for _ in 0..3 {
        collect(&project, &NOW);
    }
    assert!(objects(&place).is_disjoint(&worker.objects));
    assert_eq!(place.kind("runs"), [""; 0]);
    is_sound(&place, "main", "one");
}

#[test]
fn a_worker_that_was_late_with_its_part_is_seen_by_the_second_mark() {
    for place in Place::each() {
        let project = at_one(&place);
        let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
        let announced = collect(&project, &NOW);
        assert!(amount(&announced, "announced") >= worker.objects.len() as u64, "nobody names them");
        worker.reports(&place);
        let report = collect(&project, &NOW);
        assert!(report["returned"].as_u64() >= Some(worker.objects.len() as u64), "{report}");
        for _ in 0..3 {
            collect(&project, &NOW);
        }
        worker.is_closed(&place, &project);
        is_sound(&place, "main", "two");
    }
}

#[test]
fn a_part_that_cannot_be_read_stops_a_collection_and_is_told() {
    for place in Place::each() {
        let project = at_one(&place);
        let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
        worker.reports(&place);
        let (key, bytes) = &worker.part;
        for (key, bytes, problem) in [
            (key.clone(), &bytes[..bytes.len() / 2], "its bytes are not its own"),
            (
                format!("runs/r1/parts/{}", blake3::hash(b"no part")),
                &b"no part"[..],
                "it is no part of an index",
            ),
        ] {
            place.put(&key, bytes);
            let before = place.keys();
            project.kptn(&NOW).exits(4).says("is not whole").says(problem);
            assert_eq!(
                objects(&place),
                before
                    .keys()
                    .filter(|key| key.starts_with("objects/") || key.starts_with("packs/"))
                    .cloned()
                    .collect()
            );
            project.kptn(&["fsck", "--remote"]).exits(1).prints(problem);
            place.remove(&key);
        }
        worker.reports(&place);
        collect(&project, &NOW);
        worker.is_closed(&place, &project);
        is_sound(&place, "main", "two");
    }
}

#[test]
fn what_a_run_holds_outlives_a_repair_of_the_index() {
    for place in Place::each() {
        let project = at_one(&place);
        let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
        worker.reports(&place);
        let other = place.project();
        other.kptn(&["pull"]).succeeds();
        place.remove("index/head");
        other.kptn(&["push", "--repair"]).succeeds();
        is_sound(&place, "main", "one");
        for _ in 0..3 {
            collect(&other, &NOW);
        }
        worker.is_closed(&place, &project);
        is_sound(&place, "main", "two");
    }
}

/// At every point of a collection.
#[cfg(feature = "failpoints")]
mod killed {
    use super::*;
    use crate::support::Running;

    const POINTS: [&str; 8] = [
        "remote.gc.copied",
        "remote.gc.listed",
        "remote.gc.announced",
        "remote.gc.runs",
        "remote.gc.marked",
        "remote.gc.unnamed",
        "remote.gc.deleting",
        "remote.gc.deleted",
    ];

    #[test]
    fn a_collection_that_is_killed_anywhere_leaves_an_open_run_whole() {
        for point in POINTS {
            for place in Place::each() {
                let project = at_one(&place);
                let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
                place.put("packs/left", b"a push was cut off");
                place.put("runs/r0/closed", b"{}");
                place.put("runs/r0/tasks/A/done", b"{}");
                collect(&project, &NOW);
                worker.reports(&place);
                for _ in 0..2 {
                    place.put("packs/left", b"another was");
                    project.kptn_with(&[("KPTN_FAILPOINT", &format!("{point}=kill"))], &NOW);
                    let runs = place.kind("runs");
                    let of_other: Vec<_> = runs.iter().filter(|key| key.starts_with("runs/r0/")).collect();
                    assert!(
                        of_other.is_empty() || of_other.iter().any(|key| key.ends_with("closed")),
                        "{point}"
                    );
                    project.kptn(&["fsck", "--remote", "--full"]).succeeds();
                }
                worker.is_closed(&place, &project);
                is_sound(&place, "main", "two");
            }
        }
    }

    #[test]
    fn a_worker_that_reports_while_a_collection_is_frozen_is_heeded() {
        // Later the list is announced: a worker sees it, and writes anew.
        for point in ["remote.gc.copied", "remote.gc.listed"] {
            for place in Place::each() {
                let project = at_one(&place);
                let worker = Worker::writes(&place, &project, Some(("'one'", "'two'")));
                let collector = place.project();
                let gc = Running::frozen(&collector, &NOW, point);
                worker.reports(&place);
                let (code, messages) = gc.thaw();
                assert_eq!(code, Some(0), "{point}: {messages}");
                for _ in 0..4 {
                    collect(&collector, &NOW);
                }
                worker.is_closed(&place, &project);
                is_sound(&place, "main", "two");
            }
        }
    }

    #[test]
    fn what_is_written_anew_after_a_list_was_seen_is_not_on_it() {
        for point in ["remote.gc.marked", "remote.gc.unnamed", "remote.gc.deleting"] {
            for place in Place::each() {
                let project = at_one(&place);
                let late = Worker::writes(&place, &project, Some(("'one'", "'two'")));
                collect(&project, &NOW);
                let collector = place.project();
                let gc = Running::frozen(&collector, &NOW, point);
                // What its first try wrote is on the list, so it writes all of it once more.
                let again = Worker::writes(&place, &project, None);
                assert!(late.objects.is_disjoint(&again.objects), "{point}");
                late.reports(&place);
                again.reports(&place);
                let (code, messages) = gc.thaw();
                assert_eq!(code, Some(0), "{point}: {messages}");
                for _ in 0..3 {
                    collect(&collector, &NOW);
                }
                again.is_closed(&place, &project);
                is_sound(&place, "main", "two");
            }
        }
    }
}
