//! Runs of an engine that looks for marks before it starts a machine: what `run open`, `task run` and `task bundles` say
//! to it at the remote.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Output, Place, Project, python_task, tasks_yaml};

/// `B` and `C` after `A`, `D` after both, `E` after `D`; `each` over the list after `A` too, `last` after `each`.
fn files() -> Vec<(&'static str, String)> {
    let yaml = tasks_yaml(
        "A: , B: A, C: A, D: [B, C], E: D, list: , each: [list, A], last: each, mute: A, heard: mute",
        &[
            "A: {outputs: [A.txt]}",
            "B: {outputs: [B.txt]}",
            "C: {cache_result: true}",
            "D: {outputs: [D.txt]}",
            "E: {outputs: [E.txt]}",
            "list: {cache_result: true, iterable_item: N}",
            "each: {map_over: N, outputs: ['${N}.txt']}",
            "last: {outputs: [last.txt]}",
            "mute: {}",
            "heard: {outputs: [heard.txt]}",
        ],
    );
    let each = "def each(N, output_dir):\n    (output_dir / f'{N}.txt').write_text(str(N))\n";
    let writes = |name: &str| python_task(name, &format!("(output_dir / '{name}.txt').write_text('{name}')"));
    let mut files = vec![
        ("kptn.yaml", yaml),
        (".gitignore", "scratch/\nflows/\n__pycache__/\n".to_owned()),
        ("C.py", python_task("C", "return 3")),
        ("list.py", python_task("list", "return [1, 2, 3]")),
        ("each.py", each.to_owned()),
        ("mute.py", python_task("mute", "pass")),
    ];
    let names = ["A", "B", "D", "E", "last", "heard"];
    let paths = ["A.py", "B.py", "D.py", "E.py", "last.py", "heard.py"];
    files.extend(paths.into_iter().zip(names).map(|(path, name)| (path, writes(name))));
    files
}

/// A person's machine, another one that runs tasks, and what is between them.
struct Site {
    place: Place,
    person: Project,
    worker: Project,
}

impl Site {
    fn in_a_folder() -> Self {
        Self::at(Place::Folder(tempfile::tempdir().expect("a folder")))
    }

    fn at(place: Place) -> Self {
        Self::known_as(place, "")
    }

    /// The same, where a person's `kptn.yaml` has `more`.
    fn known_as(place: Place, more: &str) -> Self {
        let url = match &place {
            Place::Folder(folder) => format!("file://{}", folder.path().join("team").display()),
            Place::Bucket(_) => "s3://bucket/team".to_owned(),
        };
        let known = |mut project: Project| {
            for (path, text) in files() {
                project = project.file(path, text);
            }
            if let Place::Bucket(s3) = &place {
                for (name, value) in s3.environment() {
                    project = project.with_env(name, &value);
                }
                project = project.with_env("AWS_REGION", "us-east-1");
            }
            project.with_env("KPTN_REMOTE", &url)
        };
        let (person, worker) = (known(Project::new()), known(Project::without_git()));
        person.write("kptn.yaml", person.read("kptn.yaml") + more);
        person.commit("first");
        let worker = worker.with_env("KPTN_BRANCH", "main").with_env("KPTN_PROJECT", "/");
        Self { place, person, worker }
    }

    fn edit(&self, path: &str, old: &str, new: &str) {
        [&self.person, &self.worker].iter().for_each(|machine| machine.edit(path, old, new));
    }

    fn open(&self, words: &[&str]) -> Run<'_> {
        self.open_for("stepfunctions", words)
    }

    fn open_for(&self, engine: &str, words: &[&str]) -> Run<'_> {
        let first = ["run", "open", "--engine", engine, "--json"];
        let report = self.person.kptn(&[&first, words].concat()).succeeds().json();
        let run = report["run"].as_str().expect("a run").to_owned();
        let tasks = report["tasks"].as_array().expect("tasks").iter();
        let tasks = tasks.map(|task| task["task"].as_str().expect("a name").to_owned()).collect();
        Run { site: self, run, tasks }
    }

    /// Runs all that is stale, as a machine does that looks for marks.
    fn run(&self) -> Vec<String> {
        let run = self.open(&[]);
        let started = run.carry_out();
        run.close().succeeds();
        started
    }

    fn outputs(&self) -> Value {
        let run = self.open_for("test", &[]);
        run.close().json()["outputs"].clone()
    }
}

