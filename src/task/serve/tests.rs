//! Whole runs in a real project: served to a small runner, with real Python.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;
use crate::fingerprint::Plain;
use crate::model::{
    AfterFailure, BaseRecord, BranchName, Force, GraphName, Interpreter, Interpreters, ProjectId, RunId,
    RunPlan, Stream,
};
use crate::plan::Known;
use crate::process::find_program;
use crate::state::{BranchKey, LocalMemo, State};
use crate::store::Store;
use crate::task::{Listener, Past, StateKnown};

#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl Listener for Heard {
    fn hear(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

struct Place {
    folder: tempfile::TempDir,
    runs: std::cell::Cell<u32>,
}

/// What a run came to.
struct Outcome {
    served: Served,
    events: Vec<Event>,
}

impl Outcome {
    /// `A ran`, `B failed: why`.
    fn tasks(&self) -> Vec<String> {
        let ended = |event: &Event| match event {
            Event::TaskFinished { task, outcome, error, .. } => {
                let outcome = format!("{outcome:?}").to_lowercase();
                Some(error.as_ref().map_or(format!("{task} {outcome}"), |e| format!("{task} {outcome}: {e}")))
            }
            _ => None,
        };
        self.events.iter().filter_map(ended).collect()
    }

    fn notes(&self) -> Vec<String> {
        let note = |event: &Event| match event {
            Event::Note { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.events.iter().filter_map(note).collect()
    }
}

impl Place {
    fn new(yaml: &str, files: &[(&str, &str)]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), runs: 0.into() };
        place.write("kptn.yaml", yaml);
        files.iter().for_each(|(path, text)| place.write(path, text));
        place
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join("out").join(path)).unwrap_or_else(|error| error.to_string())
    }

    fn store_root(&self) -> PathBuf {
        self.root().join(".kptn")
    }

    fn key() -> BranchKey {
        BranchKey { project: ProjectId::parse("p").unwrap(), branch: BranchName::parse("main").unwrap() }
    }

    fn run_of(&self, heard: &Arc<Heard>, change: impl FnOnce(&mut RunPlan)) -> Run {
        let project = crate::config::load(&self.root()).unwrap().project;
        let graph = project.graphs.get(&GraphName::parse("g").unwrap()).unwrap().clone();
        let store = Store::open(&self.store_root()).unwrap();
        let state = State::open(&self.store_root()).unwrap();
        let records = state.records(&Self::key(), &graph.namespace).unwrap();
        let base = |task: &TaskName| BaseRecord { record: records.get(task).copied(), estimate_ms: None };
        let python = find_program("python3", &std::env::var("PATH").unwrap()).unwrap();
        self.runs.set(self.runs.get() + 1);
        let tasks: Vec<_> = crate::graph::Dag::new(&graph).unwrap().order().to_vec();
        let mut plan = RunPlan {
            format: 1,
            id: RunId::new(now_ms() + 1000, self.runs.get()),
            project: Self::key().project,
            root: self.root(),
            config_path: self.root().join("kptn.yaml"),
            branch: Self::key().branch,
            commit: None,
            outputs_dir: self.root().join("out"),
            base: tasks.iter().map(|task| (task.clone(), base(task))).collect(),
            tasks,
            graph,
            fresh: 0,
            force: Force::No,
            after_failure: AfterFailure::Stop,
            ignore_stale_deps: false,
            jobs: Some(4),
            stream: Stream::No,
            interpreters: Interpreters {
                python: Some(Interpreter { path: python, version: "3.11.0".to_owned() }),
                r: None,
            },
            probes: BTreeMap::new(),
        };
        change(&mut plan);
        state.open_run(&plan, "host", 1).unwrap();
        Run {
            project,
            plan,
            store,
            state,
            memo: Arc::new(LocalMemo::open(&self.store_root(), &self.root())),
            repository: None,
            reaper: None,
            starter: crate::process::Starter::default(),
            listeners: vec![Arc::clone(heard) as Arc<dyn Listener>],
            user: "user".to_owned(),
            host: "host".to_owned(),
        }
    }

    fn run(&self) -> Outcome {
        self.run_with(|_| {})
    }

    fn run_with(&self, change: impl FnOnce(&mut RunPlan)) -> Outcome {
        let heard = Arc::new(Heard::default());
        let run = self.run_of(&heard, change);
        let (to_serve, mut from_runner) =
            std::io::pipe().map(|(read, write)| (BufReader::new(read), write)).unwrap();
        let (from_serve, said) = std::io::pipe().unwrap();
        let graph = run.plan.graph.clone();
        let runner = std::thread::spawn(move || {
            let mut waiting: Vec<TaskName> = Vec::new();
            let mut done: Vec<TaskName> = Vec::new();
            let mut running = 0;
            for line in BufReader::new(from_serve).lines() {
                let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
                if let Some(tasks) = message.get("tasks") {
                    waiting = serde_json::from_value(tasks.clone()).unwrap();
                }
                if let Some(slots) = message.get("ask").and(message["slots"].as_u64()) {
                    let lend = serde_json::json!({"lend": message["ask"], "slots": slots.min(2)});
                    writeln!(from_runner, "{lend}").unwrap();
                }
                if let Some(task) = message.get("done") {
                    running -= 1;
                    if message["outcome"] != "failed" && message["outcome"] != "skipped" {
                        done.push(serde_json::from_value(task.clone()).unwrap());
                    }
                }
                if message.get("bye").is_some() {
                    return message["bye"].as_i64();
                }
                let ready = |task: &TaskName| graph.tasks[task].deps.iter().all(|dep| done.contains(dep));
                let start: Vec<_> = waiting.iter().filter(|task| ready(task)).cloned().collect();
                for task in start {
                    waiting.retain(|other| *other != task);
                    running += 1;
                    writeln!(from_runner, "{}", serde_json::json!({"start": task})).unwrap();
                }
                if running == 0 {
                    // serve may have ended already.
                    drop(writeln!(from_runner, "{{\"end\":true}}"));
                }
            }
            None
        });
        let served = serve(&run, to_serve, said).unwrap();
        drop(run);
        assert_eq!(runner.join().unwrap(), Some(i64::from(served.exit)));
        let events = std::mem::take(&mut *heard.0.lock().unwrap());
        Outcome { served, events }
    }

    fn known<T>(&self, ask: impl FnOnce(&StateKnown<'_>) -> T) -> T {
        let run = self.run_of(&Arc::new(Heard::default()), |_| {});
        let past = Past {
            store: &run.store,
            state: &run.state,
            key: &Self::key(),
            project: &run.project,
            graph: &run.plan.graph,
            outputs_dir: &run.plan.outputs_dir,
            memo: &Plain,
        };
        ask(&StateKnown::load(past).unwrap())
    }
}

const TWO: &str = "
settings: {outputs_dir: out}
graphs: {g: {tasks: {A: , B: A}}}
tasks:
  A: {file: t.py, outputs: [a.txt], cache_result: true}
  B: {file: t.py, outputs: [b.txt]}
";

const TWO_PY: &str = "
def A(output_dir):
    (output_dir / 'a.txt').write_text('one')
    return {'n': 1}

def B(output_dir, A):
    (output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text() + str(A['n']))
";

fn task(name: &str) -> TaskName {
    TaskName::parse(name).unwrap()
}

#[test]
fn what_ran_is_recorded_and_the_second_run_does_nothing() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    let first = place.run();
    assert_eq!(first.tasks(), ["A ran", "B ran"]);
    assert_eq!((first.served.exit, place.read("b.txt").as_str()), (0, "one1"));
    assert_eq!(first.notes(), Vec::<String>::new());
    assert_eq!(place.run().tasks(), ["A spared", "B spared"]);
    let record = place.known(|known| known.current(&task("A"))).unwrap();
    assert_eq!(record.outputs[0].path, "a.txt");
    assert!(record.result.is_some() && record.timing.wall_ms > 0);
}

