//! What finding a record needs to know of a project, kept so that nothing large has to be read for it.
//!
//! `kptn.yaml` of ten thousand tasks takes longer to read than a file to print.
//! Its graphs, tasks and places are kept here instead, and hold for as long as
//! every file of the configuration has the stat that it had. A cache: absent,
//! damaged, of another version and out of date are all the same.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::flat;
use crate::model::{Digest, GraphName, LinkMode, ProjectId};
use crate::store::{FileStat, Layout, StoreError};

/// The format's version is part of it.
const MAGIC: [u8; flat::MAGIC] = *b"kptn bearings 2 ";

/// A file written less long ago than this, before it was read, may have changed while it was.
const DOUBT_NS: i64 = 2_000_000_000;

/// Where a project's things are, and which tasks it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearings {
    /// Of everything that these rest on and that is no file.
    pub key: Digest,
    /// The files that the configuration was read from.
    pub files: Vec<(PathBuf, FileStat)>,
    /// Where the store is.
    pub store_root: PathBuf,
    /// The project in its repository.
    pub project: ProjectId,
    /// Where tasks write: a template with `<branch>` in it, or without.
    pub outputs_dir: String,
    /// How files are put back.
    pub link: LinkMode,
    /// Branches that are protected: names and globs.
    pub protected: Vec<String>,
    /// Each graph with its namespace.
    pub graphs: Vec<(GraphName, GraphName)>,
    /// Lines of graph, task and `map_over`, with tabs between; names hold no control characters.
    pub tasks: String,
}

/// A task of a graph, as [`Bearings`] knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearing {
    /// The graph.
    pub graph: GraphName,
    /// What stands for the graph in the state.
    pub namespace: GraphName,
    /// What the task maps over; empty for an unmapped task.
    pub map_over: Vec<String>,
}

impl Bearings {
    /// Returns the stats of the files that the configuration was read from.
    ///
    /// Absent where one of them may have changed since `began_ns`, when reading them began.
    pub fn stats_of(files: &[PathBuf], began_ns: i64) -> Option<Vec<(PathBuf, FileStat)>> {
        let stat = |path: &PathBuf| {
            let stat = FileStat::from(&fs::metadata(path).ok()?);
            let old = stat.changed_ns < began_ns.saturating_sub(DOUBT_NS);
            old.then(|| (path.clone(), stat))
        };
        files.iter().map(stat).collect()
    }

    /// Writes rows of graph, task and `map_over` down, for [`Bearings::tasks`].
    pub fn rows<'a>(tasks: impl Iterator<Item = (&'a str, &'a str, &'a [String])>) -> String {
        let row = |(graph, task, map_over): (&str, &str, &[String])| {
            format!("{graph}\t{task}\t{}\n", map_over.join(","))
        };
        std::iter::once("\n".to_owned()).chain(tasks.map(row)).collect()
    }

    /// Reads those of a project back; absent where they do not hold any more.
    pub fn load(index_root: &Path, project_root: &Path, key: &Digest) -> Option<Self> {
        let bytes = flat::read(&Layout::new(index_root).bearings(project_root), MAGIC)?;
        let bearings: Self = postcard::from_bytes(&bytes[flat::start()..]).ok()?;
        let same = |(path, stat): &(PathBuf, FileStat)| {
            fs::metadata(path).is_ok_and(|metadata| FileStat::from(&metadata) == *stat)
        };
        (bearings.key == *key && bearings.files.iter().all(same)).then_some(bearings)
    }

    /// Keeps them for the next time.
    pub fn save(&self, index_root: &Path, project_root: &Path) -> Result<(), StoreError> {
        let path = Layout::new(index_root).bearings(project_root);
        flat::write(&path, MAGIC, &postcard::to_stdvec(self).unwrap_or_default())
    }

    /// Returns the names of the tasks of all graphs, or of the one that is named, in the order written.
    pub fn task_names(&self, graph: Option<&str>) -> impl Iterator<Item = &str> {
        let rows = self.tasks.lines().filter_map(|row| row.split_once('\t'));
        let meant = rows.filter(move |(of, _)| graph.is_none_or(|graph| graph == *of));
        meant.filter_map(|(_, rest)| rest.split('\t').next())
    }

    /// Returns every graph that has a task, or the one that is named.
    pub fn find(&self, graph: Option<&str>, task: &str) -> Vec<Bearing> {
        let wanted = |(name, _): &&(GraphName, GraphName)| graph.is_none_or(|graph| graph == name.as_str());
        let bearing = |(name, namespace): &(GraphName, GraphName)| {
            let row = format!("\n{name}\t{task}\t");
            let rest = &self.tasks[self.tasks.find(&row)? + row.len()..];
            let names = rest.split('\n').next().unwrap_or_default().split(',');
            Some(Bearing {
                graph: name.clone(),
                namespace: namespace.clone(),
                map_over: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            })
        };
        self.graphs.iter().filter(wanted).filter_map(bearing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(root: &Path, began_ns: i64) -> Option<Bearings> {
        let name = |text| GraphName::parse(text).unwrap();
        let over = ["YEAR".to_owned(), "STATE".to_owned()];
        let tasks: [(&str, &str, &[String]); 3] = [("g", "A", &[]), ("g", "AB", &over), ("h", "A", &[])];
        Some(Bearings {
            key: Digest::of(b"question"),
            files: Bearings::stats_of(&[root.join("kptn.yaml")], began_ns)?,
            store_root: root.to_owned(),
            project: ProjectId::parse("root").unwrap(),
            outputs_dir: "scratch/<branch>".to_owned(),
            link: LinkMode::Copy,
            protected: Vec::new(),
            graphs: vec![(name("g"), name("g")), (name("h"), name("space"))],
            tasks: Bearings::rows(tasks.into_iter()),
        })
    }

    #[test]
    fn they_hold_until_a_file_of_the_configuration_changes() {
        let root = tempfile::tempdir().unwrap();
        let (root, yaml) = (root.path(), root.path().join("kptn.yaml"));
        fs::write(&yaml, "1").unwrap();
        let written = FileStat::from(&fs::metadata(&yaml).unwrap()).changed_ns;
        assert_eq!(made(root, written + 1), None, "it may have changed while it was read");
        let bearings = made(root, written + DOUBT_NS + 1).unwrap();
        bearings.save(root, root).unwrap();
        assert_eq!(Bearings::load(root, root, &bearings.key), Some(bearings.clone()));
        assert_eq!(Bearings::load(root, root, &Digest::of(b"another")), None);
        fs::write(&yaml, "2").unwrap();
        assert_eq!(Bearings::load(root, root, &bearings.key), None);
    }

    #[test]
    fn a_task_is_found_by_its_whole_name() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("kptn.yaml"), "").unwrap();
        let bearings = made(root.path(), i64::MAX).unwrap();
        let found = |graph, task| {
            let found = bearings.find(graph, task);
            found.iter().map(|one| (one.namespace.to_string(), one.map_over.len())).collect::<Vec<_>>()
        };
        assert_eq!(found(None, "A"), [("g".to_owned(), 0), ("space".to_owned(), 0)]);
        assert_eq!(found(Some("h"), "A"), [("space".to_owned(), 0)]);
        assert_eq!(found(None, "AB"), [("g".to_owned(), 2)]);
        assert_eq!(found(None, "B"), []);
    }
}