struct Run<'s> {
    site: &'s Site,
    run: String,
    tasks: Vec<String>,
}

impl Run<'_> {
    /// The tasks that an engine passes over now.
    fn marked(&self) -> BTreeSet<String> {
        let above = format!("runs/{}/tasks/", self.run);
        let name = |key: String| {
            Some(key.strip_prefix(&above)?.strip_suffix("/skip")?.split('~').next()?.to_owned())
        };
        self.site.place.keys().into_keys().filter_map(name).collect()
    }

    /// Those of some tasks that are not passed over.
    fn unmarked(&self, names: &[&str]) -> Vec<String> {
        let marked = self.marked();
        names.iter().filter(|name| !marked.contains(**name)).map(ToString::to_string).collect()
    }

    fn task(&self, name: &str) -> Output {
        self.site.worker.kptn(&["task", "run", name, "--run", &self.run])
    }

    /// Starts what is not passed over, one after the other; returns what that was.
    fn carry_out(&self) -> Vec<String> {
        let mut started = Vec::new();
        for name in self.tasks.iter().filter(|name| !self.marked().contains(*name)) {
            self.task(name).succeeds();
            started.push(name.clone());
        }
        started
    }

    fn close(&self) -> Output {
        self.site.person.kptn(&["run", "close", "--run", &self.run, "--json"])
    }
}

#[test]
fn what_an_edit_spares_is_marked_by_the_task_before_it() {
    for place in Place::each() {
        let site = Site::at(place);
        assert_eq!(site.run().len(), 10, "nothing was there");
        let before = site.outputs();
        // What `A` leaves is the same: all after it is spared, also what follows a task that leaves nothing.
        site.edit("A.py", "'A'", "'a'.upper()");
        let run = site.open(&[]);
        let fresh: Vec<_> = run.unmarked(&["list"]);
        assert!(fresh.is_empty(), "what is fresh was marked when the run was opened");
        assert_eq!(run.carry_out(), ["A"]);
        let closed = run.close().succeeds().json();
        let counted = |name: &str| closed["counts"][name].as_u64().expect("a count");
        assert_eq!((counted("ran"), counted("spared"), counted("skipped")), (1, 8, 0), "{closed}");
        assert_eq!(closed["outputs"], before);
        assert_eq!(site.person.not_fresh(), "");
        site.person.kptn(&["fsck"]).succeeds();
        // The next run finds nothing to do.
        assert_eq!(site.run(), Vec::<String>::new());
    }
}

#[test]
fn of_two_tasks_before_one_the_last_to_end_marks_it() {
    let site = Site::in_a_folder();
    site.run();
    site.edit("B.py", "'B'", "'b'.upper()");
    site.edit("C.py", "return 3", "return 1 + 2");
    let run = site.open(&[]);
    assert_eq!(run.tasks, ["B", "C", "D", "E"]);
    run.task("C").succeeds();
    assert_eq!(run.unmarked(&["C", "D", "E"]), ["D", "E"], "`B` may make something else");
    run.task("B").succeeds();
    assert!(run.unmarked(&["D", "E"]).is_empty());
    // A machine that had begun meanwhile finds it done.
    run.task("D").succeeds();
    run.close().succeeds();
    assert_eq!(site.person.not_fresh(), "");

    // Both have reported before either looks: then each sees the other.
    site.edit("B.py", "'b'.upper()", "'B'.upper()");
    site.edit("C.py", "1 + 2", "2 + 1");
    let run = site.open(&[]);
    let words = ["task", "run", "B", "--run", &run.run];
    let late = crate::support::Running::frozen(&site.worker, &words, "remote.run.told");
    run.task("C").succeeds();
    assert!(run.unmarked(&["D", "E"]).is_empty(), "`B` has said what it left");
    assert_eq!(late.thaw().0, Some(0));
    run.close().succeeds();
    assert_eq!(site.person.not_fresh(), "");
}