#[test]
fn an_edit_runs_what_it_reaches_and_the_same_bytes_spare_the_rest() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    place.run();
    place.write("t.py", &TWO_PY.replace("    return {'n': 1}", "    x = 1\n    return {'n': x}"));
    assert_eq!(place.run().tasks(), ["A ran", "B spared"]);
    place.write("t.py", &TWO_PY.replace("'one'", "'two'"));
    assert_eq!(place.run().tasks(), ["A ran", "B ran"]);
    assert_eq!(place.read("b.txt"), "two1");
    // Back again: both are on record from the first run, and are taken from there.
    place.write("t.py", TWO_PY);
    assert_eq!(place.run().tasks(), ["A reused", "B reused"]);
    assert_eq!((place.read("a.txt").as_str(), place.read("b.txt").as_str()), ("one", "one1"));
}

#[test]
fn a_missing_file_comes_back_when_a_dependent_needs_it_and_an_edit_is_kept_aside() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    place.run();
    fs::remove_file(place.root().join("out/a.txt")).unwrap();
    fs::remove_file(place.root().join("out/b.txt")).unwrap();
    place.write("t.py", &TWO_PY.replace("str(A", "'!' + str(A"));
    assert_eq!(place.run().tasks(), ["A spared", "B ran"]);
    assert_eq!((place.read("a.txt").as_str(), place.read("b.txt").as_str()), ("one", "one!1"));
    fs::write(place.root().join("out/a.txt"), "edited").unwrap();
    let again = place.run();
    assert_eq!(again.tasks(), ["A ran", "B spared"]);
    assert_eq!((place.read("a.txt").as_str(), again.notes().len()), ("one", 1));
    assert!(again.notes()[0].contains(".kept"), "{:?}", again.notes());
}

