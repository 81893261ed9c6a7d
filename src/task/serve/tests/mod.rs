//! Whole runs in a real project: served to a small runner, with real Python.
//!
//! Here is the project and the runner; the files beside it are about one thing each.

mod items;
mod single;

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
use crate::state::{BranchKey, LocalMemo, State, load_shard_list};
use crate::store::Store;
use crate::task::{Config, Listener, Past, StateKnown};

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
            head: None,
            commit: None,
            outputs_dir: self.root().join("out"),
            base: tasks.iter().map(|task| (task.clone(), base(task))).collect(),
            tasks,
            graph,
            fresh: 0,
            items: BTreeMap::new(),
            deferred: BTreeMap::new(),
            force: Force::No,
            cache: Default::default(),
            after_failure: AfterFailure::Stop,
            ignore_stale_deps: false,
            jobs: Some(4),
            stream: Stream::No,
            interpreters: Interpreters {
                python: Some(Interpreter { path: python, version: "3.11.0".to_owned() }),
                r: None,
            },
            probes: BTreeMap::new(),
            command: String::new(),
            user: String::new(),
        };
        change(&mut plan);
        state.open_run(&plan, "host", 1).unwrap();
        Run {
            origin: None,
            project,
            plan,
            store,
            state,
            memo: Arc::new(LocalMemo::open(&self.store_root(), &self.root())),
            config: Config::default(),
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

fn task(name: &str) -> TaskName {
    TaskName::parse(name).unwrap()
}
