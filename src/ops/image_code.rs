//! What the tasks in an image are made of: who pushes it writes that beside the machines' texts, who starts a run
//! compares it with the code here, before a container is paid for.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::survey::{environment, find_interpreters};
use super::{OpsError, Session, memo};
use crate::aws::Aws;
use crate::fingerprint::{Surroundings, gather};
use crate::model::{Change, Graph, GraphName, Ingredient, IngredientKind, RemoteSettings, TaskName};
use crate::plan::changes_between;
use crate::remote::{Absent, Bucket, block_on, open};

/// What an image has of each task of each graph: a task that two graphs share may read other files in each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageCode(BTreeMap<GraphName, BTreeMap<TaskName, Vec<Ingredient>>>);

impl ImageCode {
    /// Looks at the tasks of a graph that `wanted` names as they are here.
    pub fn of(
        session: &Session,
        graph: &Graph,
        wanted: impl Fn(&TaskName) -> bool,
    ) -> Result<Self, OpsError> {
        let memo = memo::open(session)?;
        let (interpreters, no_probes) = (find_interpreters(session, &memo, graph), BTreeMap::new());
        let surroundings =
            Surroundings::new(&session.project, graph, &interpreters, &no_probes, &environment, &memo);
        let tasks: Vec<_> = graph.tasks.values().filter(|task| wanted(&task.name)).collect();
        let of_files = |one: &Ingredient| is_in_images(one.kind);
        let look = |task: &&crate::model::Task| {
            let all = gather(task, &surroundings).ingredients;
            (task.name.clone(), all.into_iter().filter(of_files).collect())
        };
        let found = Self(BTreeMap::from([(graph.name.clone(), tasks.par_iter().map(look).collect())]));
        memo::save(&memo);
        Ok(found)
    }

    /// Looks at all tasks of the project.
    pub fn of_project(session: &Session) -> Result<Self, OpsError> {
        let mut all = Self::default();
        for graph in session.project.graphs.values() {
            all.0.extend(Self::of(session, graph, |_| true)?.0);
        }
        Ok(all)
    }

    /// Names the tasks of which the image has something else, each with what differs. One that the image does not know
    /// was not in the project, or not in the graph, then.
    pub fn differences(&self, here: &Self) -> Vec<(TaskName, Vec<String>)> {
        let here =
            here.0.iter().flat_map(|(graph, tasks)| tasks.iter().map(move |(task, now)| (graph, task, now)));
        let differ = |(graph, task, now): (&GraphName, &TaskName, &Vec<Ingredient>)| {
            let changed: Vec<String> = match self.0.get(graph).and_then(|tasks| tasks.get(task)) {
                Some(there) => changes_between(there, now).into_iter().map(Change::label).collect(),
                None => vec!["not in it".to_owned()],
            };
            (!changed.is_empty()).then(|| (task.clone(), changed))
        };
        here.filter_map(differ).collect()
    }

    /// Reads what was said of the image with this tag; absent where nobody said anything, or it cannot be read.
    pub fn read(bucket: &Bucket, tag: &str) -> Result<Option<Self>, OpsError> {
        let bytes = block_on(bucket.read(&key(tag)))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Says it of the image with this tag.
    pub fn write(&self, bucket: &Bucket, tag: &str) -> Result<(), OpsError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Ok(block_on(bucket.write(&key(tag), bytes))?)
    }
}

/// Opens a whole bucket, not a remote in it, with the credentials of a stack.
pub(super) fn bucket_of_stack(aws: &Aws, profile: Option<&str>, bucket: &str) -> Result<Bucket, OpsError> {
    let settings = RemoteSettings {
        url: format!("s3://{bucket}"),
        region: Some(aws.region().to_owned()),
        profile: profile.map(str::to_owned),
        ..RemoteSettings::default()
    };
    Ok(open(&settings, Absent::Fail)?)
}

fn key(tag: &str) -> String {
    format!("kptn-images/{tag}.json")
}

/// What comes with the image; all else comes with the run.
fn is_in_images(kind: IngredientKind) -> bool {
    matches!(kind, IngredientKind::Code | IngredientKind::Input | IngredientKind::Lockfile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn code(graph: &str, task: &str, of: &[u8]) -> ImageCode {
        let part = |kind| Ingredient { kind, name: "a".to_owned(), digest: Digest::of(of), shown: None };
        let parts = vec![part(IngredientKind::Code), part(IngredientKind::Input)];
        let tasks = BTreeMap::from([(TaskName::parse(task).unwrap(), parts)]);
        ImageCode(BTreeMap::from([(GraphName::parse(graph).unwrap(), tasks)]))
    }

    #[test]
    fn a_task_of_two_graphs_may_read_other_files_in_each() {
        let mut there = code("one", "A", b"1");
        there.0.extend(code("two", "A", b"2").0);
        let names =
            |here: &ImageCode| there.differences(here).into_iter().map(|(_, what)| what).collect::<Vec<_>>();
        assert!(names(&code("one", "A", b"1")).is_empty() && names(&code("two", "A", b"2")).is_empty());
        assert_eq!(names(&code("two", "A", b"1")), [["a", "a"]]);
        assert_eq!(names(&code("one", "B", b"1")), [["not in it"]]);
        assert_eq!(names(&code("three", "A", b"1")), [["not in it"]]);
    }
}
