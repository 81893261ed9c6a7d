//! A project in memory: one task, its script from the fuzzer, and another file that it may import or source.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kptn::config::parse_text;
use kptn::fingerprint::{Memo, Seen, Surroundings, fingerprint, gather};
use kptn::model::{Digest, Fingerprint, Interpreters, Project};

/// Files by path; everything else is absent.
struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Memo for Files {
    fn look(&self, path: &Path) -> Result<Seen, io::Error> {
        Ok(match self.0.get(path) {
            Some(bytes) => {
                Seen::File { digest: Digest::of(bytes), size: bytes.len() as u64, executable: false }
            }
            None if self.0.keys().any(|file| file.starts_with(path)) => Seen::Folder,
            None => Seen::Absent,
        })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, io::Error> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, _base: &Path, _pattern: &str) -> Result<Vec<PathBuf>, io::Error> {
        Ok(Vec::new())
    }

    fn facts(&self, _kind: &'static str, _key: Digest) -> Option<Arc<[u8]>> {
        None
    }

    fn keep_facts(&self, _kind: &'static str, _key: Digest, _facts: &[u8]) {}
}

/// A project whose one task `T` is in the file `script`.
pub struct OneTask {
    project: Project,
    script: PathBuf,
}

impl OneTask {
    /// Makes it.
    pub fn new(script: &str) -> Self {
        let yaml = format!("graphs: {{g: {{tasks: {{T: }}}}}}\ntasks: {{T: {{file: {script}}}}}\n");
        let mut project = parse_text(yaml.as_bytes()).expect("a fixed text").project;
        let path = project.root.join(script);
        for graph in project.graphs.values_mut() {
            for task in graph.tasks.values_mut() {
                task.script.path = Some(path.clone());
            }
        }
        Self { project, script: path }
    }

    /// Returns the task's fingerprint with these bytes in its script and in the file `other`.
    pub fn fingerprint(&self, script: &[u8], other: &str, text: &[u8]) -> Fingerprint {
        let files = [(self.script.clone(), script.to_vec()), (self.project.root.join(other), text.to_vec())];
        let files = Files(files.into_iter().collect());
        let (interpreters, probes) = (Interpreters::default(), BTreeMap::new());
        let graph = &self.project.graphs[0];
        let around = Surroundings::new(&self.project, graph, &interpreters, &probes, &|_| None, &files);
        fingerprint(&gather(&graph.tasks[0], &around).ingredients)
    }
}