#[test]
fn what_would_not_be_spared_is_never_marked() {
    let site = Site::in_a_folder();
    site.run();
    let all = ["B", "C", "D", "E", "each", "last"];
    // Another output.
    site.edit("A.py", "'A'", "'other'");
    let run = site.open(&[]);
    run.task("A").succeeds();
    assert_eq!(run.unmarked(&all), all);
    assert_eq!(run.carry_out(), ["B", "C", "each", "mute", "heard"], "those after `B`, `C` and `each` hold");
    run.close().succeeds();
    assert_eq!(site.person.not_fresh(), "");

    // `B` is edited too; `C` failed before, by the same code; `E` is old enough one day; `last` is said to be bad.
    site.edit("A.py", "'other'", "'oth' + 'er'");
    site.edit("B.py", "'B'", "'b'.upper()");
    site.edit("kptn.yaml", "E: {file: E.py,", "E: {file: E.py, refresh: 1000d,");
    site.person.kptn(&["invalidate", "last", "-m", "bad"]).succeeds();
    let run = site.open(&[]);
    run.task("A").succeeds();
    assert_eq!(run.unmarked(&all), ["B", "D", "E", "last"]);
    run.task("B").succeeds();
    assert_eq!(run.unmarked(&all), ["E", "last"], "`D` holds once `B` left the same");
    assert_eq!(run.carry_out(), ["E", "last"]);
    run.close().succeeds();

    // All that is meant runs.
    let run = site.open(&["-f"]);
    assert_eq!(run.carry_out().len(), 10);
    run.close().succeeds();
    assert_eq!(site.person.not_fresh(), "");
}

#[test]
fn a_task_that_failed_by_the_same_code_is_tried_again() {
    let mut site = Site::in_a_folder();
    let bad = tempfile::tempdir().expect("a folder");
    let fails = python_task(
        "B",
        "assert not os.listdir(os.environ['BAD'])\n    (output_dir / 'B.txt').write_text('B')",
    );
    [&site.person, &site.worker].iter().for_each(|machine| machine.write("B.py", &fails));
    site.worker = site.worker.with_env("BAD", &bad.path().display().to_string());
    site.run();
    std::fs::write(bad.path().join("bad"), "").expect("a mark");
    let run = site.open(&["-f", "B"]);
    run.task("B").exits(1);
    run.close().exits(1);
    site.edit("A.py", "'A'", "'a'.upper()");
    let run = site.open(&[]);
    run.task("A").succeeds();
    assert_eq!(run.unmarked(&["B", "C", "D", "E", "each", "last"]), ["B", "D", "E"]);
    run.close().exits(1);
}

#[test]
fn a_list_made_anew_spares_its_items_and_bundles_are_named() {
    let site = Site::in_a_folder();
    let run = site.open(&["--key", "morning-1"]);
    let opened = &site.place.keys()["runs/morning-1/opened.json"];
    assert_eq!(*opened, format!("{{\"run\":\"{}\"}}", run.run).into_bytes());
    ["A", "list"].iter().for_each(|name| drop(run.task(name).succeeds()));
    let report =
        site.worker.kptn(&["task", "bundles", "each", "--run", &run.run, "--json"]).succeeds().json();
    let named = &site.place.keys()[&format!("runs/{}/tasks/each/bundles.json", run.run)];
    assert_eq!(report["bundles"], serde_json::from_slice::<Value>(named).expect("JSON"));
    run.carry_out();
    run.close().succeeds();
    site.edit("list.py", "[1, 2, 3]", "[1, 2] + [3]");
    assert_eq!(site.run(), ["list"]);
    // The order of a list is nothing to its items, but whoever ends `list` does not look: a container does.
    site.edit("list.py", "[1, 2] + [3]", "[3, 2, 1]");
    assert_eq!(site.run(), ["list", "each"]);
    assert_eq!(site.person.not_fresh(), "");
}