#[test]
fn a_failure_puts_back_what_was_there_and_stops_what_depends_on_it() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    place.run();
    place.write("t.py", &TWO_PY.replace("    return {", "    raise ValueError('no') #{"));
    let failed = place.run();
    assert_eq!(failed.tasks()[0].split(": ").next(), Some("A failed"));
    assert_eq!(failed.tasks()[1], "B skipped: `A`, on which it depends, failed");
    assert_eq!((failed.served.exit, place.read("a.txt").as_str()), (1, "one"));
    let attempt = place.known(|known| known.failed_attempt(&task("A"))).unwrap();
    assert!(attempt.error.contains("no"), "{attempt:?}");
    assert_eq!(place.run().tasks()[0].split(": ").next(), Some("A failed"));
    place.write("t.py", TWO_PY);
    assert_eq!(place.run().tasks(), ["A spared", "B spared"]);
}

#[test]
fn code_that_changes_while_it_runs_leaves_the_task_stale() {
    let py = TWO_PY.replace("    return {", "    open(__file__, 'a').write('\\nX = 1\\n')\n    return {");
    let place = Place::new(TWO, &[("t.py", &py)]);
    place.run();
    let record = place.known(|known| known.current(&task("A"))).unwrap();
    assert_eq!(record.settled, crate::model::Settled::No(vec!["t.py".to_owned()]));
    place.write("t.py", TWO_PY);
    assert_eq!(place.run().tasks(), ["A ran", "B spared"]);
    assert_eq!(place.run().tasks(), ["A spared", "B spared"]);
}

#[test]
fn an_attempt_is_made_again_in_a_clean_folder_as_often_as_retries_says() {
    let yaml = TWO.replace("outputs: [a.txt]", "outputs: [a.txt, tries/], retries: 2");
    let py = "
import os
def A(output_dir):
    assert not (output_dir / 'a.txt').exists()
    count = os.path.join(os.path.dirname(__file__), 'count')
    open(count, 'a').write('x')
    (output_dir / 'a.txt').write_text('half')
    if len(open(count).read()) < 3:
        raise ValueError('not yet')
    (output_dir / 'tries' / 'x').write_text('')
    return {'n': 1}
def B(output_dir, A):
    (output_dir / 'b.txt').write_text('')
";
    let place = Place::new(&yaml, &[("t.py", py)]);
    let ran = place.run();
    assert_eq!(ran.tasks(), ["A ran", "B ran"]);
    assert_eq!(ran.notes().len(), 2, "{:?}", ran.notes());
    assert!(ran.notes()[1].starts_with("attempt 2 of 3 failed: "), "{:?}", ran.notes());
}

const MAPPED: &str = "
settings: {outputs_dir: out}
graphs: {g: {tasks: {L: , M: L, S: M}}}
tasks:
  L: {file: t.py, cache_result: true, iterable_item: STATE}
  M: {file: t.py, map_over: STATE, outputs: ['${STATE}.txt'], cache_result: true}
  S: {file: t.py, outputs: [all.txt]}
";

const MAPPED_PY: &str = "
def L():
    return ['NC', 'SC', 'VA']
def M(STATE, output_dir):
    if STATE == 'none':
        raise ValueError('no data')
    (output_dir / f'{STATE}.txt').write_text(STATE.lower())
    return STATE
def S(output_dir, M):
    files = sorted(p.name for p in output_dir.glob('??.txt'))
    (output_dir / 'all.txt').write_text(','.join(M) + ' ' + ','.join(files))
";

#[test]
fn a_mapped_task_runs_each_item_and_only_the_new_ones_again() {
    let place = Place::new(MAPPED, &[("t.py", MAPPED_PY)]);
    let first = place.run();
    assert_eq!(first.tasks(), ["L ran", "M ran", "S ran"], "{:?}", first.events);
    assert_eq!(place.read("all.txt"), "NC,SC,VA NC.txt,SC.txt,VA.txt");
    // Moved and removed items re-run nothing; a removed one's file leaves before the dependent runs.
    place.write("t.py", &MAPPED_PY.replace("['NC', 'SC', 'VA']", "['WV', 'VA', 'NC']"));
    let second = place.run();
    assert_eq!(second.tasks(), ["L ran", "M ran", "S ran"]);
    let items: Vec<_> = second
        .events
        .iter()
        .filter_map(|event| match event {
            Event::TaskStarted { items, .. } => *items,
            _ => None,
        })
        .collect();
    assert_eq!(items, [1]);
    assert_eq!(place.read("all.txt"), "WV,VA,NC NC.txt,VA.txt,WV.txt");
}

