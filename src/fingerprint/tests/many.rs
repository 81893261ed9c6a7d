//! Many tasks and one module: nothing is read or parsed twice. What ten thousand cost is measured by `make bench`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Fixture, task};
use crate::fingerprint::{Memo, Plain, Seen, Surroundings, gather};
use crate::model::*;

/// Counts what is read and which facts are kept.
#[derive(Default)]
struct Counting {
    reads: Mutex<BTreeMap<PathBuf, u32>>,
    listed: Mutex<u32>,
    kept: Mutex<u32>,
}

impl Memo for Counting {
    fn look(&self, path: &Path) -> Result<Seen, std::io::Error> {
        Plain.look(path)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, std::io::Error> {
        *self.reads.lock().unwrap().entry(path.to_path_buf()).or_default() += 1;
        Plain.read(path)
    }

    fn list(&self, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, std::io::Error> {
        *self.listed.lock().unwrap() += 1;
        Plain.list(base, pattern)
    }

    fn facts(&self, _kind: &'static str, _key: Digest) -> Option<Arc<[u8]>> {
        None
    }

    fn keep_facts(&self, _kind: &'static str, _key: Digest, _facts: &[u8]) {
        *self.kept.lock().unwrap() += 1;
    }
}

/// A module of about so many lines, in which functions call each other.
fn module(lines: usize) -> String {
    let function = |n: usize| {
        let (one, other) = (n / 2, n / 3);
        format!(
            "def f{n}(x, y=LIMIT_{}):\n    # what it does\n    z = [a for a in x if a.b > y]\n    if z:\n        return f{one}(z) + f{other}(z)\n    return os.path.join(str(x), 'n{n}')\n\n",
            n % 10
        )
    };
    let limits: String = (0..10).map(|n| format!("LIMIT_{n} = {n}\n")).collect();
    let functions: String = (0..lines / 7).map(function).collect();
    format!("import os\n{limits}{functions}")
}

fn gather_all(count: usize, script: impl Fn(usize) -> (String, String), memo: &Counting) -> Fixture {
    let fixture = Fixture::new("T.py", &[("lib/shared.py", &module(5000)), ("lib/__init__.py", "")]);
    let mut tasks = Vec::new();
    for n in 0..count {
        let (path, text) = script(n);
        fixture.write(&path, text);
        let mut one = task(&path);
        one.name = TaskName::parse(&format!("T{n}")).unwrap();
        one.script.function = Some("T".into());
        one.script.path = Some(fixture.root().join(&path));
        tasks.push(one);
    }
    let graph = fixture.graph();
    let project = Project {
        root: fixture.root(),
        config_path: fixture.root().join("kptn.yaml"),
        settings: Settings { py_tasks_dirs: vec![fixture.root().join("tasks")], ..Settings::default() },
        graphs: indexmap::IndexMap::new(),
        unused_tasks: Vec::new(),
        remotes: Default::default(),
    };
    let env = |_: &str| None;
    let s = Surroundings::new(&project, &graph, &fixture.interpreters, &fixture.probes, &env, memo);
    for task in &tasks {
        let gathered = gather(task, &s);
        assert_eq!(gathered.uncacheable, [""; 0]);
        assert!(gathered.code.len() > 1);
    }
    fixture
}

fn one_folder(n: usize) -> (String, String) {
    let text = format!("from lib.shared import f{}\ndef T():\n  return f{}([{n}])\n", n % 700, n % 700);
    (format!("tasks/t{n}.py"), text)
}

#[test]
fn each_file_is_read_once_in_one_look() {
    let memo = Counting::default();
    gather_all(50, one_folder, &memo);
    let reads = memo.reads.lock().unwrap();
    assert_eq!(reads.len(), 52);
    assert!(reads.values().all(|count| *count == 1), "{reads:?}");
    assert!(*memo.listed.lock().unwrap() < 20);
    assert!(*memo.kept.lock().unwrap() <= 52);
}
