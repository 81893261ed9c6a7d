//! Tests with the real Python and R of this machine: a project in a folder, and workers for it.

mod calls;
mod faults;
mod lanes;
mod python;
mod r;
mod results;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::process::{AlwaysAsk, find_interpreters, own_environment};

static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let project = crate::model::Project {
        root: "/".into(),
        config_path: "/kptn.yaml".into(),
        settings: crate::model::Settings::default(),
        graphs: indexmap::IndexMap::new(),
        unused_tasks: Vec::new(),
        remotes: Default::default(),
    };
    let path = |name: &str| (name == "PATH").then(|| std::env::var("PATH").unwrap());
    find_interpreters(&project, &path, &AlwaysAsk).interpreters.python.expect("tests need Python").path
});

static RSCRIPT: LazyLock<PathBuf> = LazyLock::new(|| {
    crate::process::find_program("Rscript", &std::env::var("PATH").unwrap()).expect("tests need Rscript")
});

/// A project in a folder of its own, and workers for it.
struct Bench {
    folder: tempfile::TempDir,
    workers: Workers,
}

impl Bench {
    fn new() -> Self {
        let quick = Duration::from_millis(300);
        Self::patient(Patience { grace: quick, leaving: quick, log: Bounds { head: 2000, tail: 1000 } })
    }

    fn patient(patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("project/scratch/main")).unwrap();
        let workers = Workers::new(&root.join("run"), None, patience).unwrap();
        Self { folder, workers }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("project")
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.root().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn job(&self, interpreter: &Path, folder: PathBuf, code: Code) -> Job {
        Job {
            task: TaskName::parse("B").unwrap(),
            item: None,
            code,
            interpreter: interpreter.to_owned(),
            environment: own_environment(),
            folder,
            root: self.root(),
            outputs: self.root().join("scratch/main"),
            log: self.root().join("../logs/B.log"),
            timeout: None,
            lines: None,
        }
    }

    fn r_job(&self, file: &str, text: &str) -> Job {
        let script = self.write(file, text);
        let folder = script.parent().unwrap().to_owned();
        let code = RScript { script, prefix: Vec::new(), arguments: Vec::new(), inputs: None, warm: None };
        self.job(&RSCRIPT, folder, Code::R(code))
    }

    async fn r(&self, text: &str) -> Attempted {
        self.workers.run(&self.r_job("B/run.R", text)).await
    }

    fn function(&self, file: &str, text: &str) -> PythonFunction {
        PythonFunction {
            script: self.write(file, text),
            function: "B".to_owned(),
            roots: vec![self.root()],
            wants_result: true,
            warm: false,
            memory_kib: None,
            given: BTreeMap::new(),
            args: Vec::new(),
            config: BTreeMap::new(),
            pipeline: BTreeMap::from([(
                "scratch_dir".to_owned(),
                json!(self.root().join("scratch/main").to_str().unwrap()),
            )]),
            info: BTreeMap::new(),
        }
    }

    fn python_job(&self, function: PythonFunction) -> Job {
        let code = Code::Python { function: Arc::new(function), item: Default::default() };
        self.job(&PYTHON, self.root(), code)
    }

    async fn python(&self, text: &str) -> Attempted {
        self.workers.run(&self.python_job(self.function("B.py", text))).await
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.root().join("../logs/B.log")).unwrap()).into_owned()
    }
}

fn failure_of(attempted: &Attempted) -> String {
    attempted.outcome.clone().expect_err("it should have failed").to_string()
}

fn value(attempted: &Attempted) -> Value {
    assert_eq!(attempted.outcome, Ok(()), "{:?}", attempted.log_tail);
    serde_json::from_slice(attempted.result.as_ref().expect("it has a result")).unwrap()
}
