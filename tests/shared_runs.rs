//! Runs that several machines carry out with nothing in common but a remote: `--remote` of `run open`, `task run`,
//! `task bundles` and `run close`.
//!
//! Each machine is a folder of its own with its own home and store; the workers have no git.

use serde_json::Value;

use crate::support::{Output, Place, Project, python_task, tasks_yaml};

const EACH: &str = "import os\n\n\ndef each(N, output_dir):\n    with open(os.environ['TRACE'], 'a') as trace:\n        \
    trace.write(f'{N}\\n')\n    assert not os.path.exists(os.environ.get('BAD', '') + str(N)), f'{N} is bad'\n    \
    (output_dir / f'{N}.txt').write_text((output_dir / 'A.txt').read_text() + str(N))\n    return N * N\n";

/// A before B, and before the items 1 to 7, which are mapped in bundles of three; D after all, and R beside.
fn files() -> Vec<(&'static str, String)> {
    let yaml = tasks_yaml(
        "A: , B: A, list: A, each: [list, A], D: [B, each], R: A",
        &[
            "A: {outputs: [A.txt]}",
            "B: {outputs: [B.txt], cache_result: true}",
            "list: {cache_result: true, iterable_item: N}",
            "each: {map_over: N, bundle_size: 3, outputs: ['${N}.txt'], cache_result: true}",
            "D: {outputs: [D.txt]}",
        ],
    );
    let yaml = format!("{yaml}  R: {{file: R.R, outputs: [R.txt]}}\n");
    let d = "(output_dir / 'D.txt').write_text(f'{B} {sum(each)} ' + ' '.join((output_dir / f'{n}.txt').read_text() \
        for n in range(1, 8)))";
    let d = python_task("D", d).replace("output_dir: Path)", "output_dir: Path, B, each)");
    let lines = "out <- Sys.getenv('KPTN_OUTPUT_DIR')\nwriteLines(readLines(file.path(out, 'A.txt'), warn = FALSE), \
        file.path(out, 'R.txt'))\n";
    vec![
        ("kptn.yaml", yaml),
        (".gitignore", "scratch/\nflows/\n__pycache__/\n".to_owned()),
        ("A.py", python_task("A", "(output_dir / 'A.txt').write_text('one')")),
        ("B.py", python_task("B", "(output_dir / 'B.txt').write_text('two')\n    return 2")),
        ("list.py", python_task("list", "return [1, 2, 3, 4, 5, 6, 7]")),
        ("each.py", EACH.to_owned()),
        ("D.py", d),
        ("R.R", lines.to_owned()),
    ]
}

pub fn with_files(project: Project) -> Project {
    files().into_iter().fold(project, |project, (path, text)| project.file(path, text))
}

/// Some machines, and the remote between them.
pub struct Machines {
    place: Place,
    url: String,
    /// With git; it opens runs.
    pub driver: Project,
}

impl Machines {
    fn at(place: Place) -> Self {
        let url = match &place {
            Place::Folder(folder) => format!("file://{}", folder.path().join("team").display()),
            Place::Bucket(_) => "s3://bucket/team".to_owned(),
        };
        let mut driver = with_files(Project::new());
        if let Place::Bucket(s3) = &place {
            for (name, value) in s3.environment() {
                driver = driver.with_env(name, &value);
            }
            driver = driver.with_env("AWS_REGION", "us-east-1");
        }
        driver.commit("first");
        Self { place, url, driver }
    }

    pub fn in_a_folder() -> Self {
        Self::at(Place::Folder(tempfile::tempdir().expect("a folder")))
    }

    /// Another machine with the same code, and no git.
    pub fn worker(&self) -> Project {
        let mut worker = with_files(Project::without_git())
            .with_env("KPTN_REMOTE", &self.url)
            .with_env("KPTN_BRANCH", "main")
            .with_env("KPTN_PROJECT", "/");
        if let Place::Bucket(s3) = &self.place {
            for (name, value) in s3.environment() {
                worker = worker.with_env(name, &value);
            }
            worker = worker.with_env("AWS_REGION", "us-east-1");
        }
        worker
    }