#[test]
fn a_run_that_is_carried_out_again_starts_what_is_left() {
    let site = Site::in_a_folder();
    let run = site.open(&[]);
    ["A", "B", "list"].iter().for_each(|name| drop(run.task(name).succeeds()));
    assert_eq!(run.carry_out(), ["C", "D", "E", "each", "last", "mute", "heard"]);
    run.close().succeeds();
    assert_eq!(site.person.not_fresh(), "");
}

#[test]
fn a_mark_that_could_not_be_made_costs_a_start_and_nothing_else() {
    let site = Site::in_a_folder();
    site.run();
    site.edit("A.py", "'A'", "'a'.upper()");
    let run = site.open(&[]);
    let kill = [("KPTN_FAILPOINT", "remote.run.told=kill")];
    let killed = site.worker.kptn_with(&kill, &["task", "run", "A", "--run", &run.run]);
    assert_eq!(killed.code, None, "{}", killed.whole());
    assert_eq!(run.carry_out(), ["A", "B", "C", "each", "mute"], "what is after those was marked");
    let closed = run.close().succeeds().json();
    assert_eq!(closed["counts"]["skipped"], 0, "{closed}");
    assert_eq!(site.person.not_fresh(), "");
}

#[test]
fn only_an_engine_that_looks_is_told() {
    let site = Site::in_a_folder();
    site.run();
    site.edit("A.py", "'A'", "'a'.upper()");
    let run = site.open_for("test", &[]);
    run.task("A").succeeds();
    assert!(run.marked().is_empty());
    run.close().exits(1);
}

#[test]
fn workers_by_address_find_the_table_and_engines_what_they_read_in_the_bucket() {
    let s3 = crate::support::s3::S3::start();
    let refs = format!("dynamodb://{}", crate::support::dynamo::TABLE);
    let known =
        format!("remotes: {{team: {{url: 's3://bucket/team', refs: '{refs}', region: us-east-1}}}}\n");
    // Of the two only the person's machine is told of the table.
    let site = Site::known_as(Place::Bucket(s3), &known);
    let run = site.open(&["--key", "night"]);
    ["A", "list"].iter().for_each(|name| drop(run.task(name).succeeds()));
    site.worker.kptn(&["task", "bundles", "each", "--run", &run.run]).succeeds();
    run.carry_out();
    site.worker.kptn(&["run", "close", "--run", &run.run]).succeeds();
    site.edit("A.py", "'A'", "'a'.upper()");
    assert_eq!(site.run(), ["A"]);
    assert_eq!(site.person.not_fresh(), "");
    let last = |key: String| key.rsplit('/').next().map(str::to_owned);
    let read: BTreeSet<_> = site.place.kind("runs").into_iter().filter_map(last).collect();
    assert_eq!(read, ["bundles.json", "opened.json", "skip"].map(str::to_owned).into());
    assert_eq!(site.place.kind("refs"), Vec::<String>::new(), "branches are in the table");
}

#[test]
fn a_bundle_is_worth_the_start_of_a_container_once_times_are_known() {
    let site = Site::in_a_folder();
    let named = |engine: &str| {
        let run = site.open_for(engine, &["+each"]);
        run.tasks.iter().filter(|name| *name != "each").for_each(|name| drop(run.task(name).succeeds()));
        let words = ["task", "bundles", "each", "--run", &run.run, "--json"];
        let report = site.worker.kptn(&words).succeeds().json();
        run.task("each").succeeds();
        run.close().succeeds();
        report["bundles"].as_array().expect("bundles").len()
    };
    assert_eq!(named("stepfunctions"), 3, "nobody knows how long an item takes");
    site.edit("each.py", "str(N)", "'item ' + str(N)");
    assert_eq!(named("stepfunctions"), 1, "all of them are no work");
    site.edit("each.py", "'item '", "'an item '");
    assert_eq!(named("test"), 3, "other engines have workers that wait");
    [&site.person, &site.worker].iter().for_each(|machine| {
        machine.edit("kptn.yaml", "each: {file: each.py,", "each: {file: each.py, bundle_size: 2,")
    });
    site.edit("each.py", "'an item '", "'one item '");
    assert_eq!(named("stepfunctions"), 2, "what the task says holds");
}