#[test]
fn a_failed_item_fails_the_task_and_the_next_run_does_it_alone() {
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("'SC'", "'none'"))]);
    let failed = place.run();
    let error = &failed.tasks()[1];
    assert!(error.starts_with("M failed: 1 of 3 items failed; none: "), "{error}");
    assert_eq!(place.read("NC.txt"), "nc");
    place.write(
        "t.py",
        &MAPPED_PY.replace("'SC'", "'none'").replace("    if STATE", "    if False and STATE"),
    );
    // The function changed, so all run; with the list mended alone, only what is new does.
    place.write("t.py", MAPPED_PY);
    let mended = place.run();
    assert_eq!(mended.tasks(), ["L ran", "M ran", "S ran"]);
    let started = mended.events.iter().find_map(|event| match event {
        Event::TaskStarted { task, items, .. } if task.as_str() == "M" => *items,
        _ => None,
    });
    assert_eq!(started, Some(1));
}

#[test]
fn an_empty_list_is_a_success_with_nothing_to_do() {
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("['NC', 'SC', 'VA']", "[]"))]);
    assert_eq!(place.run().tasks(), ["L ran", "M ran", "S ran"]);
    assert_eq!(place.read("all.txt"), " ");
}

#[test]
fn items_that_would_write_one_path_are_refused_before_any_runs() {
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("'SC', 'VA'", "'a/b', './a//b'"))]);
    let refused = place.run();
    assert_eq!(refused.tasks()[1], "M failed: the items a/b and ./a//b both write `a/b.txt`");
    assert!(!place.root().join("out/NC.txt").exists());
}

#[test]
fn one_task_is_run_alone_and_twice_is_harmless() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    let heard = Arc::new(Heard::default());
    let run = place.run_of(&heard, |_| {});
    assert_eq!(run_one(&run, &task("A")).unwrap(), TaskOutcome::Ran);
    assert_eq!(run_one(&run, &task("A")).unwrap(), TaskOutcome::Spared);
    assert_eq!(run_one(&run, &task("B")).unwrap(), TaskOutcome::Ran);
    assert!(matches!(run_one(&run, &task("Z")), Err(ServeError::NotInRun { .. })));
}

#[test]
fn a_runner_that_starts_a_task_too_early_is_stopped() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    let heard = Arc::new(Heard::default());
    let run = place.run_of(&heard, |_| {});
    let said = said_in_tests();
    let input = std::io::Cursor::new("{\"start\":\"B\"}\n{\"end\":true}\n");
    let served = serve(&run, input, said.clone()).unwrap();
    assert_eq!((served.exit, served.counts.skipped), (2, 2));
    assert!(said.text().contains("run `kptn render`"), "{}", said.text());
}

#[test]
fn a_runner_that_goes_away_stops_what_runs_and_nothing_is_failed() {
    let py = TWO_PY.replace("    return {", "    import time; time.sleep(600)\n    return {");
    let place = Place::new(TWO, &[("t.py", &py)]);
    let heard = Arc::new(Heard::default());
    let run = place.run_of(&heard, |_| {});
    let served = serve(&run, std::io::Cursor::new("{\"start\":\"A\"}\n"), said_in_tests()).unwrap();
    assert_eq!((served.exit, served.counts.skipped, served.counts.failed), (1, 2, 0));
    drop(run);
    assert_eq!(place.known(|known| known.failed_attempt(&task("A"))), None);
}

#[test]
fn a_pattern_of_the_whole_task_leaves_items_their_files() {
    let yaml = MAPPED.replace("outputs: ['${STATE}.txt']", "outputs: ['${STATE}.txt', '*.txt']");
    let place = Place::new(&yaml, &[("t.py", MAPPED_PY)]);
    assert_eq!(place.run().tasks(), ["L ran", "M ran", "S ran"]);
    let (own, all) = place.known(|known| {
        let record = known.current(&task("M")).unwrap();
        (record.outputs.len(), known.files(&record).len())
    });
    assert_eq!((own, all), (0, 3));
}

#[test]
fn a_log_that_names_a_file_of_a_task_that_is_no_dependency_gets_a_hint() {
    let py = TWO_PY.replace("def B(output_dir, A):", "def B(output_dir):").replace("str(A['n'])", "''");
    let place = Place::new(TWO, &[("t.py", &py)]);
    place.run();
    fs::remove_file(place.root().join("out/a.txt")).unwrap();
    place.write("kptn.yaml", &TWO.replace("B: A", "B: "));
    let failed = place.run();
    assert_eq!(failed.served.counts.failed, 1, "{:?}", failed.tasks());
    let hint = "`a.txt`, which its log names, is made by `A` and is not here; add `A` to the deps of `B`";
    assert_eq!(failed.notes(), [hint]);
}