    pub fn open(&self, words: &[&str]) -> String {
        let first = ["run", "open", "--engine", "test", "--remote", &self.url];
        self.driver.kptn(&[&first, words].concat()).succeeds().stdout.trim().to_owned()
    }

    /// All that the remote says it has is there, and whole.
    fn is_sound(&self) {
        let other = with_files(Project::without_git());
        let yaml = format!("{}remotes: {{team: {{url: '{}'}}}}\n", other.read("kptn.yaml"), self.url);
        other.write("kptn.yaml", yaml);
        other.kptn(&["fsck", "--remote", "--full"]).succeeds();
    }

    /// Writes down what an engine has caught of a task's job.
    pub fn caught(&self, run: &str, task: &str, error: &str) {
        self.place.put(&format!("runs/{run}/tasks/{task}/lost"), error.as_bytes());
    }

    pub fn close(&self, run: &str) -> Output {
        self.driver.kptn(&["run", "close", "--json", "--run", run, "--remote", &self.url])
    }
}

pub fn task(worker: &Project, run: &str, name: &str) -> Output {
    worker.kptn(&["task", "run", name, "--run", run])
}

pub fn bundles(worker: &Project, run: &str) -> Vec<String> {
    let report = worker.kptn(&["task", "bundles", "each", "--run", run, "--json"]).succeeds().json();
    let names = report["bundles"].as_array().into_iter().flatten();
    names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

pub fn bundle(worker: &Project, run: &str, name: &str) -> Output {
    worker.kptn(&["task", "run", "each", "--run", run, "--bundle", name])
}

/// Runs all that is before the items.
pub fn begin(worker: &Project, run: &str) {
    for name in ["A", "B", "list"] {
        task(worker, run, name).succeeds();
    }
    worker.ran();
}

/// Runs the rest.
fn finish(worker: &Project, run: &str) {
    for name in bundles(worker, run) {
        bundle(worker, run, &name).succeeds();
    }
    for name in ["each", "D", "R"] {
        task(worker, run, name).succeeds();
    }
}

pub fn counts(closed: &Output, name: &str) -> u64 {
    closed.json()["counts"][name].as_u64().expect("a count")
}

#[test]
fn workers_that_share_a_remote_alone_make_what_one_machine_makes() {
    let local = with_files(Project::new());
    local.kptn(&["run"]).succeeds();
    let run = local.kptn(&["run", "open", "--engine", "test"]).succeeds().stdout;
    let here = local.kptn(&["run", "close", "--json", "--run", run.trim()]).succeeds().json();
    for place in Place::each() {
        let machines = Machines::at(place);
        let (one, two) = (machines.worker(), machines.worker());
        let run = machines.open(&[]);
        task(&two, &run, "B").exits(2).says("`A`, which is not done yet");
        task(&one, &run, "A").succeeds();
        task(&two, &run, "A").succeeds();
        assert_eq!((one.ran(), two.ran()), ("A".into(), String::new()), "entering twice is harmless");
        task(&two, &run, "B").succeeds();
        task(&two, &run, "list").succeeds();
        let names = bundles(&one, &run);
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(bundles(&two, &run), names, "they mean the same everywhere");
        two.ran();
        for (name, worker) in names.iter().zip([&one, &two, &one]) {
            bundle(worker, &run, name).succeeds();
            bundle(worker, &run, name).succeeds();
        }
        assert_eq!((one.ran(), two.ran()), ("1 2 3 7".into(), "4 5 6".into()));
        task(&two, &run, "each").succeeds();
        task(&one, &run, "D").succeeds();
        task(&two, &run, "R").succeeds();
        assert_eq!((one.ran(), two.ran()), ("D".into(), String::new()), "no item ran twice");
        assert!(!machines.driver.exists("scratch/main/A.txt"));

        let closed = machines.close(&run).succeeds();
        assert_eq!(counts(&closed, "ran"), 6, "{}", closed.whole());
        assert_eq!(closed.json()["outputs"], here["outputs"]);
        // The code was the same with git and without, here and there.
        assert_eq!(machines.driver.not_fresh(), "");
        machines.driver.kptn(&["restore"]).succeeds();
        assert!(machines.driver.read_output("D.txt").starts_with("2 140 one1"), "the files came");
        let again = machines.close(&run).succeeds().json();
        assert_eq!((&again["was_closed"], &again["counts"]["ran"]), (&true.into(), &6.into()));
        task(&one, &run, "D").succeeds();
        let other =
            with_files(Project::without_git().with_env("KPTN_PROJECT", "/").with_env("KPTN_BRANCH", "main"));
        let settings = format!("remotes:\n  team: {{url: '{}', region: us-east-1}}\n", machines.url);
        other.write("kptn.yaml", format!("{}{settings}", other.read("kptn.yaml")));
        if let Place::Folder(_) = machines.place {
            other.kptn(&["pull"]).succeeds();
            assert_eq!(other.not_fresh(), "");
        }
        machines.driver.kptn(&["fsck"]).succeeds();
    }
}

#[test]
fn what_is_fresh_is_spared_and_an_edit_runs_what_it_reaches() {
    let machines = Machines::in_a_folder();
    let worker = machines.worker();
    let run = machines.open(&[]);
    begin(&worker, &run);
    finish(&worker, &run);
    machines.close(&run).succeeds();
    let report =
        machines.driver.kptn(&["run", "open", "--engine", "test", "--remote", &machines.url, "--json"]);
    let report = report.succeeds().json();
    assert_eq!(report["tasks"], Value::Array(Vec::new()), "nothing is stale");
    assert_eq!(
        machines.close(report["run"].as_str().expect("a run")).succeeds().json()["counts"]["fresh"],
        6
    );

    // B makes the same again from other code: D has nothing to do. A new item is the only one that runs.
    let edits = [
        ("B.py", "return 2", "return 1 + 1"),
        ("list.py", "6, 7]", "6, 7, 8]"),
        ("D.py", "(1, 8)", "(1, 9)"),
    ];
    for machine in [&machines.driver, &worker] {
        edits.iter().for_each(|(path, old, new)| machine.edit(path, old, new));
    }
    worker.ran();
    let run = machines.open(&[]);
    for name in ["A", "B", "list"] {
        task(&worker, &run, name).succeeds();
    }
    assert_eq!(worker.ran(), "B list");
    let names = bundles(&worker, &run);
    assert_eq!(names.len(), 1);
    bundle(&worker, &run, &names[0]).succeeds();
    task(&worker, &run, "each").succeeds();
    assert_eq!(worker.ran(), "8");
    task(&worker, &run, "D").succeeds();
    task(&worker, &run, "R").succeeds();
    let closed = machines.close(&run).succeeds();
    assert_eq!(counts(&closed, "ran"), 4, "{}", closed.whole());
    assert_eq!(machines.driver.not_fresh(), "");
}

#[test]
fn of_two_that_ran_the_same_bundle_the_first_counts_for_all() {
    let machines = Machines::in_a_folder();
    let random = |machine: &Project| {
        machine.edit("each.py", "read_text() + str(N)", "read_text() + os.urandom(8).hex()")
    };
    random(&machines.driver);
    let (one, two) = (machines.worker(), machines.worker());
    [&one, &two].into_iter().for_each(random);
    let run = machines.open(&[]);
    begin(&one, &run);
    let names = bundles(&one, &run);
    let late = crate::support::Running::frozen(
        &two,
        &["task", "run", "each", "--run", &run, "--bundle", &names[0]],
        "remote.run.reported",
    );
    bundle(&one, &run, &names[0]).succeeds();
    let (code, messages) = late.thaw();
    assert_eq!(code, Some(0), "{messages}");
    assert!(messages.contains("had done it already"), "{messages}");
    finish(&two, &run);
    machines.close(&run).succeeds();
    machines.driver.kptn(&["restore"]).succeeds();
    let made =
        std::fs::read_dir(one.outside("project/.kptn/workers")).expect("its runs").next().expect("one");
    let made = made.expect("an entry").path().join("outputs/1.txt");
    assert_eq!(machines.driver.read_output("1.txt"), std::fs::read_to_string(made).expect("the first one's"));
    assert!(machines.driver.read_output("D.txt").contains(&machines.driver.read_output("1.txt")));
    machines.driver.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_worker_that_is_killed_anywhere_is_started_again_elsewhere() {
    for point in
        ["task.prepared", "task.recorded", "remote.run.sent", "remote.run.named", "remote.run.reported"]
    {
        let machines = Machines::in_a_folder();
        let (one, two) = (machines.worker(), machines.worker());
        let run = machines.open(&["+B"]);
        let kill = [("KPTN_FAILPOINT", &*format!("{point}=kill"))];
        one.kptn_with(&kill, &["task", "run", "A", "--run", &run]);
        task(&two, &run, "B").exits(2);
        task(&two, &run, "A").succeeds();
        two.kptn_with(&kill, &["task", "run", "B", "--run", &run]);
        // On the same machine it finds what it had made.
        task(&two, &run, "B").succeeds();
        let closed = machines.close(&run).succeeds();
        assert_eq!(counts(&closed, "ran") + counts(&closed, "spared"), 2, "{point}: {}", closed.whole());
        assert_eq!(machines.driver.kptn(&["status", "B", "--exit-code"]).code, Some(0), "{point}");
        machines.is_sound();
        machines.driver.kptn(&["restore"]).succeeds();
        assert_eq!(machines.driver.read_output("B.txt"), "two");
    }
}

#[test]
fn a_worker_that_is_late_until_after_a_second_run_changes_nothing() {
    let machines = Machines::in_a_folder();
    let (one, two) = (machines.worker(), machines.worker());
    let first = machines.open(&["A"]);
    let late =
        crate::support::Running::frozen(&one, &["task", "run", "A", "--run", &first], "remote.run.reported");
    // Whoever opened the first run is gone; the second one takes over, from other code.
    for machine in [&machines.driver, &two] {
        machine.edit("A.py", "'one'", "'later'");
    }
    let second = machines.open(&["A", "--take-over"]);
    task(&two, &second, "A").succeeds();
    machines.close(&second).succeeds();
    assert_eq!(late.thaw().0, Some(3), "what it made counts nowhere");
    assert_eq!(machines.driver.kptn(&["status", "A", "--exit-code"]).code, Some(0));
    machines.driver.kptn(&["restore", "A"]).succeeds();
    assert_eq!(machines.driver.read_output("A.txt"), "later");
    machines.close(&first).exits(3).says("given up");

    // Another machine, which knows of no second run, finds it given up too.
    machines.worker().kptn(&["run", "close", "--run", &first]).exits(3).says("given up");
    let third =
        with_files(Project::without_git().with_env("KPTN_PROJECT", "/").with_env("KPTN_BRANCH", "main"));
    third.edit("A.py", "'one'", "'later'");
    third.write(
        "kptn.yaml",
        format!("{}remotes: {{team: {{url: '{}'}}}}\n", third.read("kptn.yaml"), machines.url),
    );
    third.kptn(&["pull"]).succeeds();
    assert_eq!(third.kptn(&["status", "A", "--exit-code"]).code, Some(0));
}

#[test]
fn of_two_runs_the_one_that_took_over_counts_whichever_is_closed_first() {
    let machines = Machines::in_a_folder();
    let (one, two) = (machines.worker(), machines.worker());
    let first = machines.open(&["A"]);
    task(&one, &first, "A").succeeds();
    for machine in [&machines.driver, &two] {
        machine.edit("A.py", "'one'", "'later'");
    }
    let second = machines.open(&["A", "--take-over"]);
    task(&one, &first, "A").exits(3).says("was given up");
    machines.close(&first).exits(3).says("was given up");
    one.kptn(&["run", "close", "--run", &first]).exits(3).says("was given up");
    task(&two, &second, "A").succeeds();
    machines.close(&second).succeeds();
    assert_eq!(machines.driver.kptn(&["status", "A", "--exit-code"]).code, Some(0));
    machines.driver.kptn(&["restore", "A"]).succeeds();
    assert_eq!(machines.driver.read_output("A.txt"), "later");
    machines.close(&first).exits(3);
    machines.is_sound();
}

#[test]
fn a_report_that_is_lost_or_about_another_task_holds_nothing_else_up() {
    let machines = Machines::in_a_folder();
    let worker = machines.worker();
    let run = machines.open(&["+B", "list", "R"]);
    ["A", "B", "list", "R"].iter().for_each(|name| drop(task(&worker, &run, name).succeeds()));
    let tasks = format!("runs/{run}/tasks");
    let key = |name: &str| {
        let done = |key: &String| key.starts_with(&format!("{tasks}/{name}")) && key.ends_with("/done");
        machines.place.keys().into_keys().find(done).expect("a report")
    };
    let report: Value = serde_json::from_slice(&machines.place.keys()[&key("B")]).expect("JSON");
    machines.place.remove(&format!("runs/{run}/parts/{}", report["objects"].as_str().expect("a part")));
    machines.place.put(&key("list"), b"{");
    machines.place.put(&key("R"), &machines.place.keys()[&key("A")]);
    machines.place.put(&format!("runs/{run}/plan.json"), b"damaged");
    let closed = machines.close(&run).exits(1);
    assert_eq!((counts(&closed, "ran"), counts(&closed, "skipped")), (1, 3), "{}", closed.whole());
    assert_eq!(machines.driver.kptn(&["status", "A", "--exit-code"]).code, Some(0));
    let run = machines.open(&["B", "list", "R"]);
    ["B", "list", "R"].iter().for_each(|name| drop(task(&worker, &run, name).succeeds()));
    machines.close(&run).succeeds();
}

#[test]
fn a_collection_while_a_worker_sends_takes_nothing_that_counts() {
    let machines = Machines::in_a_folder();
    let (one, two) = (machines.worker(), machines.worker());
    let run = machines.open(&["+B"]);
    let first =
        crate::support::Running::frozen(&one, &["task", "run", "A", "--run", &run], "remote.run.sent");
    let collector = with_files(Project::without_git());
    collector.write(
        "kptn.yaml",
        format!("{}remotes: {{team: {{url: '{}'}}}}\n", collector.read("kptn.yaml"), machines.url),
    );
    for _ in 0..2 {
        collector.kptn(&["gc", "--remote", "team", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
    assert_eq!(first.thaw().0, Some(0));
    task(&two, &run, "B").succeeds();
    machines.close(&run).succeeds();
    machines.is_sound();
}

#[test]
fn a_run_knows_that_it_is_shared_and_ends_wherever_it_was_closed() {
    let machines = Machines::in_a_folder();
    let worker = machines.worker();
    let run = machines.open(&["+B"]);
    // Without the remote, neither a task nor a close.
    machines.driver.kptn(&["task", "run", "A", "--run", &run]).exits(2).says("--remote");
    machines.driver.kptn(&["run", "close", "--run", &run]).exits(2).says("--remote");
    machines.driver.kptn(&["run", "A"]).exits(3).says(&format!("kptn run close --run {run} --remote"));
    let late =
        crate::support::Running::frozen(&worker, &["task", "run", "A", "--run", &run], "remote.run.reported");
    let other = machines.worker();
    other.kptn(&["run", "close", "--run", &run]).exits(1);
    assert_eq!(late.thaw().0, Some(3), "what came of it counts nowhere");
    task(&worker, &run, "A").exits(3).says("is closed");
    // It was closed elsewhere: the next one opens.
    let next = machines.open(&["+B", "--key", "k"]);
    assert_eq!(machines.open(&["+B", "--key", "k"]), next, "the same key finds it");
    other.kptn(&["run", "open", "--engine", "test", "list"]).exits(2);
    let theirs = other.kptn(&["run", "open", "--engine", "test", "A"]).succeeds().stdout.trim().to_owned();
    other.kptn(&["run", "close", "--run", &next]).exits(3).says("is open on `main`");
    other.kptn(&["run", "close", "--run", &theirs]).exits(1);
    ["A", "B"].iter().for_each(|name| drop(task(&worker, &next, name).succeeds()));
    machines.close(&next).succeeds();
}

#[test]
fn a_close_that_is_killed_anywhere_is_done_again_here_or_elsewhere() {
    let points = [
        "run.close.taken",
        "run.close.gathered",
        "state.close.stored",
        "run.close.closed",
        "remote.push.announced",
        "remote.push.moved",
        "run.close.pushed",
    ];
    for (at, point) in points.into_iter().enumerate() {
        let machines = Machines::in_a_folder();
        let worker = machines.worker();
        let run = machines.open(&["+B"]);
        ["A", "B"].iter().for_each(|name| drop(task(&worker, &run, name).succeeds()));
        let words = ["run", "close", "--run", &run, "--remote", &machines.url];
        let killed = machines.driver.kptn_with(&[("KPTN_FAILPOINT", &*format!("{point}=kill"))], &words);
        assert_eq!(killed.code, None, "{point}: {}", killed.whole());
        // Every other time on a machine that has never heard of the run.
        let again = match at % 2 {
            0 => machines.worker().kptn(&["run", "close", "--json", "--run", &run]),
            _ => machines.close(&run),
        };
        let report = again.succeeds().json();
        assert_eq!(report["counts"]["ran"], 2, "{point}: {report}");
        let ended = machines.close(&run).succeeds().json();
        assert_eq!(ended["was_closed"], true, "{point}");
        let yaml =
            format!("{}remotes: {{team: {{url: '{}'}}}}\n", machines.driver.read("kptn.yaml"), machines.url);
        machines.driver.write("kptn.yaml", yaml);
        machines.driver.kptn(&["pull"]).succeeds();
        assert_eq!(machines.driver.kptn(&["status", "B", "--exit-code"]).code, Some(0), "{point}");
        machines.driver.kptn(&["fsck", "--remote", "--full"]).succeeds();
    }
}

#[test]
fn two_runs_on_one_branch_from_two_machines_merge_task_by_task() {
    let machines = Machines::in_a_folder();
    let (one, two) = (machines.worker(), machines.worker());
    let first = machines.open(&["A"]);
    task(&one, &first, "A").succeeds();
    machines.close(&first).succeeds();
    // The same tasks at once, from a machine each: `B` of whoever closes first stays, all else of both counts.
    let other = machines.worker();
    let run_of = |output: Output| output.succeeds().stdout.trim().to_owned();
    let ours = machines.open(&["B", "R"]);
    let theirs = run_of(other.kptn(&["run", "open", "--engine", "test", "B", "list"]));
    for (run, name) in [(&ours, "B"), (&theirs, "B"), (&ours, "R"), (&theirs, "list")] {
        task(if run == &ours { &one } else { &two }, run, name).succeeds();
    }
    other.kptn(&["run", "close", "--run", &theirs]).succeeds();
    machines.close(&ours).succeeds();
    for (name, word) in [("B", "fresh"), ("R", "fresh"), ("list", "fresh"), ("A", "fresh")] {
        let row = machines.driver.kptn(&["status", name, "--json"]).succeeds().json();
        assert_eq!(row["rows"][0]["status"], word, "{name}: {row}");
    }
    machines.driver.kptn(&["fsck"]).succeeds();
}

#[test]
fn of_two_closes_of_the_same_tasks_neither_says_that_something_was_not_done() {
    let machines = Machines::in_a_folder();
    let (one, two) = (machines.worker(), machines.worker());
    let open = |worker: &Project| {
        worker.kptn(&["run", "open", "--engine", "test"]).succeeds().stdout.trim().to_owned()
    };
    let runs = [(&one, open(&one)), (&two, open(&two))];
    for (worker, run) in &runs {
        begin(worker, run);
        finish(worker, run);
    }
    let words = ["run", "close", "--json", "--run", &runs[0].1];
    let late = crate::support::Running::frozen(&one, &words, "run.close.taken");
    let closed = two.kptn(&["run", "close", "--json", "--run", &runs[1].1]).succeeds();
    assert_eq!((counts(&closed, "ran"), counts(&closed, "skipped")), (6, 0), "{}", closed.whole());
    assert_eq!(late.thaw().0, Some(0), "what the other one recorded is as good");
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let machines = Machines::in_a_folder();
    let worker = machines.worker();
    worker.kptn(&["task", "run", "A", "--run", "01a21ac3f6f4-27385197"]).exits(4).says("there is nothing at");
    let run = machines.open(&["A", "B"]);
    worker.kptn(&["task", "run", "A", "--run", "01a21ac3f6f4-27385197"]).exits(2).says("has no run");
    worker.kptn(&["task", "run", "A", "--run", "nonsense"]).exits(2).says("nonsense");
    task(&worker, &run, "eahc").exits(2).says("no task `eahc`").says("`each`");
    worker.kptn(&["task", "bundles", "eahc", "--run", &run]).exits(2).says("`each`");
    worker.kptn(&["run", "close", "--run", "01a21ac3f6f4-27385197"]).exits(2).says("has no run");
    task(&worker, &run, "D").succeeds();
    assert_eq!(worker.ran(), "", "the run was not opened for it");
    worker
        .kptn_with(&[("KPTN_BRANCH", "other")], &["task", "run", "A", "--run", &run])
        .exits(3)
        .says("`main`");
    worker.kptn(&["task", "run", "A", "--remote", &machines.url]).exits(2).says("--run");
    worker.kptn(&["task", "bundles", "B", "--run", &run]).exits(2).says("`A`, which is not done");
    let name = format!("{}:0-3", "ab".repeat(32));
    bundle(&worker, &run, &name).succeeds();
    worker.edit("A.py", "'one'", "'other'");
    task(&worker, &run, "A").exits(3).says("is not what the run was opened with").says("A");
    worker.edit("A.py", "'other'", "'one'");
    task(&worker, &run, "A").succeeds();
    worker.kptn(&["task", "bundles", "B", "--run", &run]).exits(2).says("has no items");
    task(&worker, &run, "B").succeeds();
    let other = machines.worker();
    other
        .kptn_with(&[("KPTN_PROJECT", "x")], &["run", "close", "--run", &run])
        .exits(3)
        .says("KPTN_PROJECT=/");
    machines.close(&run).succeeds();
    let run = machines.open(&["list", "each"]);
    task(&worker, &run, "list").succeeds();
    bundle(&worker, &run, &name).exits(2).says("has no bundle");
    machines.close(&run).exits(1);
    task(&worker, &run, "each").exits(3).says("is closed");

    machines.driver.edit("kptn.yaml", "D: {file: D.py,", "D: {file: D.py, local_only: true,");
    let words = ["run", "open", "--engine", "test", "--remote", &machines.url, "-f", "D", "--no-deps"];
    machines.driver.kptn(&words).exits(2).says("`local_only`");
    machines.driver.kptn(&["run", "A", "-f"]).succeeds();
}

#[test]
fn a_run_that_others_closed_is_the_last_run_of_all_who_know_of_it() {
    let mut machines = Machines::in_a_folder();
    machines.driver = machines.driver.with_env("USER", "ada");
    let worker = || machines.worker().with_env("USER", "batch");
    let (worker, other) = (worker(), worker());
    let last = |project: &Project| {
        let rows = project.kptn(&["branch", "list", "--json"]).succeeds().json();
        rows["branches"][0]["last_run"].clone()
    };
    let run = machines.open(&["+B"]);
    let opened = last(&machines.driver);
    assert_eq!(opened["user"], "ada", "{opened}");
    task(&worker, &run, "A").succeeds();
    worker.kptn(&["run", "close", "--run", &run]).exits(1);
    machines.close(&run).exits(1);
    let closed = last(&machines.driver);
    assert!(closed["at_ms"].as_u64() > opened["at_ms"].as_u64(), "{closed}");
    let log = machines.driver.kptn(&["log", "--json"]).succeeds().json();
    let of_run = log["entries"].as_array().into_iter().flatten().find(|entry| entry["verb"] == "run");
    assert_eq!(of_run.expect("the run")["user"], closed["user"]);
    // Who has its records alone knows as much, and a branch on which nothing ran has no run.
    other.kptn(&["pull", &machines.url, "--from", "main"]).succeeds();
    let pulled = last(&other);
    assert_eq!((&pulled["user"], &closed["user"]), (&"ada".into(), &"ada".into()));
    assert!(pulled["at_ms"].as_u64() <= closed["at_ms"].as_u64(), "{pulled}");
    machines.driver.kptn(&["branch", "clone", "main", "aside"]).succeeds();
    let rows = machines.driver.kptn(&["branch", "list", "--json"]).succeeds().json();
    let rows = rows["branches"].as_array().cloned().unwrap_or_default();
    let aside = rows.iter().find(|row| row["branch"] == "aside").expect("the branch");
    assert!(aside["last_run"].is_null(), "{aside}");
}
